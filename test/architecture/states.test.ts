import assert from 'node:assert/strict'
import { test } from 'node:test'
import { INSTALLATION_STATES, mayBecome, NEXT } from '../../src/core/installation.ts'
import { MIGRATIONS } from '../../src/store/migrations.ts'

test("the states that SQLite's CHECK allows are those of the transition table", () => {
  // The newest: a table that was made anew says it again.
  const list = [...MIGRATIONS.join('\n').matchAll(/CHECK \(state IN \(([^)]*)\)\)/g)].at(-1)?.[1] ?? ''
  const allowed = [...list.matchAll(/'([a-z]+)'/g)].map(([, state]) => state)
  assert.deepEqual(allowed, [...INSTALLATION_STATES])
  assert.deepEqual(Object.keys(NEXT), [...INSTALLATION_STATES])
})

test('nothing leaves a removal, nothing goes back to installing, and nothing becomes what it is', () => {
  for (const from of INSTALLATION_STATES) {
    assert.equal(mayBecome('removing', from), false)
    assert.equal(mayBecome(from, 'installing'), false)
    assert.equal(mayBecome(from, from), false)
    if (from !== 'removing') assert.equal(mayBecome(from, 'removing'), true)
  }
  assert.equal(mayBecome('installing', 'disabled'), false)
  assert.equal(mayBecome('disabled', 'installed'), true)
})
