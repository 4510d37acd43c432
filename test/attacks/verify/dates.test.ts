// A revocation spares what is older than its date, so a date that is read otherwise than it was meant lets a thief's
// signatures pass. What a person types must have one meaning, or none.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '../../../src/cli/instant.ts'

test('a date that another country, month or host would read otherwise is refused', () => {
  for (const text of [
    '11/05/2026',
    '3.11.2026',
    '2026-11-31',
    '2026-02-29',
    '2026-13-01',
    '2026-11-03T08:00:00',
    '2026-11-03 08:00',
    '2026-11-03T24:00:01Z',
    '2026',
    '1',
    'Tuesday 3 Nov 2026',
    '(2099) 2026-11-03',
    ' 2026-11-03',
    '',
  ])
    assert.throws(() => instant(text, '--since'), { code: 'USAGE', message: /expected a date such as/ }, text)
})

test('a day is its beginning in UTC, and a time has its zone', () => {
  assert.equal(instant('2026-11-03', '--since'), '2026-11-03T00:00:00.000Z')
  assert.equal(instant('2028-02-29', '--since'), '2028-02-29T00:00:00.000Z')
  assert.equal(instant('2026-11-03T08:00:00Z', '--since'), '2026-11-03T08:00:00.000Z')
  assert.equal(instant('2026-11-03T08:00:00.5+02:00', '--since'), '2026-11-03T06:00:00.500Z')
})
