// report-denials puts the launcher between a plugin and the answers of its filter. It may tell of them, and nothing more:
// what is denied stays denied, whatever a plugin does to the one who looks.

import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { SLOW } from '../../helpers/patience.ts'
import {
  compartment,
  compileFile,
  eventually,
  isAlive,
  launch,
  needsRoot,
  type Result,
  type Run,
  sleep,
  start,
} from '../../runtime/launcher/launch.ts'
import { account, attack } from './attacker.ts'

const skip = needsRoot
const program = compileFile(import.meta.dirname, 'denials.c', '-pthread')
const REPORTING = { 'report-denials': 1 }

const run = (args: readonly string[], rest: Partial<Run> = {}): Run => ({
  in: compartment(program),
  args,
  ...rest,
  set: { ...REPORTING, ...rest.set },
})

interface Denial {
  readonly call: string
  readonly path: string | null
  readonly answer: string
  readonly count: number
}

const denialsOf = (result: Result): Denial[] =>
  result.report
    .split('\n')
    .filter((line) => line.includes('"event":"denial"'))
    .map((line) => JSON.parse(line))

const sum = (denials: readonly Denial[]): number => denials.reduce((total, { count }) => total + count, 0)

test('every call gets the answer it gets without a report', { skip, timeout: 120_000 * SLOW }, async () => {
  const stride = SLOW === 1 ? 1 : 6
  const sweep = ['sweep', String(stride)]
  const limits = { 'timeout-ms': 40_000 * SLOW, 'output-bytes': 0 }
  const plain = await launch(run(sweep, { set: { 'report-denials': 0, ...limits } }))
  const reporting = await launch(run(sweep, { set: limits }))
  // A call that waits is ended by a clock; which of them waits still when it strikes is chance on a busy machine.
  const isEnded = (line: string | undefined): boolean => line?.endsWith('=-14') === true
  const lines = plain.stdout.split('\n')
  assert.ok(lines.length > 1000 / stride, `${lines.length} calls were tried: ${plain.report}`)
  assert.ok(lines.filter(isEnded).length < 40)
  const answers = reporting.stdout.split('\n')
  const both = answers.map((line, at) => (isEnded(line) || isEnded(lines[at]) ? 'ended' : line))
  assert.deepEqual(
    both,
    lines.map((line, at) => (isEnded(line) || isEnded(answers[at]) ? 'ended' : line)),
  )
  assert.ok(sum(denialsOf(reporting)) > 500 / stride)
  // The control: without the filter many of these answers are others.
  const loose = await launch(run(sweep, { set: { 'report-denials': 0, ...limits }, weaker: ['seccomp'] }))
  const others = loose.stdout.split('\n').filter((line, at) => line !== lines[at])
  assert.ok(others.length > 100 / stride, `${others.length} answers differ without the filter`)
})

test('a path that changes under the launcher’s eyes opens nothing that was closed', { skip }, async () => {
  assert.equal((await launch(run(['race']))).stdout, 'denied 5000 through 0 made 0\n')
})

test('asking without end is rationed, and no clock waits for it', { skip }, async () => {
  for (const how of ['flood', 'dying']) {
    const before = Date.now()
    const result = await launch(run([how], { set: { 'timeout-ms': 1500 * SLOW, 'grace-ms': 200 } }))
    const tookMs = Date.now() - before
    assert.equal(result.ended?.limit, 'wall-time', `${how}: ${result.report}`)
    assert.ok(tookMs < 2500 * SLOW, `${how}: ended after ${tookMs} ms`)
    const asked = sum(denialsOf(result))
    assert.ok(asked > 0 && asked < 16384 + 8 * (tookMs + 100), `${how}: ${asked} calls were answered`)
  }
})

test('a plugin that asks without end is stopped when the host says so', { skip }, async () => {
  const running = start(run(['flood'], { set: { 'grace-ms': 0 } }))
  await running.started
  await sleep(100)
  running.process.kill('SIGTERM')
  const before = Date.now()
  await running.result
  assert.ok(Date.now() - before < 1000)
})

test('signals that arrive while a call waits change no answer', { skip }, async () => {
  assert.equal((await launch(run(['interrupted', SLOW === 1 ? '20000' : '1000']))).stdout, 'other 0\n')
})

test('nothing in the sandbox holds the descriptor at which calls are answered', { skip }, async () => {
  const set = REPORTING
  assert.equal(account(await attack(['print_fds'], { set })), '0 1 2')
  const running = start(run(['flood'], { set: { 'timeout-ms': 3000 } }))
  const { pid } = await running.started
  const openIn = (one: number): string[] =>
    readdirSync(`/proc/${one}/fd`).map((fd) => readlinkSync(`/proc/${one}/fd/${fd}`))
  assert.ok(openIn(running.process.pid ?? 0).some((what) => what.includes('seccomp notify')))
  assert.ok(
    openIn(pid).every((what) => /^pipe:/.test(what) || what.startsWith('/')),
    openIn(pid).join(' '),
  )
  running.process.kill('SIGKILL')
  await running.result
  assert.ok(await eventually(() => !isAlive(pid)), 'init died with its launcher')
})

test('should a plugin outlive its launcher, it is answered by nobody, and refused', { skip }, async () => {
  const setting = run(['outlive'], { data: true, weaker: ['parent-death'] })
  const running = start(setting)
  const { pid } = await running.started
  try {
    await sleep(100)
    running.process.kill('SIGKILL')
    assert.ok(await eventually(() => readdirSync(setting.in.data).length > 0))
    assert.deepEqual(readdirSync(setting.in.data), ['refused'])
  } finally {
    process.kill(pid, 'SIGKILL')
  }
})

test('any number of paths makes a bounded report', { skip }, async () => {
  const result = await launch(run(['paths', '5000']))
  assert.equal(result.stdout, 'looked\n')
  assert.ok(denialsOf(result).length <= 256)
  assert.ok(result.report.length < 60_000)
})

test('paths are read only where there are any, and written for terminals', { skip }, async () => {
  const plain = await launch(run(['strange'], { set: { 'report-denials': 0 } }))
  const result = await launch(run(['strange']))
  assert.equal(result.stdout, plain.stdout)
  assert.deepEqual(
    denialsOf(result).map(({ path }) => path),
    ['/nowhere', '/no?[2Jwhere?"\\?'],
  )
})
