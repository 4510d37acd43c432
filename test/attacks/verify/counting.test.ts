import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBundles } from '../../../src/verify/bundle.ts'
import { buildStatement, signPayload } from '../../../src/verify/index.ts'
import { authority, policyOf, staged, trusting } from '../../helpers/authority.ts'
import { verdictOf } from '../../helpers/examine.ts'

const alice = await authority()
const second = await authority()
const bob = await authority()
const { bundle, tarball, statement } = alice.publish()

test('one signature given twice is one signer', async () => {
  const twice = Buffer.concat([bundle, bundle])
  assert.equal(parseBundles(twice).length, 2)
  assert.equal(
    await verdictOf(trusting([alice, bob], 'acme/*', { threshold: 2 }), staged(tarball, twice)),
    'THRESHOLD_NOT_MET',
  )
})

test('two keys of one principal are one signer', async () => {
  const keys = [...alice.principal.keys, ...second.principal.keys]
  const policy = policyOf({
    version: 1,
    principals: [{ id: 'alice', keys, identities: [] }, bob.principal],
    rules: [{ pattern: 'acme/*', principals: ['alice', bob.keyId], threshold: 2 }],
    revocations: [],
  })
  const both = alice.publish({ signers: [alice, second] })
  assert.equal(await verdictOf(policy, both.staged), 'THRESHOLD_NOT_MET')
  assert.equal(await verdictOf(policy, alice.publish({ signers: [alice, second, bob] }).staged), 'OK')
})

test('signers outside the rule add nothing to the threshold', async () => {
  const document = trusting([alice, bob], 'zeta/*').document
  const policy = policyOf({ ...document, rules: [{ pattern: 'acme/*', principals: [alice.keyId], threshold: 2 }] })
  assert.equal(await verdictOf(policy, alice.publish({ signers: [alice, bob] }).staged), 'THRESHOLD_NOT_MET')
})

test('rules are never added up: a threshold of one elsewhere helps nobody', async () => {
  const rules = [{ pattern: 'acme/hello', principals: [alice.keyId, bob.keyId], threshold: 2 }]
  const policy = trusting([alice, bob], 'acme/*', { rules })
  assert.equal(await verdictOf(policy, alice.publish().staged), 'THRESHOLD_NOT_MET')
})

test('a statement that one signer made of other facts counts for nobody', async () => {
  const differing = [{ sequence: 2 }, { publishedAt: '2026-11-02T00:00:00Z' }, { expiresAt: '2027-01-01T00:00:00Z' }]
  for (const part of differing) {
    const other = signPayload(buildStatement({ ...statement, ...part }), bob.key)
    for (const lines of [
      [bundle, other],
      [other, bundle],
    ]) {
      const code = await verdictOf(trusting([alice, bob]), staged(tarball, Buffer.concat(lines)))
      assert.equal(code, 'STATEMENT_INVALID', JSON.stringify(part))
    }
  }
})

test('a stranger’s bundle among trusted ones spoils the file: nobody can slip a line in unseen', async () => {
  const stranger = await authority()
  const mixed = alice.publish({ signers: [alice, stranger] })
  assert.equal(await verdictOf(trusting([alice]), mixed.staged), 'SIGNER_NOT_TRUSTED')
})
