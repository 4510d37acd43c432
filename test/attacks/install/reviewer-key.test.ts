// A reviewer countersigns in CI, with a certificate that a public log shows; somebody who got hold of an old key of theirs countersigns
// an update with that. It is the same principal, and the log shows nothing any more.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Agreement, askedBy } from '../../../src/core/agreement.ts'
import { DEFAULT_CONFIG } from '../../../src/core/config.ts'
import { uncovered } from '../../../src/core/consent-terms.ts'
import { parseGrants } from '../../../src/core/grants.ts'
import { parseManifest } from '../../../src/core/manifest-parser.ts'
import type { Signer } from '../../../src/core/verified.ts'
import { wideningOf } from '../../../src/core/widening.ts'

const MANIFEST = parseManifest(
  Buffer.from('{"name":"acme/hello","version":"1.0.0","entry":{"runtime":"exec","path":"bin/x"}}'),
)
const ACME: Signer = { id: 'ed25519:acme', kind: 'keyed', principal: 'acme' }
const IN_CI: Signer = { id: 'https://issuer.example review@b.c', kind: 'keyless', principal: 'review' }
const OLD_KEY: Signer = { id: 'ed25519:review', kind: 'keyed', principal: 'review' }

const reviewedBy = (...countersigners: Signer[]): Agreement =>
  askedBy(DEFAULT_CONFIG, MANIFEST, {
    signers: [ACME],
    countersigners,
    fileList: 'signed',
    predicates: [],
    unsignedUntil: null,
  }).agreement

test('a reviewer whose key stands for their certificate is asked about, and whoever has both is not', () => {
  const found = wideningOf(reviewedBy(IN_CI), reviewedBy(OLD_KEY))
  assert.deepEqual(found?.provenance, [{ kind: 'keyless', principal: 'review' }])
  assert.equal(uncovered(found, parseGrants(['signers'])), null)
  assert.notEqual(uncovered(found, parseGrants(['env=TOKEN'])), null)
  for (const [before, after] of [
    [[IN_CI], [IN_CI, OLD_KEY]],
    [[OLD_KEY], [IN_CI]],
    [[OLD_KEY], [OLD_KEY]],
  ] as const)
    assert.equal(wideningOf(reviewedBy(...before), reviewedBy(...after)), null)
})
