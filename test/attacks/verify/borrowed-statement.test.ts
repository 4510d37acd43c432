// A statement of ours says more than one of another tool: name, version, files, expiry. Whoever signs one for a release
// that only another tool's statement makes good would speak for its publisher, though no rule lists them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STATEMENT_TYPE } from '../../../src/core/statement.ts'
import { authority, type PublishedRelease, policyOf, staged, trusting } from '../../helpers/authority.ts'
import { verdictOf, verifierFor } from '../../helpers/examine.ts'

const PROVENANCE = 'https://slsa.dev/provenance/v1'
const acme = await authority()
const mallory = await authority()

/** Mallory is known here, for names of her own. */
const { document } = trusting([acme, mallory], 'mallory/*')
const policy = policyOf({
  ...document,
  rules: [
    { pattern: 'acme/*', principals: [acme.keyId], threshold: 1, predicates: [PROVENANCE] },
    { pattern: 'mallory/*', principals: [mallory.keyId], threshold: 1 },
  ],
})
const revoked = policyOf({
  ...policy.document,
  revocations: [{ target: mallory.keyId, reason: 'stolen', at: '2026-11-01T00:00:00Z' }],
})

const provenanceOf = ({ statement: { sha256 } }: PublishedRelease) =>
  acme.sign({
    _type: STATEMENT_TYPE,
    subject: [{ name: 'acme-hello-1.0.0.tgz', digest: { sha256 } }],
    predicateType: PROVENANCE,
    predicate: {},
  })

test('a list of files is signed only when somebody whom the rule lists has signed it', async () => {
  const release = mallory.publish({ publishedAt: '2020-01-01T00:00:00Z' })
  const provenance = provenanceOf(release)
  assert.equal(await verdictOf(policy, staged(release.tarball, provenance)), 'OK')
  for (const lines of [
    [provenance, release.bundle],
    [release.bundle, provenance],
  ]) {
    const both = staged(release.tarball, Buffer.concat(lines))
    assert.equal(await verdictOf(policy, both), 'SIGNER_NOT_TRUSTED')
    assert.equal(await verdictOf(revoked, both), 'SIGNER_NOT_TRUSTED')
  }
})

test('nor does one stand in for the list that was made at install', async () => {
  const release = mallory.publish()
  const both = Buffer.concat([provenanceOf(release), release.bundle])
  const kept = { name: release.statement.name, version: release.statement.version, recorded: release.statement }
  await assert.rejects(verifierFor(policy).reverify(both, kept), { code: 'SIGNER_NOT_TRUSTED' })
})

test('with the publisher’s own statement beside it, it is one more that agrees', async () => {
  const release = acme.publish({ signers: [acme, mallory] })
  assert.equal(await verdictOf(policy, release.staged), 'OK')
})
