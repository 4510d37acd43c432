// `--stop` ends a run through its launcher, and nobody else.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  cgroups,
  compartment,
  compile,
  eventually,
  isAlive,
  launcherPath,
  leavesOf,
  needsRoot,
  start,
} from './launch.ts'

const skip = needsRoot

const startOf = (pid: number): string => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

const stop = (...args: (string | number)[]) =>
  spawnSync(launcherPath(), ['--stop', ...args.map(String)], { encoding: 'utf8' })

const obedient = needsRoot ? '' : compile('#include <unistd.h>\nint main(void) { for (;;) pause(); }')
const deaf = needsRoot
  ? ''
  : compile(`#include <signal.h>
#include <unistd.h>
int main(void) { signal(SIGTERM, SIG_IGN); fork(); write(1, "deaf\\n", 5); for (;;) pause(); }`)

async function running(t: TestContext, program: string) {
  const run = start({ in: compartment(program), set: { 'grace-ms': 200 } })
  t.after(() => run.process.kill('SIGKILL'))
  const said = new Promise((resolve) => run.process.stdout?.once('data', resolve))
  const { pid: init } = await run.started
  const pid = run.process.pid ?? 0
  if (program === deaf) await said
  return { run, init, pid, start: startOf(pid) }
}

test('a program that listens ends by SIGTERM, long before its grace', { skip }, async (t) => {
  const { run, pid, start: begun } = await running(t, obedient)
  const { stdout, status } = stop(pid, begun, 5000)
  assert.equal(status, 0)
  const { stopped, ms } = JSON.parse(stdout)
  assert.equal(stopped, 'asked')
  assert.ok(ms < 2000, `${ms} ms`)
  assert.equal((await run.result).ended?.signal, 'SIGTERM')
})

test('one that does not is gone with its whole tree when the grace is over, however its own was set', {
  skip,
}, async (t) => {
  const { run, init, pid, start: begun } = await running(t, deaf)
  const { stopped, ms } = JSON.parse(stop(pid, begun, 900).stdout)
  assert.equal(stopped, 'asked')
  assert.ok(ms >= 900 && ms < 2500, `${ms} ms`)
  assert.equal((await run.result).ended?.signal, 'SIGKILL')
  assert.equal(isAlive(init), false)
  assert.deepEqual(leavesOf(run.name), [])
})

test('a grace of 0 is none', { skip }, async (t) => {
  const { run, pid, start: begun } = await running(t, deaf)
  assert.ok(JSON.parse(stop(pid, begun, 0).stdout).ms < 1000)
  assert.equal((await run.result).ended?.signal, 'SIGKILL')
})

test('a pid that was given to another process since is never signalled', { skip }, async (t) => {
  const stranger: ChildProcess = spawn('sleep', ['60'])
  t.after(() => stranger.kill('SIGKILL'))
  const pid = stranger.pid ?? 0
  const wrong = Number(startOf(pid)) - 1
  assert.deepEqual(JSON.parse(stop(pid, wrong, 100).stdout), { stopped: 'gone', ms: 0 })
  assert.deepEqual(JSON.parse(stop(2 ** 22, 1, 100).stdout), { stopped: 'gone', ms: 0 })
  assert.equal(isAlive(pid), true)
  assert.equal(stranger.signalCode, null)
})

/** A stopped process is woken; one that is frozen hears nothing but SIGKILL, as one that hangs. */
function freeze(t: TestContext, pid: number): void {
  const [, folder = ''] = cgroups().fields.find(([key]) => key === 'cgroup2') ?? []
  const frozen = join(String(folder), 'frozen')
  mkdirSync(frozen)
  t.after(() =>
    eventually(() => readFileSync(join(frozen, 'cgroup.procs'), 'utf8') === '').then(() => rmdirSync(frozen)),
  )
  writeFileSync(join(frozen, 'cgroup.procs'), `${pid}`)
  writeFileSync(join(frozen, 'cgroup.freeze'), '1')
}

test('a launcher that hangs is killed, and its tree with it', {
  skip: skip || (cgroups().fields.some(([key]) => key === 'cgroup2') ? false : 'no cgroup2 to freeze it in'),
}, async (t) => {
  const { run, init, pid, start: begun } = await running(t, obedient)
  freeze(t, pid)
  const { stopped } = JSON.parse(stop(pid, begun, 0).stdout)
  assert.equal(stopped, 'killed')
  assert.equal((await run.result).signal, 'SIGKILL')
  assert.equal(await eventually(() => !isAlive(init)), true)
})

test('arguments that are no numbers stop nothing', { skip }, () => {
  for (const args of [
    ['-1', '1', '1'],
    ['0', '1', '1'],
    ['1', 'x', '1'],
    ['1', '1', '99999999999'],
    ['', '', ''],
    ['4194305', '1', '1'],
  ]) {
    const { status, stderr } = stop(...args)
    assert.equal(status, 125, `${args}`)
    assert.match(stderr, /^plugins: cannot stop: /)
  }
})
