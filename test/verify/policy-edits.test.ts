import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PluginName } from '../../src/core/name.ts'
import { EMPTY_DOCUMENT } from '../../src/verify/policy.ts'
import type { PolicyDocument } from '../../src/verify/policy-document.ts'
import { revoke, withdraw } from '../../src/verify/policy-edits.ts'
import { grant } from '../../src/verify/policy-grant.ts'
import { listTrust } from '../../src/verify/trust-list.ts'
import { authority, policyOf } from '../helpers/authority.ts'

const alice = await authority()
const bob = await authority()
const AT = new Date('2026-11-21T00:00:00Z')

const trust = (document: PolicyDocument, who: typeof alice, pattern: string, more = {}) =>
  grant(document, { credential: who.key, pattern, ...more })
/** Who may sign a name, and how many must: what a change may never widen by itself. */
function decision(document: PolicyDocument, name: string): string {
  const rule = policyOf(document).ruleFor(name as PluginName)
  return rule === null ? 'nobody' : `${rule.threshold} of ${rule.principals.length}`
}

const ACME = trust(EMPTY_DOCUMENT, alice, 'acme/*', { name: 'Alice' }).document

test('a key that is added stands for itself, for one pattern', () => {
  assert.deepEqual(ACME.rules, [{ pattern: 'acme/*', principals: [alice.keyId], threshold: 1 }])
  assert.deepEqual(ACME.principals, [{ ...alice.principal, name: 'Alice' }])
  assert.equal(decision(ACME, 'other/x'), 'nobody')
})

test('adding the same again changes nothing', () => {
  assert.deepEqual(trust(ACME, alice, 'acme/*').document, ACME)
})

test('a second signer keeps the threshold, and lowering it is said', () => {
  const two = trust(ACME, bob, 'acme/*', { threshold: 2 }).document
  assert.equal(decision(two, 'acme/x'), '2 of 2')
  const third = trust(two, alice, 'acme/*')
  assert.equal(decision(third.document, 'acme/x'), '2 of 2')
  assert.deepEqual(third.notes, [])
  assert.match(trust(two, alice, 'acme/*', { threshold: 1 }).notes.join(), /needed 2 signers and now needs 1/)
})

test('a narrower rule takes over the threshold of the one it takes names from', () => {
  const two = trust(ACME, bob, 'acme/*', { threshold: 2 }).document
  const exact = trust(two, bob, 'acme/hello')
  assert.equal(decision(exact.document, 'acme/hello'), '2 of 1')
  assert.match(exact.notes.join('; '), /was decided by acme\/\*.*needs 2 signers; it has 1/)
})

test('two keys of one principal are one principal', () => {
  const first = trust(EMPTY_DOCUMENT, alice, 'acme/*', { principal: 'team' }).document
  const both = trust(first, bob, 'acme/*', { principal: 'team' }).document
  assert.equal(decision(both, 'acme/x'), '1 of 1')
  assert.equal(both.principals[0]?.keys.length, 2)
  assert.throws(() => trust(both, bob, 'acme/*', { principal: 'other' }), {
    code: 'USAGE',
    message: /it belongs to team/,
  })
})

test('removing one of two keys leaves the other, and every rule, in place', () => {
  const first = trust(EMPTY_DOCUMENT, alice, 'acme/*', { principal: 'team' }).document
  const both = trust(first, bob, 'acme/*', { principal: 'team' }).document
  const one = withdraw(both, bob.keyId).document
  assert.deepEqual(
    one.principals[0]?.keys.map(({ id }) => id),
    [alice.keyId],
  )
  assert.equal(decision(one, 'acme/x'), '1 of 1')
  assert.throws(() => withdraw(both, bob.keyId, 'acme/*'), { code: 'USAGE' })
  assert.deepEqual(withdraw(one, alice.keyId).document, EMPTY_DOCUMENT)
})

test('a window that is given replaces the one that is there', () => {
  const until = trust(ACME, alice, 'acme/*', { validUntil: '2027-01-01T00:00:00Z' }).document
  assert.equal(until.principals[0]?.keys[0]?.validUntil, '2027-01-01T00:00:00Z')
  const same = trust(until, alice, 'other/*').document
  assert.equal(same.principals[0]?.keys[0]?.validUntil, '2027-01-01T00:00:00Z')
})

