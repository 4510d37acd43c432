import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSubordinate, planIds, remedyOf, uidRange } from '../../src/runtime/ids.ts'

const ADA = { uid: 1000, gid: 1000, user: 'ada' }
const ROOT = { uid: 0, gid: 0, user: 'root' }
const NONE = { uids: null, gids: null, missingHelper: null }
const SOME = { uids: { first: 100_000, count: 65_536 }, gids: { first: 200_000, count: 65_536 }, missingHelper: null }

test('root gives every plugin the host uid of its installation', () => {
  assert.deepEqual(planIds(ROOT, 1_879_048_200, NONE, []), {
    mode: 'root',
    uid: 1_879_048_200,
    gid: 1_879_048_200,
    idmap: 'direct',
  })
})

test('a user gives it a subordinate id, the gid at the same place of its own range', () => {
  assert.deepEqual(planIds(ADA, 100_007, SOME, []), { mode: 'user', uid: 100_007, gid: 200_007, idmap: 'helper' })
})

test('without subordinate ids a user is refused with the command, unless weakened by name', () => {
  assert.throws(() => planIds(ADA, 100_007, NONE, []), {
    code: 'SANDBOX_UNAVAILABLE',
    hint: /usermod --add-subuids.* ada/,
  })
  assert.deepEqual(planIds(ADA, 100_007, NONE, ['uid']), { mode: 'user', uid: 1000, gid: 1000, idmap: 'direct' })
})

test('a missing helper is named with its package', () => {
  const lacking = { ...SOME, missingHelper: 'newuidmap' } as const
  assert.throws(() => planIds(ADA, 100_007, lacking, []), { message: /no newuidmap/, hint: /apt-get install uidmap/ })
  assert.match(remedyOf(ADA, lacking), /uidmap/)
})

test('an id outside of the present range is refused', () => {
  for (const uid of [99_999, 165_536]) {
    assert.throws(() => planIds(ADA, uid, SOME, []), { code: 'SANDBOX_UNAVAILABLE', message: /100000 to 165535/ })
  }
})

test('installations get uids of the configured range, or of the caller’s own', () => {
  const configured = { first: 1_879_048_192, count: 65_536 }
  assert.deepEqual(uidRange(ROOT, configured, NONE), configured)
  assert.deepEqual(uidRange(ADA, configured, { ...SOME, gids: { first: 1, count: 10 } }), { first: 100_000, count: 10 })
})

test('/etc/subuid: by name or by number, the largest range, nothing broken', () => {
  const text = '# comment\nbob:1:5\nada:100000:65536\n1000:300000:70000\nada:0:99999\nada:4294967295:9\nada:x:1\n'
  assert.deepEqual(parseSubordinate(text, ADA), { first: 300_000, count: 70_000 })
  assert.equal(parseSubordinate('adalbert:100000:65536\n', ADA), null)
  assert.equal(parseSubordinate('', ADA), null)
})
