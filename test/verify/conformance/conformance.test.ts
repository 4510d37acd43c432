// Bundles that Sigstore's own projects publish to hold verifiers to, and bundles of real releases; see README.md here.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { sha256 } from '../../../src/core/digest.ts'
import { parseBundles } from '../../../src/verify/bundle.ts'
import { type KeylessProof, verifyKeyless } from '../../../src/verify/keyless/keyless.ts'
import { parseTrustedRoot } from '../../../src/verify/keyless/trusted-root.ts'
import { edited } from '../../helpers/edited.ts'

const here = (name: string) => readFileSync(new URL(name, import.meta.url))
const publicGood = parseTrustedRoot(here('../../../keys/public-good.trusted_root.json'), 'public-good')
/** Of the files as published; a formatter or an editor that changed one would be noticed. */
const DIGESTS = {
  'dsse-with-hashedrekord-happy-path': 'cbfd6175fdcc0dbd18027dbe2a52e9385cc2bd8000ab1f0fea5b4c3a0abd5d3d',
  'dsse-with-hashedrekord-invalid-sig_fail': '9e866e30b9d1bd85917869f050db251790f5e7cf6e96fc10482b78a686d1fd66',
  'dsse-with-hashedrekord-mismatch-envelope_fail': 'ed013df27994eda7981aeacf66044b6ea7b6d5ce52eb854cad4d71f2c2e25b80',
  'dsse-with-hashedrekord-mismatch-sig_fail': '73d73795a63e6c414f04b5323a7685090fc305b244f22297578878e01ee61fa1',
  'github-attestation': 'ea84aae74cf5d4528766061b56b65232c649db8fe43af8028a54ea87daa10d98',
  'npm-provenance': 'cfadddd579b9fb45947530cd0e860986ec610a28f7fa6de3ef31cc051f07f761',
}

const GITHUB = 'https://token.actions.githubusercontent.com'
const BEACON =
  'https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main'

async function verify(name: string, root = publicGood): Promise<KeylessProof> {
  const [bundle] = parseBundles(here(`./${name}.sigstore.json`))
  assert.ok(bundle)
  return verifyKeyless(bundle, root)
}

test('the fixtures are as published', () => {
  for (const [name, digest] of Object.entries(DIGESTS))
    assert.equal(sha256(here(`./${name}.sigstore.json`)), digest, name)
})

test('accepts a DSSE envelope that is logged as a hashedrekord', async () => {
  const { identity, times, log } = await verify('dsse-with-hashedrekord-happy-path')
  assert.deepEqual([identity.issuer, identity.identity], [GITHUB, BEACON])
  assert.deepEqual([identity.repositoryId, identity.ownerId], ['632596897', '131804563'])
  assert.deepEqual(
    times.map(({ atMs, source }) => [new Date(atMs).toISOString(), source]),
    [
      ['2026-05-13T19:47:33.000Z', 'timestamp authority https://timestamp.sigstore.dev/api/v1/timestamp'],
      ['2026-05-13T19:47:33.000Z', 'log rekor.sigstore.dev'],
    ],
  )
  assert.equal(log, 'entry 1525557801 of rekor.sigstore.dev, proven in a tree of 1403653554')
})

for (const [name, code] of [
  ['dsse-with-hashedrekord-invalid-sig_fail', 'SIGNATURE_INVALID'],
  ['dsse-with-hashedrekord-mismatch-envelope_fail', 'LOG_INVALID'],
  ['dsse-with-hashedrekord-mismatch-sig_fail', 'LOG_INVALID'],
] as const) {
  test(`refuses the published case ${name}`, async () => {
    await assert.rejects(verify(name), { code })
  })
}

test("accepts npm's provenance of a real release, and a build that GitHub attested", async () => {
  const npm = await verify('npm-provenance')
  assert.deepEqual(npm.identity, {
    issuer: GITHUB,
    identity: 'https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main',
    repositoryId: '495574555',
    ownerId: '71096353',
  })
  assert.equal(npm.times[0]?.atMs, Date.parse('2023-08-29T15:40:23Z'))
  const github = await verify('github-attestation')
  assert.deepEqual(github.identity, {
    issuer: GITHUB,
    identity: 'https://github.com/bdehamer/workflows/.github/workflows/attest.yml@refs/heads/main',
    repositoryId: '804070735',
    ownerId: '16248153',
  })
})

test('refuses a published case whose trusted root has a log without a start', () => {
  // trust-root-tlog-missing-validity-start_fail: the one that the library alone accepts.
  const bytes = here('../../../keys/public-good.trusted_root.json')
  const rootless = edited(bytes, ['tlogs', 0, 'publicKey', 'validFor', 'start'], undefined)
  assert.throws(() => parseTrustedRoot(rootless, 'public-good'), { code: 'ROOT_INVALID' })
})

test('refuses a message signature by its form: it does not say what it is a signature of', () => {
  const bundle = here('./npm-provenance.sigstore.json')
  const message = { messageDigest: { algorithm: 'SHA2_256', digest: 'AAAA' }, signature: 'AAAA' }
  const other = edited(edited(bundle, ['dsseEnvelope'], undefined), ['messageSignature'], message)
  assert.throws(() => parseBundles(other), { code: 'BUNDLE_MALFORMED', message: /messageSignature may not be there/ })
})
