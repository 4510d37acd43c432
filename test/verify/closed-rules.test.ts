import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closedRules } from '../../src/verify/closed-rules.ts'
import type { PolicyDocument } from '../../src/verify/policy-document.ts'
import { authority, trusting } from '../helpers/authority.ts'
import { NOW } from '../helpers/examine.ts'

const alice = await authority()
const bob = await authority()
const both = trusting([alice, bob], 'acme/*', { threshold: 2 }).document
const reasons = (document: PolicyDocument) =>
  closedRules(document, NOW).map(({ pattern, reason }) => `${pattern}: ${reason}`)

test('a rule that enough can satisfy is open', () => {
  assert.deepEqual(reasons(both), [])
})

test('a rule is closed when it names nobody, too few, or too few that are neither revoked nor ended', () => {
  const rule = both.rules[0] as PolicyDocument['rules'][number]
  const change = (more: Partial<typeof rule>) => ({ ...both, rules: [{ ...rule, ...more }] })
  assert.deepEqual(reasons(change({ principals: [] })), ['acme/*: it needs 2 signers and names nobody'])
  assert.deepEqual(reasons(change({ threshold: 3 })), ['acme/*: it needs 3 signers, and 2 of the 2 it names can sign'])
  const revocation = { target: bob.keyId, reason: 'stolen', at: '2026-11-01T00:00:00Z' }
  const less = ['acme/*: it needs 2 signers, and 1 of the 2 it names can sign']
  assert.deepEqual(reasons({ ...both, revocations: [revocation] }), less)
  assert.deepEqual(reasons({ ...both, revocations: [{ ...revocation, since: '2026-11-10T00:00:00Z' }] }), less)
  assert.deepEqual(reasons({ ...both, revocations: [{ ...revocation, target: `ed25519:${'0'.repeat(64)}` }] }), [])
  const named: PolicyDocument = {
    ...both,
    principals: [alice.principal, { ...bob.principal, id: 'bob' }],
    rules: [{ ...rule, principals: [alice.keyId, 'bob'] }],
  }
  assert.deepEqual(reasons(named), [])
  assert.deepEqual(reasons({ ...named, revocations: [{ ...revocation, target: 'bob' }] }), less)
  const [key] = bob.principal.keys
  const ending = (validUntil: string) => ({
    ...both,
    principals: [alice.principal, { ...bob.principal, keys: [{ ...key, validUntil } as typeof key & object] }],
  })
  assert.deepEqual(reasons(ending(NOW.toISOString())), less)
  assert.deepEqual(reasons(ending('2026-11-21T12:00:00.001Z')), [])
})

test('countersigners are counted by themselves', () => {
  const rule = {
    pattern: 'acme/*',
    principals: [alice.keyId],
    threshold: 1,
    countersigners: [bob.keyId],
    countersignatures: 1,
  }
  assert.deepEqual(reasons({ ...both, rules: [rule] }), [])
  assert.deepEqual(reasons({ ...both, rules: [{ ...rule, countersigners: [] }] }), [
    'acme/*: it needs 1 countersigner and names nobody',
  ])
})
