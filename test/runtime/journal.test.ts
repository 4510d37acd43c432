import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReportFault } from '../../src/runtime/fields.ts'
import {
  EVENTS_OF_A_RUN_MAX,
  eventsOf,
  JOURNAL_LINES_MAX,
  parseJournalLine,
  readJournal,
} from '../../src/runtime/journal.ts'
import { readMinutes } from '../../src/runtime/minutes.ts'

const NETWORK = {
  event: 'network',
  atMs: 5,
  verdict: 'denied',
  name: 'api.example.com',
  port: 443,
  address: null,
  reason: 'it is not in permissions.network',
  count: 1,
}
const ALERT = { event: 'alert', atMs: 6, limit: 'memory', percent: 83, value: 83, max: 100 }
const DENIAL = { event: 'denial', atMs: 7, call: 'ptrace', path: null, answer: 'EPERM', count: 2 }
const bytes = (...lines: unknown[]) => Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))

test('reads every kind of line as SPEC.md writes it', () => {
  const lines = [
    NETWORK,
    ALERT,
    DENIAL,
    { event: 'journal-full', atMs: 8 },
    { event: 'unwritable', atMs: 9, file: 'log' },
  ]
  assert.deepEqual(readJournal(bytes(...lines)), { lines, damaged: 0 })
})

for (const [what, line] of Object.entries({
  'an unknown event': { ...ALERT, event: 'applause' },
  'an unknown verdict': { ...NETWORK, verdict: 'perhaps' },
  'a port that is text': { ...NETWORK, port: '443' },
  'no count': { ...NETWORK, count: undefined },
  'a time before all time': { ...ALERT, atMs: -1 },
  'a limit that is none': { ...ALERT, limit: 'patience' },
  'a call that is a number': { ...DENIAL, call: 101 },
  'an unknown file': { event: 'unwritable', atMs: 1, file: '/etc/passwd' },
  'a list': [ALERT],
})) {
  test(`refuses ${what}`, () => {
    assert.throws(() => parseJournalLine(Buffer.from(JSON.stringify(line))), ReportFault)
    assert.deepEqual(readJournal(bytes(line, ALERT)), { lines: [ALERT], damaged: 1 })
  })
}

test('a last line that was cut is no damage: its launcher was killed while it wrote', () => {
  const whole = bytes(NETWORK, ALERT)
  assert.deepEqual(readJournal(whole.subarray(0, whole.length - 9)), { lines: [NETWORK], damaged: 0 })
  assert.deepEqual(readJournal(Buffer.alloc(0)), { lines: [], damaged: 0 })
})

test('reads no more than a launcher writes', () => {
  const journal = readJournal(bytes(...Array.from({ length: JOURNAL_LINES_MAX + 5 }, () => DENIAL)))
  assert.deepEqual([journal.lines.length, journal.damaged], [JOURNAL_LINES_MAX, 1])
  assert.equal(readJournal(Buffer.concat([Buffer.alloc(2000, 0x20), bytes(ALERT)])).damaged, 1)
})

test('equal lines are one event with their count; of alerts the highest figure stays', () => {
  const again = { ...ALERT, atMs: 60, percent: 97, value: 97 }
  const events = eventsOf('r1', readJournal(bytes(NETWORK, { ...NETWORK, atMs: 50, count: 4 }, ALERT, again, DENIAL)))
  const { event: _n, atMs: _t, ...network } = NETWORK
  assert.deepEqual(events, [
    { atMs: 5, kind: 'network', details: { run: 'r1', ...network, count: 5 } },
    { atMs: 6, kind: 'alert', details: { run: 'r1', limit: 'memory', percent: 97, value: 97, max: 100, count: 2 } },
    { atMs: 7, kind: 'denial', details: { run: 'r1', call: 'ptrace', path: null, answer: 'EPERM', count: 2 } },
  ])
})

test('a plugin that asks for ten thousand names leaves a bounded trail, and how much more there was', () => {
  const names = Array.from({ length: 1000 }, (_, n) => ({ ...NETWORK, name: `n${n}.example`, count: 10 }))
  const events = eventsOf('r1', readJournal(bytes(...names, { event: 'journal-full', atMs: 99 })))
  assert.equal(events.length, EVENTS_OF_A_RUN_MAX + 2)
  assert.deepEqual(events.slice(-2), [
    { atMs: 99, kind: 'network', details: { run: 'r1', others: (1000 - EVENTS_OF_A_RUN_MAX) * 10 } },
    { atMs: 99, kind: 'journal', details: { run: 'r1', full: true, damaged: 0 } },
  ])
})

test('minutes are read as they were written, but for lines that are none', () => {
  const minute = {
    atMs: 1,
    ms: 60_000,
    samples: 6,
    cpuPermille: { average: 120, peak: 900 },
    memoryBytes: { average: 1, peak: 2 },
    processes: null,
    filesPeak: 7,
    ioReadBytes: null,
    ioWriteBytes: 0,
    outputBytes: 3,
    networkBytes: null,
  }
  const file = bytes({ event: 'minute', ...minute }, { event: 'minute', ...minute, samples: '6' }, ALERT)
  assert.deepEqual(readMinutes(Buffer.concat([file, Buffer.from('{"event":"min')])), [minute])
})
