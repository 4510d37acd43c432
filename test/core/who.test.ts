import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatWho, isWho, whoOf } from '../../src/core/who.ts'

const ROOT = { user: 'root', uid: 0 }

test('who decides is the user of the process, with what sudo claims beside it', () => {
  assert.deepEqual(whoOf(ROOT, {}), { ...ROOT, sudo: null })
  const claimed = whoOf(ROOT, { SUDO_USER: 'alice', SUDO_UID: '1000' })
  assert.deepEqual(claimed, { ...ROOT, sudo: { user: 'alice', uid: 1000 } })
  assert.equal(formatWho(claimed), 'alice (1000), by sudo as root (0)')
  assert.equal(formatWho(whoOf({ user: 'bob', uid: 1001 }, {})), 'bob (1001)')
})

test('a claim that no sudo makes is not taken over', () => {
  for (const [SUDO_USER, SUDO_UID] of [
    ['alice', undefined],
    [undefined, '1000'],
    ['', '1000'],
    ['alice', '1e3'],
    ['alice', '-1'],
    ['alice', '01000'],
    ['alice', '4294967295'],
    ['al\u001b[2Jice', '1000'],
    ['alice bob', '1000'],
    ['a'.repeat(34), '1000'],
    ['-alice', '1000'],
  ])
    assert.equal(whoOf(ROOT, { SUDO_USER, SUDO_UID }).sudo, null, `${SUDO_USER} ${SUDO_UID}`)
})

test('a row that names nobody is none', () => {
  assert.ok(isWho(JSON.parse(JSON.stringify(whoOf(ROOT, { SUDO_USER: 'alice', SUDO_UID: '1000' })))))
  for (const wrong of [
    null,
    'root',
    { user: 'root' },
    { user: 'root', uid: '0', sudo: null },
    { ...ROOT, sudo: 'alice' },
  ])
    assert.equal(isWho(wrong), false, JSON.stringify(wrong))
})
