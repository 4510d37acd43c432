import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UpdateConfig } from '../../src/core/config.ts'
import type { PluginName } from '../../src/core/name.ts'
import { formatLongDuration, parseLongDuration } from '../../src/core/quantity.ts'
import { type AgeQuestion, ageOf, judgeAge, type ReleaseTimes } from '../../src/core/release-age.ts'

const DAY = 86_400_000
const NOW = Date.UTC(2026, 10, 30)
const ago = (days: number) => NOW - days * DAY
const times = (
  publishedAtMs: number | null,
  listedAtMs: number | null = null,
  seenAtMs: number | null = null,
): ReleaseTimes => ({
  publishedAtMs,
  listedAtMs,
  seenAtMs,
})

const AGES: readonly [what: string, told: ReleaseTimes, ageDays: number, source: string | null][] = [
  ['the word of its publisher alone', times(ago(9)), 9, 'publisher'],
  ['a publisher that says longer than its registry', times(ago(90), ago(2)), 2, 'registry'],
  ['a registry that says longer than its publisher', times(ago(2), ago(90)), 2, 'publisher'],
  ['a log that saw it later than both say', times(ago(90), ago(80), ago(1)), 1, 'third-party'],
  ['a log that saw it before it was listed', times(ago(90), ago(3), ago(90)), 3, 'registry'],
  ['a moment in the future', times(ago(-5), ago(30)), 0, 'publisher'],
  ['nobody who says anything', times(null), 0, null],
  ['a date that is none', times(Number.NaN), 0, null],
  ['a date that is none beside one that is', times(Number.NaN, ago(4)), 4, 'registry'],
]
for (const [what, told, days, source] of AGES) {
  test(`the age of a release: ${what}`, () => {
    const age = ageOf(told, NOW)
    assert.deepEqual([age.ageMs / DAY, age.source], [days, source])
  })
}

const WEEK: UpdateConfig = { minimumAgeMs: 7 * DAY, exempt: [], countersignedAtOnce: false }
const judged = (config: Partial<UpdateConfig>, question: Partial<AgeQuestion> = {}) => {
  const asked = { name: 'acme/hello' as PluginName, times: times(ago(6)), isCountersigned: false, nowMs: NOW }
  return judgeAge({ ...WEEK, ...config }, { ...asked, ...question })
}

test('a release is old enough at the very moment, and not one before', () => {
  assert.equal(judged({}, { times: times(ago(7)) }).kind, 'old-enough')
  const young = judged({}, { times: times(ago(7) + 1) })
  assert.deepEqual([young.kind, young.kind === 'too-young' && young.leftMs], ['too-young', 1])
  assert.equal(judged({ minimumAgeMs: 0 }, { times: times(null) }).kind, 'old-enough', 'nothing is asked by default')
})

test('a pattern exempts what it matches, segment by segment', () => {
  for (const [exempt, kind] of [
    [['acme/hello'], 'exempt'],
    [['acme/*'], 'exempt'],
    [['*/*'], 'exempt'],
    [['acme/hell'], 'too-young'],
    [['acme-labs/*'], 'too-young'],
    [[], 'too-young'],
  ] as const)
    assert.equal(judged({ exempt }).kind, kind, exempt.join())
})

test('a countersignature lets it in at once where the operator says so, and only there', () => {
  assert.equal(judged({ countersignedAtOnce: true }, { isCountersigned: true }).kind, 'countersigned')
  assert.equal(judged({ countersignedAtOnce: true }).kind, 'too-young')
  assert.equal(judged({}, { isCountersigned: true }).kind, 'too-young')
})

test('a long duration takes days beside the units of a short one', () => {
  assert.deepEqual(['7d', '12h', '30m', '1d'].map(parseLongDuration), [7 * DAY, DAY / 2, 1_800_000, DAY])
  for (const text of ['', 'd', '0d', '7', '1.5d', '-1d', '07d', '7d ', '7D', '100000d', '1d12h'])
    assert.equal(parseLongDuration(text), undefined, text)
  assert.deepEqual([7 * DAY, DAY + 3_600_000 * 3 + 59_000, 5_400_000, 61_000, 999, -5].map(formatLongDuration), [
    '7d',
    '1d 3h',
    '1h 30m',
    '1m 1s',
    '0s',
    '0s',
  ])
})
