import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ProgressLine } from '../../src/cli/progress.ts'
import { widthOf } from '../../src/cli/width.ts'
import type { PluginName } from '../../src/core/name.ts'
import type { Progress } from '../../src/index.ts'
import { keptIo } from '../helpers/io.ts'

const name = 'acme/hello' as PluginName
const LOUD = { quiet: false, json: false }
const M = 2 ** 20
const bytes = (done: number, total: number | null = 12 * M): Progress => ({
  kind: 'bytes',
  what: 'download',
  name,
  done,
  total,
})
const files = (done: number): Progress => ({ kind: 'files', what: 'unpack', name, done, total: 5000 })
const step = (text: string): Progress => ({ kind: 'step', name, text })

/** What is shown for events at given milliseconds, by a clock that stands still between them. */
function shownFor(
  events: readonly (readonly [atMs: number, Progress])[],
  columns = 80,
  settings = LOUD,
): readonly string[] {
  const io = keptIo({ statusColumns: columns })
  let nowMs = 0
  using line = new ProgressLine(settings, io, () => nowMs)
  for (const [atMs, progress] of events) {
    nowMs = atMs
    line.report(progress)
  }
  return [...io.shown]
}

test('a change of less than 300 ms says nothing', () => {
  assert.deepEqual(
    shownFor([
      [0, bytes(0)],
      [299, bytes(11 * M)],
    ]),
    [],
  )
})

test('a download tells bytes, total, rate and what is left', () => {
  const events = [0, 1, 2, 3].map((second) => [second * 1000, bytes(second * M)] as const)
  assert.deepEqual(shownFor(events).at(-1), 'downloading acme/hello  25%  3M of 12M  1M/s  9s left')
})

test('the rate is that of the last seconds, and begins anew where a download does', () => {
  const slow = [0, 10_000, 20_000, 21_000, 22_000].map(
    (atMs, at) => [atMs, bytes([0, M, 2 * M, 4 * M, 6 * M][at] ?? 0)] as const,
  )
  assert.match(shownFor(slow).at(-1) ?? '', / 2M\/s /)
  assert.doesNotMatch(shownFor([...slow, [23_000, bytes(M)]]).at(-1) ?? '', /\/s/)
})

test('without a known total there is neither a percentage nor an end', () => {
  assert.equal(
    shownFor([
      [0, bytes(0, null)],
      [1000, bytes(M, null)],
    ]).at(-1),
    'downloading acme/hello  1M  1M/s',
  )
})

test('files are counted, and a step is its sentence', () => {
  assert.deepEqual(
    shownFor([
      [400, files(2000)],
      [600, step('waiting for process 4711, which updates acme/hello')],
    ]),
    ['unpacking acme/hello  40%  2,000 of 5,000 files', 'waiting for process 4711, which updates acme/hello'],
  )
})

test('ten thousand events in a second are shown ten times', () => {
  const events = Array.from({ length: 10_000 }, (_, at) => [1000 + at / 10, files(at / 2)] as const)
  const shown = shownFor(events)
  assert.ok(shown.length >= 9 && shown.length <= 11, `${shown.length}`)
})

test('the last of many events at once is shown although none follows it, and the line is gone at the end', async () => {
  const io = keptIo({ statusColumns: 80 })
  {
    using line = new ProgressLine(LOUD, io)
    line.report(files(1))
    line.report(files(4999))
    await sleep(500)
    assert.match(io.shown.at(-1) ?? '', /4,999 of/)
  }
  assert.equal(io.shown.at(-1), '')
})

test('nothing is shown later of a change that ended early', async () => {
  const io = keptIo({ statusColumns: 80 })
  const line = new ProgressLine(LOUD, io)
  line.report(files(1))
  line[Symbol.dispose]()
  await sleep(400)
  assert.deepEqual(
    io.shown.filter((text) => text !== ''),
    [],
  )
})

test('nothing is shown with --quiet, with --json, and without a terminal', () => {
  const events = [[1000, files(1)]] as const
  assert.deepEqual(shownFor(events, 80, { quiet: true, json: false }), [])
  assert.deepEqual(shownFor(events, 80, { quiet: false, json: true }), [])
  const io = keptIo()
  using line = new ProgressLine(LOUD, io, () => 1000)
  line.report(files(1))
  assert.deepEqual([io.err, io.out], ['', ''])
})

test('a line is narrower than the terminal, and obeys nobody', () => {
  const evil = step(`\u001b[2Jwiped\r\nplugins: all is well \u202e ${'日本'.repeat(40)}`)
  for (const columns of [20, 40, 80]) {
    const [line = ''] = shownFor([[400, evil]], columns)
    assert.ok(widthOf(line) < columns, line)
    assert.doesNotMatch(line, /[\u001b\r\n\u202e]/)
  }
})
