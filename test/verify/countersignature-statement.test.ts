import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COUNTERSIGNATURE_TYPE, PAYLOAD_TYPE, PREDICATE_TYPE } from '../../src/core/statement.ts'
import { buildCountersignature, parseCountersignature } from '../../src/verify/countersignature.ts'

const REVIEW = {
  name: 'acme/hello',
  version: '1.0.0',
  sha256: 'a'.repeat(64),
  sha512: 'b'.repeat(128),
  reviewedAt: '2026-11-21T12:00:00Z',
  note: 'looked at' as string | null,
} as Parameters<typeof buildCountersignature>[0]

const whole = () => JSON.parse(buildCountersignature(REVIEW).toString())
const read = (value: unknown, type = PAYLOAD_TYPE) => parseCountersignature(type, Buffer.from(JSON.stringify(value)))

test('what is built is read back, with and without a note', () => {
  for (const review of [REVIEW, { ...REVIEW, note: null }]) {
    assert.deepEqual(parseCountersignature(PAYLOAD_TYPE, buildCountersignature(review)), review)
  }
})

test('fields that a later version adds are ignored', () => {
  const statement = whole()
  statement.predicate.scanner = 'x'
  assert.deepEqual(read(statement), REVIEW)
})

const faults: readonly [string, (statement: ReturnType<typeof whole>) => unknown][] = [
  ['a release statement', (s) => ({ ...s, predicateType: PREDICATE_TYPE })],
  ['a type of another version', (s) => ({ ...s, predicateType: COUNTERSIGNATURE_TYPE.replace('v1', 'v2') })],
  ['another statement type', (s) => ({ ...s, _type: 'https://in-toto.io/Statement/v0.1' })],
  ['no subject', (s) => ({ ...s, subject: [] })],
  ['two subjects', (s) => ({ ...s, subject: [s.subject[0], s.subject[0]] })],
  ['a digest missing', (s) => ({ ...s, subject: [{ ...s.subject[0], digest: { sha256: REVIEW.sha256 } }] })],
  [
    'a digest too many',
    (s) => ({ ...s, subject: [{ ...s.subject[0], digest: { ...s.subject[0].digest, md5: 'x' } }] }),
  ],
  ['no version in the name', (s) => ({ ...s, subject: [{ ...s.subject[0], name: 'acme/hello' }] })],
  ['no time', (s) => ({ ...s, predicate: { note: 'x' } })],
  ['a time that is none', (s) => ({ ...s, predicate: { reviewedAt: '2026-02-30T00:00:00Z' } })],
  ['a note that is no text', (s) => ({ ...s, predicate: { ...s.predicate, note: 1 } })],
  ['a note too long', (s) => ({ ...s, predicate: { ...s.predicate, note: 'x'.repeat(1001) } })],
  ['no predicate', (s) => ({ ...s, predicate: null })],
  ['no object', () => []],
]
for (const [title, change] of faults) {
  test(`refuses a countersignature with ${title}`, () => {
    assert.throws(() => read(change(whole())), { code: 'STATEMENT_INVALID', exitCode: 3 })
  })
}

test('refuses another payload type, and JSON that can be read in two ways', () => {
  assert.throws(() => read(whole(), 'application/json'), { code: 'STATEMENT_INVALID' })
  const twice = buildCountersignature(REVIEW).toString().replace('{', '{"_type":"x",')
  assert.throws(() => parseCountersignature(PAYLOAD_TYPE, Buffer.from(twice)), { code: 'STATEMENT_INVALID' })
})
