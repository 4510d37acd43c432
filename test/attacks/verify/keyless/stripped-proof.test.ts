// The format's version, and how a certificate is spelled, are signed by nobody. A mirror can write a bundle of today as
// one of the oldest version, which needed no proof of being in the log, and leave the proof out.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBundles } from '../../../../src/verify/bundle.ts'
import { verifyKeyless } from '../../../../src/verify/keyless/keyless.ts'
import { parseTrustedRoot } from '../../../../src/verify/keyless/trusted-root.ts'
import { keylessLine } from '../../../helpers/sigstore/keyless.ts'
import { startSigstore } from '../../../helpers/sigstore/sigstore.ts'

type Line = {
  mediaType: string
  verificationMaterial: {
    certificate?: unknown
    x509CertificateChain?: unknown
    tlogEntries: { inclusionProof?: unknown; integratedTime?: string }[]
  }
}

test('a proof cannot be left out by calling a bundle old', async () => {
  await using sigstore = await startSigstore()
  const line = await keylessLine(sigstore, Buffer.from('{"a":1}'), { rekor: [1] })
  const root = parseTrustedRoot(sigstore.trustedRootBytes, 'local')
  const verdict = (document: Line) => {
    const [bundle] = parseBundles(Buffer.from(JSON.stringify(document)))
    assert.ok(bundle)
    return verifyKeyless(bundle, root)
  }
  const old = JSON.parse(line.toString()) as Line
  const { verificationMaterial: material } = old
  old.mediaType = 'application/vnd.dev.sigstore.bundle+json;version=0.1'
  material.x509CertificateChain = { certificates: [material.certificate] }
  delete material.certificate
  // An old bundle that has its proof is as good as a new one.
  assert.match((await verdict(old)).log, /proven in a tree of/)
  for (const entry of material.tlogEntries) delete entry.inclusionProof
  await assert.rejects(verdict(old), { code: 'LOG_INVALID', message: /promised/ })
})

test('a promise of a time that no calendar has is refused as such', async () => {
  await using sigstore = await startSigstore()
  const line = await keylessLine(sigstore, Buffer.from('{"a":1}'), { rekor: [1] })
  const document = JSON.parse(line.toString()) as Line
  for (const entry of document.verificationMaterial.tlogEntries) entry.integratedTime = `${Number.MAX_SAFE_INTEGER}`
  const [bundle] = parseBundles(Buffer.from(JSON.stringify(document)))
  assert.ok(bundle)
  await assert.rejects(verifyKeyless(bundle, parseTrustedRoot(sigstore.trustedRootBytes, 'local')), {
    code: 'LOG_INVALID',
  })
})
