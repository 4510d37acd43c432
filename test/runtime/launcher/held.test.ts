// A run that is held when everything is ready: nothing of the plugin runs before it is let go, with the arguments said then.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { eventsOf, waiting, words } from './held.ts'
import {
  compartment,
  compile,
  eventually,
  isAlive,
  launcherPath,
  leavesOf,
  needsRoot,
  type Run,
  sleep,
  start,
} from './launch.ts'

const skip = needsRoot
const speaker = compile(`
  #include <stdio.h>
  int main(int c, char **v) {
    FILE *log = fopen("/data/ran", "a");
    if (log) fclose(log);
    for (int i = 1; i < c; i++) puts(v[i]);
    char cmdline[4096] = {0}; FILE *f = fopen("/proc/self/cmdline", "r");
    printf("%zu\\n", fread(cmdline, 1, sizeof cmdline, f)); }`)

const held = (run: Partial<Run> = {}): Run => {
  const there = compartment(speaker)
  return { in: there, control: true, ...run, set: { held: 1, data: there.data, ...run.set } }
}

test('nothing runs before it is let go; then it runs with the arguments of the plan and those said then', {
  skip,
}, async () => {
  const plan = held({ args: ['planned'] })
  const run = start(plan)
  await waiting(run)
  await sleep(200)
  assert.equal(existsSync(`${plan.in.data}/ran`), false, 'nothing of the plugin has run')
  run.control?.write(words(['late', 'two words', '']))
  const result = await run.result
  const argv0 = result.stdout.split('\n').at(-2)
  assert.equal(result.stdout, `planned\nlate\ntwo words\n\n${argv0}\n`)
  assert.ok(existsSync(`${plan.in.data}/ran`))
  assert.deepEqual(eventsOf(result.report), ['held', 'started', 'ended'])
  assert.equal(result.status, 0)
})

test('no arguments are as good as some', { skip }, async () => {
  const run = start(held({ args: ['planned'] }))
  await waiting(run)
  run.control?.write(words([]))
  const result = await run.result
  assert.match(result.stdout, /^planned\n\d+\n$/)
})

test('as many as a held run can be told arrive whole, however they come', { skip }, async () => {
  const run = start(held())
  await waiting(run)
  const long = 'x'.repeat(60 * 1024 - 3)
  const bytes = words([long, 'y'])
  // In three pieces, as a busy host may write them.
  for (const [from, to] of [
    [0, 3],
    [3, 40_000],
    [40_000, bytes.length],
  ]) {
    run.control?.write(bytes.subarray(from, to))
    await sleep(30)
  }
  const result = await run.result
  assert.equal(result.stdout.startsWith(`${long}\ny\n`), true)
})

test('its clocks stand still while it waits', { skip }, async () => {
  const run = start(held({ set: { 'timeout-ms': 400, 'idle-ms': 400 } }))
  await waiting(run)
  await sleep(900)
  run.control?.write(words(['late']))
  const result = await run.result
  assert.match(result.stdout, /^late\n/)
  assert.ok((result.ended?.usage.wallMs ?? 9999) < 400, result.report)
})

test('whoever ends it while it waits ends it at once, and nothing of it is left', { skip }, async () => {
  const ways: Record<string, (run: ReturnType<typeof start>) => void> = {
    'a signal': (run) => run.process.kill('SIGTERM'),
    'a stop, with a grace': ({ process: { pid = 0 } }) => {
      const start = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[19] as string
      spawnSync(launcherPath(), ['--stop', `${pid}`, start, '60000'])
    },
    'another signal': (run) => run.process.kill('SIGUSR1'),
    'a byte that is a signal': (run) => run.control?.write(Uint8Array.of(15)),
    'the end of the control pipe': (run) => run.control?.end(),
  }
  for (const [way, end] of Object.entries(ways)) {
    const plan = held({ set: { 'grace-ms': 60_000 } })
    const run = start(plan)
    await waiting(run)
    end(run)
    const result = await run.result
    assert.deepEqual(eventsOf(result.report), ['held', 'ended'], way)
    assert.equal(result.stdout, '', way)
    assert.deepEqual(leavesOf(run.name), [], way)
    assert.equal(existsSync(`${plan.in.data}/ran`), false, way)
  }
})

test('a launcher that is killed takes what it holds along', { skip }, async () => {
  const run = start(held())
  await waiting(run)
  const children = readFileSync(`/proc/${run.process.pid}/task/${run.process.pid}/children`, 'utf8').trim().split(' ')
  assert.equal(children.length, 1)
  run.process.kill('SIGKILL')
  assert.ok(await eventually(() => !isAlive(Number(children[0]))))
})

test('what cannot be understood ends it: nothing runs on half of what was said', { skip }, async () => {
  const said: Record<string, Buffer> = {
    'no end': words([], { length: 3 }),
    'too long': words([], { length: 60 * 1024 + 1 }),
    'longer than anything': words([], { length: 0xffffffff }),
  }
  for (const [what, bytes] of Object.entries(said)) {
    const plan = held()
    const run = start(plan)
    await waiting(run)
    run.control?.write(bytes)
    if (what === 'no end') run.control?.end(Buffer.from('abc'))
    const result = await run.result
    assert.equal(result.stdout, '', what)
    assert.notEqual(result.status, 0, what)
    assert.equal(existsSync(`${plan.in.data}/ran`), false, what)
  }
})

test('it is let go once; and what was never held cannot be', { skip }, async () => {
  const waits = compile('#include <unistd.h>\nint main(void) { write(1, "here\\n", 5); for (;;) pause(); }')
  for (const isHeld of [true, false]) {
    const run = start({ in: compartment(waits), control: true, set: isHeld ? { held: 1 } : {} })
    if (isHeld) {
      await waiting(run)
      run.control?.write(words([]))
    }
    await new Promise((done) => run.process.stdout?.once('data', done))
    run.control?.write(words(['again']))
    const result = await run.result
    assert.equal(result.ended?.signal, 'SIGKILL', `held: ${isHeld}`)
  }
})

test('a program that is not there is refused when it is let go', { skip }, async () => {
  const run = start(held({ exec: '/plugin/none' }))
  await waiting(run)
  run.control?.write(words([]))
  const result = await run.result
  assert.equal(result.ended?.error, 'ENTRY_NOT_FOUND')
})

test('only a run with a control pipe, of our own making, can be held', { skip }, async () => {
  for (const run of [held({ control: false }), held({ set: { 'report-denials': 1 } })]) {
    const result = await start(run).result
    assert.equal(result.ended?.error, 'SPEC_INVALID', result.report)
  }
})