test('refuses patterns that are none', () => {
  for (const pattern of ['*', 'acme', 'acme/h*', '\u001b[2J']) {
    assert.throws(() => trust(EMPTY_DOCUMENT, alice, pattern), { code: 'USAGE' })
  }
})

test('removing the last signer of a pattern never hands its names to a broader rule', () => {
  const broad = trust(trust(ACME, bob, '*/*').document, bob, 'acme/hello').document
  const removed = withdraw(broad, alice.keyId)
  assert.equal(decision(removed.document, 'acme/x'), '1 of 0')
  assert.match(removed.notes.join(), /nobody may sign acme\/\* now/)
  const exact = withdraw(broad, bob.keyId, 'acme/hello')
  assert.equal(decision(exact.document, 'acme/hello'), '1 of 0')
})

test('where no broader rule waits, an empty rule goes with its signer', () => {
  const removed = withdraw(ACME, alice.keyId)
  assert.deepEqual(removed.document, EMPTY_DOCUMENT)
  assert.deepEqual(removed.notes, [])
})

test('removing one of two signers lowers no threshold', () => {
  const two = trust(ACME, bob, 'acme/*', { threshold: 2 }).document
  const removed = withdraw(two, bob.keyId)
  assert.equal(decision(removed.document, 'acme/x'), '2 of 1')
  assert.match(removed.notes.join(), /nothing can pass/)
})

test('removes for one pattern, and keeps the principal while another names it', () => {
  const both = trust(ACME, alice, 'other/*').document
  const removed = withdraw(both, alice.keyId, 'acme/*').document
  assert.equal(decision(removed, 'acme/x'), 'nobody')
  assert.equal(decision(removed, 'other/x'), '1 of 1')
  assert.throws(() => withdraw(removed, alice.keyId, 'acme/*'), { code: 'PRINCIPAL_NOT_FOUND' })
})

test('refuses to remove or revoke who is not there', () => {
  assert.throws(() => withdraw(ACME, bob.keyId), { code: 'PRINCIPAL_NOT_FOUND', exitCode: 4 })
  assert.throws(() => revoke(ACME, { target: 'nobody', reason: 'x' }, AT), { code: 'PRINCIPAL_NOT_FOUND' })
})

test('a revocation is recorded once, with reason and time, also ahead of trust', () => {
  const revoked = revoke(ACME, { target: alice.keyId, reason: 'stolen' }, AT).document
  assert.deepEqual(revoked.revocations, [{ target: alice.keyId, reason: 'stolen', at: '2026-11-21T00:00:00.000Z' }])
  assert.equal(revoke(revoked, { target: alice.keyId, reason: 'again' }, AT).document, revoked)
  assert.equal(revoke(ACME, { target: bob.keyId, reason: 'never' }, AT).document.revocations.length, 1)
  assert.equal(revoke(ACME, { target: 'acme/hello@1.0.0', reason: 'leaks' }, AT).document.revocations.length, 1)
})

test('a revocation needs a reason and a target', () => {
  assert.throws(() => revoke(ACME, { target: alice.keyId, reason: '  ' }, AT), { code: 'USAGE' })
  for (const target of ['', 'acme/*', 'acme/hello', 'x y'])
    assert.throws(() => revoke(ACME, { target: target, reason: 'x' }, AT), { code: 'USAGE' })
})

test('what was revoked cannot come back by adding or by removing and adding', () => {
  const revoked = revoke(ACME, { target: alice.keyId, reason: 'stolen' }, AT).document
  assert.throws(() => trust(revoked, alice, 'acme/*'), { code: 'KEY_REVOKED' })
  assert.throws(() => trust(withdraw(revoked, alice.keyId).document, alice, 'acme/*'), { code: 'KEY_REVOKED' })
})

test('lists each principal with its id, keys, patterns and revocations', () => {
  const document = revoke(
    trust(ACME, alice, 'other/x').document,
    { target: alice.keyId, reason: 'stolen' },
    AT,
  ).document
  const [entry] = listTrust(document)
  assert.equal(entry?.id, alice.keyId)
  assert.equal(entry?.name, 'Alice')
  assert.deepEqual(
    entry?.patterns.map(({ pattern }) => pattern),
    ['acme/*', 'other/x'],
  )
  assert.equal(entry?.revocations[0]?.reason, 'stolen')
})
