// A copy that is held has surrendered everything before it waits, and is what any copy is when it is let go.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { eventsOf, waiting, words } from '../launcher/held.ts'
import { eventually, isAlive, type Run, type Running, start } from '../launcher/launch.ts'
import { childOf, coldOf, copyOf, needsParent, type Parent, startParent } from './parent.ts'
import { PORTRAIT, seenFromHost } from './portrait.ts'

const options = { skip: needsParent, timeout: 60_000 }
const WAITING = `import time\nprint('here', flush=True)\ntime.sleep(60)`
const RAN = `open('/data/ran', 'w')\nimport sys, json\nprint(json.dumps(sys.argv[1:]), sys.argv == sys.orig_argv[4:])`

function held(parent: Parent, script: string, rest: Partial<Run> = {}): Run {
  const run = copyOf(parent, script, rest)
  return { ...run, control: true, set: { ...run.set, held: 1, data: run.in.data } }
}

/** Pid 1 of the only copy, which is a child of the parent's. */
const firstOf = (parent: Parent): number => childOf(parent.pid)

test('it waits with nothing of the plugin run, and then has the arguments that it is told', options, async (t) => {
  const parent = await startParent(t, ['json'])
  for (const late of [[], ['late', 'two words', '', 'ö']]) {
    const plan = held(parent, RAN, { args: ['planned'] })
    const run = start(plan)
    await waiting(run)
    assert.deepEqual(readdirSync(plan.in.data), [], 'nothing of the plugin has run')
    run.control?.write(words(late))
    const result = await run.result
    assert.equal(result.stderr, '')
    assert.equal(
      Buffer.from(result.stdout, 'latin1').toString(),
      `${JSON.stringify(['planned', ...late])
        .replaceAll(',', ', ')
        .replace('ö', '\\u00f6')} True\n`,
    )
    assert.deepEqual(eventsOf(result.report), ['held', 'started', 'ended'])
  }
})

test('while it waits it has no right that the program will not have', options, async (t) => {
  const parent = await startParent(t, ['json'])
  const run = start(held(parent, WAITING))
  await waiting(run)
  const program = seenFromHost(firstOf(parent)) as object[]
  run.control?.write(words([]))
  await new Promise((done) => run.process.stdout?.once('data', done))
  const running = seenFromHost((await run.started).pid) as object[]
  await ended(run)
  const plan = copyOf(parent, WAITING)
  const cold = start({ ...coldOf(plan), control: true, set: { ...coldOf(plan).set, data: plan.in.data } })
  await new Promise((done) => cold.process.stdout?.once('data', done))
  const expected = seenFromHost((await cold.started).pid) as object[]
  await ended(cold)
  // Pid 1 has descriptors to let go of until the program runs. The program has the socket it waits on, and nothing else.
  const { descriptors, ...rest } = program[1] as { descriptors: string[] }
  const { descriptors: expectedOnes, ...expectedRest } = expected[1] as { descriptors: string[] }
  assert.deepEqual(rest, expectedRest)
  assert.deepEqual(
    descriptors.filter((one) => !/socket/.test(one)),
    expectedOnes,
  )
  assert.equal(descriptors.length, expectedOnes.length + 1)
  assert.deepEqual(running, expected)
})

test('a program cannot tell that it was held', options, async (t) => {
  const parent = await startParent(t, ['json', 'decimal'])
  const copy = copyOf(parent, PORTRAIT, { args: ['one', 'two words'], stdin: 'said' })
  const run = start({ ...copy, control: true, set: { ...copy.set, held: 1 } })
  await waiting(run)
  run.control?.write(words([]))
  const [waited, cold] = [await run.result, await start(coldOf(copy)).result]
  assert.deepEqual([waited.status, waited.stderr], [0, ''])
  assert.deepEqual(JSON.parse(waited.stdout), JSON.parse(cold.stdout))
})

test('whoever of parent, launcher and pid 1 dies while it waits, nothing of it is left', options, async (t) => {
  for (const who of ['launcher', 'pid 1', 'parent'] as const) {
    const parent = await startParent(t, ['json'])
    const run = start(held(parent, WAITING))
    await waiting(run)
    const first = firstOf(parent)
    const program = childOf(first)
    process.kill(who === 'launcher' ? (run.process.pid as number) : who === 'pid 1' ? first : parent.pid, 'SIGKILL')
    assert.ok(await eventually(() => !isAlive(first) && !isAlive(program)), who)
    const result = await run.result
    assert.equal(result.stdout, '', who)
    if (who !== 'launcher') assert.deepEqual(eventsOf(result.report), ['held', 'ended'], who)
  }
})

async function ended(run: Running): Promise<void> {
  run.control?.end()
  await run.result
}
