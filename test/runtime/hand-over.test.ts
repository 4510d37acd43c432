import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { prepareCgroups, surveyCgroups } from '../../src/runtime/cgroup-parents.ts'
import { spoolRun } from '../../src/runtime/hand-over.ts'
import { leavesOf, type RunPlan, type RunRequest, type TakenUp, takeUp } from '../../src/runtime/index.ts'
import { isLeafOf, parentsOf, sweepEmpty, sweepLeaf } from '../../src/runtime/leaves.ts'
import { planRun } from '../../src/runtime/plan.ts'
import { compile } from '../helpers/compile.ts'
import { cannotLaunch, type Files, makeHouse } from './plan/house.ts'
import { inputOf } from './plan/input.ts'

const skip = cannotLaunch
const exec = { entry: { runtime: 'exec', path: 'bin/x' } }
const ECHO = `#include <stdio.h>
int main(void){ int c; while ((c = getchar()) != EOF) putchar(c); fprintf(stderr, "said"); return 5; }`
const SLEEP = '#include <unistd.h>\nint main(void){ write(1, "up", 2); for (;;) pause(); }'

async function handedOver(t: TestContext, source: string, rest: Partial<RunRequest> = {}) {
  const house = makeHouse(t)
  const files: Files = { 'bin/x': { copy: await compile(source, { static: true }) } }
  const plan = await house.planner.prepare(house.request(exec, files, rest))
  const outcomeFile = join(house.layout.home, 'outcome.json')
  const input = join(house.layout.home, 'input.json')
  writeFileSync(input, JSON.stringify({ plan, spool: house.layout.spool, outcomeFile }))
  const child = spawn(process.execPath, [join(import.meta.dirname, 'plan', 'hand-over.ts'), input])
  t.after(() => void child.kill('SIGKILL'))
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (output.stdout += chunk))
  child.stderr.on('data', (chunk) => (output.stderr += chunk))
  const ended = new Promise<number | null>((resolve) =>
    child.on('close', (code, signal) => {
      if (signal !== null) output.stderr += `[ended by ${signal}]`
      resolve(code)
    }),
  )
  return { house, plan, child, output, ended, outcomeFile, spool: house.layout.spool }
}

const take = (spool: string, alive = false): TakenUp[] => {
  const taken: TakenUp[] = []
  takeUp(
    spool,
    () => alive,
    (one) => taken.push(one),
  )
  return taken
}

test('a hand-over is transparent: input, output, exit code, and not one word of Node', {
  skip,
  timeout: 20_000,
}, async (t) => {
  const { child, output, ended, outcomeFile, spool, plan } = await handedOver(t, ECHO)
  child.stdin.end('through')
  assert.equal(await ended, 5, output.stderr)
  assert.deepEqual(output, { stdout: 'through', stderr: 'said' })
  assert.equal(JSON.parse(readFileSync(outcomeFile, 'utf8')).code, 5)

  const [taken] = take(spool)
  assert.equal(taken?.run, plan.run)
  assert.equal(taken?.lost, false)
  assert.equal(taken?.outcome.code, 5)
  assert.deepEqual(readdirSync(spool), [])
})

