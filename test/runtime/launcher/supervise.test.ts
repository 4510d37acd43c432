// Signals, clocks, the control pipe, and an end that leaves nothing.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { compartment, compile, eventually, isAlive, leavesOf, needsRoot, sleep, start } from './launch.ts'

const skip = needsRoot
const listener = compile(`
  #include <signal.h>
  #include <stdio.h>
  #include <unistd.h>
  static void heard(int s) { char t[16]; write(1, t, sprintf(t, "%d\\n", s)); if (s == SIGTERM) _exit(9); }
  int main(int c, char **v) {
    int s[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    for (int i = 0; i < 6; i++) signal(s[i], heard);
    if (c > 1) signal(SIGTERM, SIG_IGN);
    puts("ready"); fflush(stdout);
    for (;;) pause(); }`)

async function ready(
  args: readonly string[] = [],
  set: Record<string, number> = {},
  control = false,
): Promise<ReturnType<typeof start>> {
  const run = start({ in: compartment(listener), args, set, control })
  await new Promise((done) => run.process.stdout?.once('data', done))
  return run
}

test('signals sent to the launcher reach the program', { skip }, async () => {
  const run = await ready()
  const stdout = run.process.stdout ?? assert.fail('it has no output')
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const) {
    const said = once(stdout, 'data')
    run.process.kill(signal)
    await said
  }
  run.process.kill('SIGTERM')
  const result = await run.result
  assert.equal(result.stdout, 'ready\n2\n1\n3\n10\n12\n15\n')
  assert.equal(result.status, 9, 'what the program made of SIGTERM')
  assert.equal(result.ended?.outcome, 'exited')
})

test('after SIGTERM the grace runs, and then the tree is killed', { skip }, async () => {
  const run = await ready(['deaf'], { 'grace-ms': 300 })
  const began = Date.now()
  run.process.kill('SIGTERM')
  const result = await run.result
  assert.ok(Date.now() - began >= 290)
  assert.equal(result.ended?.outcome, 'signalled')
  assert.equal(result.ended?.signal, 'SIGKILL')
  assert.deepEqual(leavesOf(run.name), [])
})

test('a second SIGTERM does not wait for the grace', { skip }, async () => {
  const run = await ready(['deaf'], { 'grace-ms': 10000 })
  const began = Date.now()
  run.process.kill('SIGTERM')
  await sleep(50)
  run.process.kill('SIGTERM')
  assert.equal((await run.result).ended?.signal, 'SIGKILL')
  assert.ok(Date.now() - began < 3000)
})

test('the time limit is told apart from a request to end', { skip }, async () => {
  const run = await ready([], { 'timeout-ms': 300 })
  const result = await run.result
  assert.equal(result.ended?.outcome, 'limited')
  assert.equal(result.ended?.limit, 'wall-time')
  assert.equal(result.status, 124)
  assert.match(result.ended?.reason ?? '', /^cannot let test\/plugin go on: it ran longer than 300 ms$/)
})

test('output keeps an idle limit away', { skip }, async () => {
  const talker = compile(
    '#include <unistd.h>\nint main(void) { for (int i = 0; i < 8; i++) write(1, "x", 1), usleep(100000); return 0; }',
  )
  const run = start({ in: compartment(talker), set: { 'idle-ms': 300 } })
  assert.equal((await run.result).status, 0)
})

test('a byte on the control pipe is a signal', { skip }, async () => {
  const run = await ready([], {}, true)
  run.control?.write(Buffer.from([10]))
  await sleep(50)
  run.control?.write(Buffer.from([15]))
  const result = await run.result
  assert.equal(result.stdout, 'ready\n10\n15\n')
  assert.equal(result.status, 9)
})

test('the end of the control pipe kills the tree', { skip }, async () => {
  const run = await ready(['deaf'], { 'grace-ms': 10000 }, true)
  const { pid } = await run.started
  run.control?.end()
  const result = await run.result
  assert.equal(result.ended?.signal, 'SIGKILL')
  assert.ok(!isAlive(pid))
  assert.deepEqual(leavesOf(run.name), [])
})

test('a host that asks for the control pipe and does not give one gets no run', { skip }, async () => {
  const run = start({ in: compartment(listener), set: { control: 1 } })
  const result = await run.result
  assert.notEqual(result.ended?.outcome, 'exited')
})

test('the whole tree is gone and reaped before the launcher exits', { skip }, async () => {
  const family = compile(`
    #include <unistd.h>
    int main(void) { for (int i = 0; i < 5; i++) if (fork() == 0) { setsid(); pause(); } usleep(20000); return 0; }`)
  const run = start({ in: compartment(family) })
  const { pid } = await run.started
  const result = await run.result
  assert.equal(result.status, 0)
  assert.ok([6, null].includes(result.ended?.usage.processesPeak ?? null))
  assert.ok(!isAlive(pid))
  assert.deepEqual(leavesOf(run.name), [])
})

test('launcher and init together are smaller than 3 MiB', { skip }, async () => {
  const run = await ready()
  const { pid } = await run.started
  const rss = (of: number): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${of}/status`, 'utf8'))?.[1] ?? 0)
  const together = rss(run.process.pid ?? 0) + rss(pid)
  run.process.kill('SIGTERM')
  await run.result
  assert.ok(together < 1024, `${together} KiB`)
})

test('a hundred runs leave no cgroup, no process and no zombie', { skip }, async () => {
  const quick = compartment(compile('int main(void) { return 0; }'))
  const runs = Array.from({ length: 100 }, () => start({ in: quick }))
  const results = await Promise.all(runs.map((run) => run.result))
  for (const result of results) assert.equal(result.status, 0, result.report)
  for (const run of runs) assert.deepEqual(leavesOf(run.name), [])
  assert.ok(await eventually(() => results.every(({ started }) => started && !isAlive(started.pid))))
})
