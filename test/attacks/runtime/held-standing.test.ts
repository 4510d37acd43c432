// A launcher that was stopped, or is in the hands of a tracer, reads nothing: neither that it is to let go, nor that it is to end.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningPlugin, SpawnedPlugin } from '../../../src/index.ts'
import { SLOW } from '../../helpers/patience.ts'
import { HELLO, type Household, household, manifestOf } from '../../manager/household.ts'
import { up, watchedHouse } from '../../manager/watched.ts'
import { isAlive } from '../../runtime/launcher/launch.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const spec = {
  files: {
    'main.py': 'import sys\nopen("/data/ran", "a").write(sys.argv[1])\nprint(open("/data/ran").read())',
    'plugin.json': manifestOf({ entry: { runtime: 'python', path: 'main.py' }, limits: { data: '1M' } }),
  },
}
const NEVER = Symbol('never')
const within = <T>(ms: number, of: Promise<T>) => Promise.race([of, sleep(ms * SLOW, NEVER, { ref: false })])

async function said(one: SpawnedPlugin): Promise<string> {
  one.stdin?.end()
  one.stderr?.resume()
  return text(one.stdout ?? assert.fail('it has no stdout'))
}

/** PTRACE_SEIZE and PTRACE_INTERRUPT: nothing but the end of the tracer, or SIGKILL, has it go on. Who is killed is the tracer's to wait for first. */
const TRACER = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
pid = int(sys.argv[1])
for request in (0x4206, 0x4207):
    if libc.ptrace(request, pid, None, None) < 0: raise OSError(ctypes.get_errno())
os.waitpid(pid, 0)
print('still', flush=True)
os.waitpid(pid, 0)
`

/** `false`: nobody may trace here. */
async function trace(t: TestContext, pid: number): Promise<boolean> {
  const tracer = spawn('/usr/bin/python3', ['-c', TRACER, `${pid}`], { stdio: ['pipe', 'pipe', 'ignore'] })
  t.after(() => tracer.kill('SIGKILL'))
  return Promise.race([once(tracer.stdout, 'data').then(() => true), once(tracer, 'exit').then(() => false)])
}

async function waitingIn(house: Household): Promise<RunningPlugin & { readonly leaves: readonly string[] }> {
  const [waits] = await house.manager.ps(HELLO)
  assert.ok(waits, 'nothing waits')
  const row = house.raw((db) => db.prepare('SELECT place FROM runs WHERE id = ?').get(waits.run)) as { place: string }
  const { leaves } = JSON.parse(row.place) as { leaves: string[] }
  assert.ok(leaves.some(existsSync))
  return { ...waits, leaves }
}

const pidOf = ({ pid }: { readonly pid: number | null }): number => pid ?? assert.fail('it has no pid')

for (const [how, size, before] of [
  ['the next one that waits', 2, 0],
  ['a fresh one', 1, 0],
  ['a fresh one of a fork server, as the first was,', 1, 3],
] as const)
  test(`when the launcher of the first is stopped, ${how} is handed out, and what was to run runs once`, {
    skip,
  }, async (t) => {
    const house = await household(t)
    await house.install(spec as never)
    for (let runs = 0; runs < before; runs++) {
      const run = await house.manager.run(HELLO, { args: [''], stdio: { stdin: 'ignore', stdout: 'ignore' } })
      run.stderr?.resume()
      await run.outcome
      await sleep(300 * SLOW)
    }
    await using pool = await house.manager.warm(HELLO, { at: 'entry', size })
    const all = await house.manager.ps(HELLO)
    assert.equal(all.length, size)
    const { leaves } = await waitingIn(house)
    const first = all[0]
    const ours = readFileSync(`/proc/${pidOf(first as never)}/status`, 'utf8').includes(`PPid:\t${process.pid}\n`)
    assert.equal(ours, before === 0, 'who has started it')
    process.kill(pidOf(first as never), 'SIGSTOP')
    const began = performance.now()
    const one = await within(9_000, pool.spawn({ args: ['a'] }))
    assert.ok(one !== NEVER, `it is still waited for after ${performance.now() - began} ms`)
    assert.notEqual(one.run, first?.run)
    assert.equal(await said(one), 'a\n', 'nothing has run before it')
    assert.equal(isAlive(pidOf(first as never)), false, 'nor will: the first is gone')
    assert.deepEqual(leaves.filter(existsSync), [], 'and nothing is left of it')
    const { outcome } = (await house.manager.history(HELLO, 9)).find(({ id }) => id === first?.run) ?? {}
    assert.deepEqual([outcome?.outcome, outcome?.signal], ['signalled', 'SIGKILL'])
  })

test('a launcher that is held by a tracer is waited for, but not for ever', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec as never)
  await using pool = await house.manager.warm(HELLO, { at: 'entry', size: 1 })
  const first = await waitingIn(house)
  if (!(await trace(t, pidOf(first)))) return t.skip('nobody may trace here')
  const one = await within(15_000, pool.spawn({ args: ['a'] }))
  assert.ok(one !== NEVER)
  assert.equal(await said(one), 'a\n')
  assert.deepEqual(first.leaves.filter(existsSync), [])
})

test('closing a run whose launcher was stopped ends it in order', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const run = await up(t, house.manager, ['wait'])
  process.kill(run.pid, 'SIGSTOP')
  const outcome = await within(10_000, run.close())
  assert.ok(outcome !== NEVER)
  assert.ok(outcome.usage.wallMs > 0, 'it was the launcher that said how it ended')
})

test('closing a manager kills a launcher that cannot be woken, and nothing is left for later', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const run = await up(t, house.manager, ['wait'])
  const { leaves } = await waitingIn(house)
  if (!(await trace(t, run.pid))) return t.skip('nobody may trace here')
  const started = await run.started
  await house.manager.close()
  await assert.rejects(run.outcome, { code: 'LAUNCH_FAILED' })
  assert.equal(isAlive(run.pid), false)
  assert.equal(isAlive(started?.pid ?? 0), false, 'its tree went with it')
  assert.deepEqual(leaves.filter(existsSync), [])
  await house.reopen()
  const [record] = await house.manager.history(HELLO, 9)
  assert.equal(record?.outcome?.signal, 'SIGKILL', 'and how it ended is recorded')
})

test('a launcher that was stopped when its host was killed ends with the next command', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec as never)
  const library = new URL('../../../src/index.ts', import.meta.url).href
  const host = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const { openManager } = await import(${JSON.stringify(library)})
       const plugins = await openManager({ home: ${JSON.stringify(house.layout.home)} })
       await plugins.warm('${HELLO}', { at: 'entry' })
       console.log('waits')
       setInterval(() => {}, 1000)`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await once(host.stdout, 'data')
  const { leaves, ...waits } = await waitingIn(house)
  process.kill(pidOf(waits), 'SIGSTOP')
  host.kill('SIGKILL')
  await once(host, 'exit')
  await sleep(1_000)
  assert.ok(isAlive(pidOf(waits)), 'it has not heard of it')
  await house.reopen()
  for (let tries = 0; isAlive(pidOf(waits)) && tries < 80 * SLOW; tries++) await sleep(25)
  assert.equal(isAlive(pidOf(waits)), false)
  await house.reopen()
  assert.deepEqual(await house.manager.ps(), [])
  assert.deepEqual(leaves.filter(existsSync), [])
})
