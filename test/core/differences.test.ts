import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differences } from '../../src/core/differences.ts'

const said = (before: unknown, after: unknown) => differences('it', before, after).map(({ detail }) => detail)

test('equal values have no difference, in whatever order their parts stand', () => {
  assert.deepEqual(said({ a: [1, { id: 'x' }], b: null }, { b: null, a: [{ id: 'x' }, 1] }), [])
  assert.deepEqual(said(undefined, null), [])
})

test('each difference is said at its place, with what was there before', () => {
  assert.deepEqual(said({ threshold: 1 }, { threshold: 2 }), ['it: threshold is 2, was 1'])
  assert.deepEqual(said({}, { until: '2027' }), ['it: until is 2027, was not set'])
  assert.deepEqual(said({ until: '2027' }, {}), ['it: until is not set any more, was 2027'])
  assert.deepEqual(said({ who: ['alice', 'bob'] }, { who: ['bob', 'carol'] }), [
    'it: who: alice was removed',
    'it: who: carol was added',
  ])
  assert.deepEqual(said([{ id: 'k', until: 1 }], [{ id: 'k', until: 2 }]), ['it: k: until is 2, was 1'])
  assert.deepEqual(said([{ issuer: 'https://i', identity: 'a b' }], []), ['it: https://i a b was removed'])
})

test('a field nobody has heard of is compared too', () => {
  assert.deepEqual(said({ fresh: { deep: [1] } }, { fresh: { deep: [1, 2] } }), ['it: fresh: deep: 2 was added'])
})

test('a text that a terminal would obey is not passed on as it is', () => {
  assert.doesNotMatch(said(['a'], ['\u001b[2J'])[1] ?? '', /\u001b/)
  assert.doesNotMatch(said({ a: 1 }, { a: '\u001b[2J' })[0] ?? '', /\u001b/)
})
