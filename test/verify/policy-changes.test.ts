import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '../../src/core/digest.ts'
import type { PluginName } from '../../src/core/name.ts'
import { policyChanges, type TrustPolicy } from '../../src/verify/index.ts'
import type { PolicyDocument } from '../../src/verify/policy-document.ts'
import { authority, policyOf, trusting } from '../helpers/authority.ts'

const alice = await authority()
const bob = await authority()
const carol = await authority()

const about = { name: 'acme/hello' as PluginName, digest: sha256('tarball'), signers: [alice.keyId] }
const said = (before: TrustPolicy, after: TrustPolicy) =>
  policyChanges(before, after, about).map(({ what, detail }) => `${what}: ${detail}`)
const before = trusting([alice, bob])
const edited = (edit: (document: PolicyDocument) => Partial<PolicyDocument>, of = before) =>
  policyOf({ ...of.document, ...edit(of.document) })
const at = '2026-11-21T08:00:00Z'

test('nothing is said of what another plugin is decided by', () => {
  const rules = [{ pattern: 'other/*', principals: [carol.keyId], threshold: 1 }]
  const after = edited(({ principals, rules: own }) => ({
    principals: [...principals, carol.principal],
    rules: [...own, ...rules],
    revocations: [
      { target: carol.keyId, reason: 'lost', at },
      { target: 'acme/hell@1.0.0', reason: 'bad', at },
      { target: `sha256:${sha256('another')}`, reason: 'bad', at },
    ],
  }))
  assert.deepEqual(said(before, after), [])
})

test('another threshold and other principals of the rule are said, with what they were', () => {
  const after = edited(({ rules }) => ({
    rules: rules.map((rule) => ({ ...rule, threshold: 1, principals: [alice.keyId] })),
  }))
  assert.deepEqual(said(trusting([alice, bob], 'acme/*', { threshold: 2 }), after), [
    `rule: rule for acme/*: principals: ${bob.keyId} was removed`,
    'rule: rule for acme/*: threshold is 1, was 2',
    `principal: principal: ${bob.keyId} was removed`,
  ])
})

test('a narrower rule that took the name over is said, and a rule that is gone', () => {
  const closed = edited(({ rules }) => ({ rules: [...rules, { pattern: 'acme/hello', principals: [], threshold: 1 }] }))
  assert.equal(said(before, closed)[0], 'rule: the rule for acme/hello decides, was that for acme/*')
  assert.equal(
    said(
      before,
      edited(() => ({ rules: [] })),
    )[0],
    'rule: no rule decides any more, was that for acme/*',
  )
  assert.equal(
    said(
      edited(() => ({ rules: [] })),
      before,
    )[0],
    'rule: the rule for acme/* decides, was none',
  )
})

test('keys and windows of a principal that the rule names are said', () => {
  const after = edited(({ principals }) => ({
    principals: principals.map((one) => ({ ...one, keys: one.keys.map((key) => ({ ...key, validUntil: at })) })),
  }))
  assert.deepEqual(said(before, after), [
    `principal: principal: ${alice.keyId}: keys: ${alice.keyId}: validUntil is ${at}, was not set`,
    `principal: principal: ${bob.keyId}: keys: ${bob.keyId}: validUntil is ${at}, was not set`,
  ])
})

test('revocations of a key, of a release and of the tarball are said with their reasons, and when one is taken back', () => {
  const targets = [alice.keyId, 'acme/hello@1.0.0', `sha256:${about.digest}`]
  const after = edited(() => ({ revocations: targets.map((target) => ({ target, reason: 'stolen', at })) }))
  assert.deepEqual(
    said(before, after),
    targets.map((target) => `revocation: ${target} was revoked at ${at} (stolen)`),
  )
  assert.deepEqual(
    said(after, before),
    targets.map((target) => `revocation: revocation: ${target} was removed`),
  )
})

test('a signer who was counted and is in no rule any more is said to be gone', () => {
  const after = trusting([bob])
  assert.ok(said(before, after).includes(`principal: principal: ${alice.keyId} was removed`))
})