test('the launcher is the very process that was started, without an environment of ours', { skip }, async (t) => {
  const { child, output, ended, spool, plan } = await handedOver(t, SLEEP)
  await until(() => output.stdout === 'up')
  assert.match(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8'), /bulkhead/)
  assert.equal(readFileSync(`/proc/${child.pid}/environ`, 'utf8'), '')
  assert.equal(existsSync(join(spool, plan.run, 'spec')), false)
  assert.deepEqual(take(spool, true), [], 'a run that lives is not taken up')
  child.kill('SIGTERM')
  assert.equal(await ended, 128 + 15)
  assert.equal(take(spool)[0]?.outcome.signal, 'SIGTERM')
})

test('a launcher that was killed is taken up as lost, and its leaves are swept', { skip }, async (t) => {
  const { child, output, ended, spool, plan } = await handedOver(t, SLEEP)
  await until(() => output.stdout === 'up')
  child.kill('SIGKILL')
  await ended
  const [taken] = take(spool)
  assert.equal(taken?.lost, true)
  assert.equal(taken?.outcome.signal, 'SIGKILL')
  for (const leaf of leavesOf(plan)) assert.equal(existsSync(leaf), false, leaf)
  assert.deepEqual(readdirSync(spool), [])
})

// --- the spool alone

const plan: RunPlan = planRun(inputOf({}))
const EXITED =
  '{"event":"ended","outcome":"exited","code":3,"signal":null,"limit":null,"reason":null,"error":null,"limitsMet":[],"weaker":[],' +
  '"usage":{"wallMs":3,"cpuMs":1,"memoryPeakBytes":1,"processesPeak":1,"ioReadBytes":0,"ioWriteBytes":0,' +
  '"outputBytes":6,"tmpBytes":0,"dataBytes":null,"filesPeak":null,"networkBytes":null}}\n'

test('the specification is written for the owner alone, once', (t) => {
  const { spool } = makeHouse(t).layout
  const folder = spoolRun(plan, { spool, binary: '/launcher' })
  assert.equal(lstatSync(join(folder, 'spec')).mode & 0o7777, 0o600)
  assert.equal(statSync(folder).mode & 0o7777, 0o700)
  assert.match(readFileSync(join(folder, 'spec'), 'utf8'), new RegExp(`report-file=${folder}/report\0`))
  assert.throws(() => spoolRun(plan, { spool, binary: '/launcher' }), { code: 'EEXIST' })
})

test('a run whose launcher never read its specification was refused', (t) => {
  const { spool } = makeHouse(t).layout
  spoolRun(plan, { spool, binary: '/launcher' })
  const [taken] = take(spool)
  assert.equal(taken?.lost, true)
  assert.equal(taken?.outcome.outcome, 'refused')
  assert.equal(taken?.outcome.error, 'LAUNCH_FAILED')
})

test('a report is given again until it was recorded', (t) => {
  const { spool } = makeHouse(t).layout
  writeFileSync(join(spoolRun(plan, { spool, binary: '/launcher' }), 'report'), EXITED)
  const failing = () =>
    takeUp(
      spool,
      () => false,
      () => assert.fail('the database is locked'),
    )
  assert.throws(failing, /the database is locked/)
  assert.equal(take(spool)[0]?.outcome.code, 3)
  assert.deepEqual(take(spool), [])
})

test('a damaged report, a link and an unfinished one are not believed', (t) => {
  const { spool, home } = makeHouse(t).layout
  const report = join(spoolRun(plan, { spool, binary: '/launcher' }), 'report')
  writeFileSync(join(home, 'forged'), EXITED)
  symlinkSync(join(home, 'forged'), report)
  const [linked] = take(spool)
  assert.equal(linked?.lost, true)
  assert.notEqual(linked?.outcome.code, 3)

  for (const text of ['{', EXITED.replace('"code":3', '"code":"3"'), '', EXITED + EXITED]) {
    writeFileSync(join(spoolRun(plan, { spool, binary: '/launcher' }), 'report'), text)
    const [taken] = take(spool)
    assert.equal(taken?.outcome.outcome, 'refused', text)
    assert.match(taken?.outcome.reason ?? '', /^cannot tell how run r-1 ended/)
  }
})

test('what is no run of ours in the spool is left alone', (t) => {
  const { spool } = makeHouse(t).layout
  mkdirSync(join(spool, 'NOT ours'), { recursive: true })
  assert.deepEqual(take(spool), [])
  assert.deepEqual(readdirSync(spool), ['NOT ours'])
})

test('only a leaf of that very run, in a parent of ours, is ever swept', () => {
  assert.ok(isLeafOf('/sys/fs/cgroup/pids/bulkhead/bulkhead-r-1', 'r-1'))
  for (const path of [
    '/sys/fs/cgroup/pids/bulkhead/bulkhead-r-2',
    '/sys/fs/cgroup/pids/other/bulkhead-r-1',
    '/sys/fs/cgroup/pids/bulkhead',
    'bulkhead/bulkhead-r-1',
    '/sys/fs/cgroup/pids/bulkhead/bulkhead-r-1/..',
  ]) {
    assert.equal(isLeafOf(path, 'r-1'), false, path)
  }
})

const needsCgroups = process.geteuid?.() === 0 ? false : 'not root: no leaf can be made'
test('a leaf goes when its run is known to be dead; a young one of nobody may belong to a launcher that has just begun', {
  skip: needsCgroups,
}, async (t) => {
  const cgroups = surveyCgroups({ mode: 'root', uid: 0 })
  const [parent] = parentsOf(cgroups)
  if (parent === undefined) return t.skip('this host has no cgroup to make a leaf in')
  await prepareCgroups(cgroups)
  const leaf = join(parent, `bulkhead-swept-${process.pid}`)
  mkdirSync(leaf)
  sweepEmpty([parent], Date.now())
  assert.equal(existsSync(leaf), true)
  sweepLeaf(leaf)
  assert.equal(existsSync(leaf), false)
})

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo() && tries < 2000; tries++) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.ok(isSo())
}
