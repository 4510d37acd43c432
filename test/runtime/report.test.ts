import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReportFault } from '../../src/runtime/fields.ts'
import type { JournalLine } from '../../src/runtime/journal.ts'
import {
  LINE_BYTES_MAX,
  parseReport,
  parseReportLine,
  type ReportLine,
  ReportReader,
} from '../../src/runtime/report.ts'

const USAGE = {
  wallMs: 3,
  cpuMs: null,
  memoryPeakBytes: 12,
  processesPeak: 1,
  ioReadBytes: null,
  ioWriteBytes: 0,
  outputBytes: 14,
  tmpBytes: 4096,
  dataBytes: null,
  filesPeak: 5,
  networkBytes: null,
}
const STARTED = { event: 'started', pid: 4711, startedAtMs: 1764000000000, landlockAbi: 7 }
const EXITED = {
  event: 'ended',
  outcome: 'exited',
  code: 0,
  signal: null,
  limit: null,
  reason: null,
  error: null,
  limitsMet: ['processes'],
  weaker: [],
  usage: USAGE,
}
const line = (value: unknown) => Buffer.from(JSON.stringify(value))

test('reads both lines as SPEC.md writes them', () => {
  assert.deepEqual(parseReportLine(line(STARTED)), STARTED)
  const ended = parseReportLine(line(EXITED))
  assert.ok(ended.event === 'ended')
  assert.equal(ended.outcome.outcome, 'exited')
  assert.deepEqual(ended.outcome.limitsMet, ['processes'])
  assert.deepEqual(ended.outcome.usage, USAGE)
})

test('reads every kind of end', () => {
  const kinds = [
    { outcome: 'signalled', code: null, signal: 'SIGSEGV' },
    { outcome: 'limited', code: null, limit: 'memory', reason: 'cannot let it go on' },
    { outcome: 'refused', code: null, error: 'LAYER_UNAVAILABLE', reason: 'cannot make a user namespace', layer: 'x' },
  ]
  for (const kind of kinds) {
    const ended = parseReportLine(line({ ...EXITED, ...kind }))
    assert.ok(ended.event === 'ended')
    assert.equal(ended.outcome.outcome, kind.outcome)
  }
})

const broken: [string, unknown][] = [
  ['no object', [1]],
  ['no event', {}],
  ['an unknown event', { event: 'exec' }],
  ['an unknown outcome', { ...EXITED, outcome: 'fine' }],
  ['an unknown limit', { ...EXITED, outcome: 'limited', limit: 'luck' }],
  ['a text for a code', { ...EXITED, code: '0' }],
  ['a negative count', { ...STARTED, pid: -1 }],
  ['a fraction', { ...STARTED, pid: 1.5 }],
  ['no usage', { ...EXITED, usage: null }],
  ['names that are none', { ...EXITED, weaker: [1] }],
  ['names without end', { ...EXITED, weaker: Array(65).fill('x') }],
  ['a refusal without a reason', { ...EXITED, outcome: 'refused', error: 'X' }],
]
for (const [what, value] of broken) {
  test(`refuses ${what}`, () => assert.throws(() => parseReportLine(line(value)), ReportFault))
}

test('lines may come in pieces', () => {
  const lines: (ReportLine | JournalLine)[] = []
  const reader = new ReportReader((one) => lines.push(one))
  for (const byte of Buffer.from(`${JSON.stringify(STARTED)}\n${JSON.stringify(EXITED)}\n`))
    reader.push(Buffer.of(byte))
  assert.deepEqual(
    lines.map((one) => one.event),
    ['started', 'ended'],
  )
})

test('a line without an end is not collected for ever', () => {
  const reader = new ReportReader(() => {})
  assert.throws(() => reader.push(Buffer.alloc(LINE_BYTES_MAX + 1, 0x20)), ReportFault)
})

test('a report without its end says nothing, and one that goes on after it is none', () => {
  assert.equal(parseReport(Buffer.from(`${JSON.stringify(STARTED)}\n`)), null)
  assert.throws(() => parseReport(Buffer.from(`${JSON.stringify(EXITED)}\n${JSON.stringify(EXITED)}\n`)), ReportFault)
})
