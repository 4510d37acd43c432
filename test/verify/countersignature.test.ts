import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COUNTERSIGNATURE_TYPE, STATEMENT_TYPE } from '../../src/core/statement.ts'
import { type Authority, authority, policyOf, staged, trusting } from '../helpers/authority.ts'
import { verdictOf, verifierFor } from '../helpers/examine.ts'

const publisher = await authority()
const market = await authority()
const stranger = await authority()
const release = publisher.publish()
const installed = { name: release.statement.name, version: release.statement.version }

/** What `plugins sign --countersign` states. */
function countersign(by: Authority, change: object = {}): Buffer {
  const { name, version, sha256, sha512 } = release.statement
  return by.sign({
    _type: STATEMENT_TYPE,
    subject: [{ name: `${name}@${version}`, digest: { sha256, sha512 } }],
    predicateType: COUNTERSIGNATURE_TYPE,
    predicate: { reviewedAt: '2026-11-20T00:00:00Z' },
    ...change,
  })
}

const lines = (...parts: Buffer[]) => staged(release.tarball, Buffer.concat(parts))

/** `publisher` signs, and so many of `countersigners` must countersign. */
function asking(countersignatures: number, countersigners: readonly Authority[] = [market], threshold = 1) {
  const { document } = trusting([publisher, market], 'zeta/*')
  return policyOf({
    ...document,
    rules: [
      {
        pattern: 'acme/*',
        principals: [publisher.keyId],
        threshold,
        countersigners: countersigners.map(({ keyId }) => keyId),
        countersignatures,
      },
    ],
  })
}

test('where a rule asks for a countersignature, a release without one is refused', async () => {
  assert.equal(await verdictOf(asking(1), lines(release.bundle)), 'COUNTERSIGNATURE_MISSING')
  assert.equal(await verdictOf(asking(1), lines(release.bundle, countersign(market))), 'OK')
  assert.equal(await verdictOf(asking(1), lines(countersign(market), release.bundle)), 'OK')
})

test('a countersigner is told from a signer, also in what is recorded', async () => {
  const verified = await verifierFor(asking(1)).verify(lines(release.bundle, countersign(market)))
  const { signers, countersigners } = verified.verified
  assert.deepEqual(
    [signers.map(({ id }) => id), countersigners.map(({ id }) => id)],
    [[publisher.keyId], [market.keyId]],
  )
})

test('a countersignature never counts as a signature, whoever made it', async () => {
  const both = trusting([publisher, market], 'acme/*', { threshold: 2 })
  assert.equal(await verdictOf(both, lines(release.bundle, countersign(market))), 'THRESHOLD_NOT_MET')
  assert.equal(await verdictOf(both, lines(countersign(market))), 'SIGNER_NOT_TRUSTED')
  assert.equal(await verdictOf(trusting([market]), lines(countersign(market))), 'SIGNER_NOT_TRUSTED')
})

test('a signature never counts as a countersignature', async () => {
  const twice = publisher.publish({ signers: [publisher, market] })
  assert.equal(await verdictOf(asking(1), twice.staged), 'COUNTERSIGNATURE_MISSING')
})

test('countersigners are counted once each, and only those of the rule', async () => {
  const two = asking(2, [market, publisher])
  assert.equal(
    await verdictOf(two, lines(release.bundle, countersign(market), countersign(market))),
    'COUNTERSIGNATURE_MISSING',
  )
  assert.equal(await verdictOf(two, lines(release.bundle, countersign(market), countersign(publisher))), 'OK')
  assert.equal(
    await verdictOf(asking(1, [publisher]), lines(release.bundle, countersign(market))),
    'COUNTERSIGNATURE_MISSING',
  )
  assert.equal(await verdictOf(asking(1), lines(release.bundle, countersign(stranger))), 'SIGNER_NOT_TRUSTED')
})

test('a countersignature of another tarball, name or version is refused, not left out', async () => {
  const { name, version, sha256, sha512 } = release.statement
  const about = (subject: object) => lines(release.bundle, countersign(market, { subject: [subject] }))
  const digest = { sha256, sha512 }
  assert.equal(await verdictOf(asking(1), about({ name: `${name}@${version}`, digest })), 'OK')
  assert.equal(
    await verdictOf(asking(1), about({ name: `${name}@${version}`, digest: { ...digest, sha512: '0'.repeat(128) } })),
    'DIGEST_MISMATCH',
  )
  assert.equal(await verdictOf(asking(1), about({ name: `acme/other@${version}`, digest })), 'SUBJECT_MISMATCH')
  assert.equal(await verdictOf(asking(1), about({ name: `${name}@1.0.1`, digest })), 'SUBJECT_MISMATCH')
  assert.equal(
    await verdictOf(asking(1), about({ name: `${name}@${version}`, digest: { sha256 } })),
    'STATEMENT_INVALID',
  )
})

test('a revoked countersigner refuses the release', async () => {
  const { document } = asking(1)
  const revocations = [{ target: market.keyId, reason: 'gone', at: '2026-11-20T00:00:00Z' }]
  const policy = policyOf({ ...document, revocations })
  assert.equal(await verdictOf(policy, lines(release.bundle, countersign(market))), 'KEY_REVOKED')
})

test('what is installed needs its countersignature for ever', async () => {
  const bundle = Buffer.concat([release.bundle, countersign(market)])
  assert.ok((await verifierFor(asking(1)).reexamine(bundle, installed)).verdict.ok)
  const { verdict } = await verifierFor(asking(1)).reexamine(release.bundle, installed)
  assert.ok(!verdict.ok && verdict.error.code === 'COUNTERSIGNATURE_MISSING')
})

test('a rule whose last countersigner is gone lets nothing in', async () => {
  assert.equal(await verdictOf(asking(1, []), lines(release.bundle, countersign(market))), 'COUNTERSIGNATURE_MISSING')
})
