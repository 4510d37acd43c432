// The local Sigstore of the tests is real as far as Sigstore's own verifier can tell, and each of its faults is noticed.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { bundleFromJSON } from '@sigstore/bundle'
import { TrustedRoot } from '@sigstore/protobuf-specs'
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify'
import { person, workflow } from '../helpers/sigstore/issuer.ts'
import { type KeylessOptions, keylessBundle } from '../helpers/sigstore/keyless.ts'
import type { Misbehaviour } from '../helpers/sigstore/misbehaviour.ts'
import { type Sigstore, startSigstore } from '../helpers/sigstore/sigstore.ts'
import { pem } from '../helpers/sigstore/x509.ts'

const PAYLOAD = Buffer.from('{"_type":"https://in-toto.io/Statement/v1"}')

function verify(sigstore: Sigstore, bundle: unknown) {
  const material = toTrustMaterial(TrustedRoot.fromJSON(sigstore.trustedRoot))
  const verifier = new Verifier(material, { ctlogThreshold: 1, tlogThreshold: 1, timestampThreshold: 1 })
  return verifier.verify(toSignedEntity(bundleFromJSON(bundle)))
}

describe('what the local Sigstore signs', () => {
  let sigstore: Sigstore
  before(async () => {
    sigstore = await startSigstore()
  })
  after(() => sigstore.close())

  const accepted: readonly [string, KeylessOptions][] = [
    ['Rekor v1 by its promise and proof', { rekor: [1] }],
    ['Rekor v1 and a timestamp', { rekor: [1], timestamps: 1 }],
    ["npm's kind of entry", { rekor: [1], entryType: 'intoto' }],
    ['Rekor v2 and a timestamp', { rekor: [2] }],
    ['both logs', { rekor: [1, 2] }],
  ]
  for (const [title, options] of accepted) {
    test(`verifies with Sigstore's own verifier: ${title}`, async () => {
      const bundle = await keylessBundle(sigstore, PAYLOAD, options)
      assert.equal(bundle.mediaType, 'application/vnd.dev.sigstore.bundle.v0.3+json')
      const { identity } = verify(sigstore, bundle)
      assert.equal(
        identity?.subjectAlternativeName,
        'https://github.com/acme/plugins/.github/workflows/release.yml@refs/heads/main',
      )
      assert.equal(identity?.extensions?.issuer, sigstore.urls.issuer)
    })
  }

  test('carries the identity of a person, and the ids of a repository', async () => {
    const ada = verify(sigstore, await keylessBundle(sigstore, PAYLOAD, { identity: person('ada@example.com') }))
    assert.equal(ada.identity?.subjectAlternativeName, 'ada@example.com')
    const job = workflow('acme/plugins', { repositoryId: '77', ownerId: '88' })
    const { identity } = verify(sigstore, await keylessBundle(sigstore, PAYLOAD, { identity: job }))
    const value = (n: number) =>
      identity?.oids?.find(({ oid }) => oid?.id.join('.') === `1.3.6.1.4.1.57264.1.${n}`)?.value.toString()
    // UTF8String: a tag and a length before the text.
    assert.equal(value(15)?.slice(2), '77')
    assert.equal(value(17)?.slice(2), '88')
  })

  test('verifies with Rekor v2 under an ECDSA key as well', async () => {
    await using other = await startSigstore({ rekor2Key: 'ecdsa' })
    verify(other, await keylessBundle(other, PAYLOAD, { rekor: [2] }))
  })

  test('does not verify under the root of another Sigstore', async () => {
    await using other = await startSigstore()
    const bundle = await keylessBundle(sigstore, PAYLOAD)
    assert.throws(() => verify(other, bundle), { code: 'CERTIFICATE_ERROR' })
  })

  test('has no time to go by with Rekor v2 alone', async () => {
    const bundle = await keylessBundle(sigstore, PAYLOAD, { rekor: [2], timestamps: 0 })
    assert.throws(() => verify(sigstore, bundle), { code: 'TIMESTAMP_ERROR' })
  })

  test('counts two timestamps of one authority in the same second as one that was repeated', async () => {
    const bundle = await keylessBundle(sigstore, PAYLOAD, { rekor: [2] })
    const stamps = bundle.verificationMaterial?.timestampVerificationData?.rfc3161Timestamps
    stamps?.push(...stamps)
    assert.throws(() => verify(sigstore, bundle), { code: 'TIMESTAMP_ERROR' })
  })

  const unwelcome: readonly [string, KeylessOptions][] = [
    ['is not signed by its issuer', { token: { forged: true } }],
    ['is for another audience', { token: { audience: 'somebody-else' } }],
    ['has expired', { token: { expiresInS: -1 } }],
    ['names an address that nobody verified', { identity: { sub: 'x', email: 'x@example.com' } }],
    ['is of another issuer', { identity: { ...person('ada@example.com'), iss: 'https://accounts.example.com' } }],
  ]
  for (const [title, options] of unwelcome) {
    test(`gives no certificate for a token that ${title}`, async () => {
      await assert.rejects(keylessBundle(sigstore, PAYLOAD, options))
    })
  }

  test('gives no certificate for a key that the asker does not hold', async () => {
    const { publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])
    const spki = Buffer.from(await crypto.subtle.exportKey('spki', publicKey)).toString('base64')
    const response = await fetch(`${sigstore.urls.fulcio}/api/v2/signingCert`, {
      method: 'POST',
      body: JSON.stringify({
        credentials: { oidcIdentityToken: sigstore.issuer.token(person('ada@example.com')) },
        publicKeyRequest: {
          publicKey: { content: `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n` },
          proofOfPossession: Buffer.from('no signature').toString('base64'),
        },
      }),
    })
    assert.equal(response.status, 400)
    assert.match(await response.text(), /proof of possession/)
  })
})

describe('what a misbehaving Sigstore signs', () => {
  const v2: KeylessOptions = { rekor: [2] }
  /** The fault, how it is signed, and the code of Sigstore's verifier; `null` where that verifier does not notice. */
  const faults: readonly [Misbehaviour, KeylessOptions, string | null][] = [
    [{ sct: 'missing' }, {}, 'CERTIFICATE_ERROR'],
    [{ sct: 'forged' }, {}, 'CERTIFICATE_ERROR'],
    [{ certificate: 'expired' }, {}, 'CERTIFICATE_ERROR'],
    [{ certificate: 'future' }, {}, 'CERTIFICATE_ERROR'],
    [{ certificate: 'forged' }, {}, 'CERTIFICATE_ERROR'],
    [{ certificate: 'not-for-code' }, {}, null],
    [{ certificate: 'two-names' }, {}, null],
    [{ certificate: 'no-issuer' }, {}, null],
    [{ log: 'forged' }, {}, 'TLOG_INCLUSION_PROMISE_ERROR'],
    [{ log: 'forged' }, v2, 'TLOG_INCLUSION_PROOF_ERROR'],
    [{ log: 'forged-promise' }, {}, 'TLOG_INCLUSION_PROMISE_ERROR'],
    [{ log: 'forged-checkpoint' }, {}, 'TLOG_INCLUSION_PROOF_ERROR'],
    [{ log: 'other-tree' }, {}, 'TLOG_INCLUSION_PROOF_ERROR'],
    [{ log: 'other-tree' }, v2, 'TLOG_INCLUSION_PROOF_ERROR'],
    [{ log: 'other-leaf' }, {}, 'TLOG_INCLUSION_PROOF_ERROR'],
    [{ log: 'other-leaf' }, v2, 'TLOG_INCLUSION_PROOF_ERROR'],
    [{ log: 'other-entry' }, {}, 'TLOG_BODY_ERROR'],
    [{ log: 'other-entry' }, v2, 'TLOG_BODY_ERROR'],
    [{ log: 'no-promise' }, {}, 'TIMESTAMP_ERROR'],
    [{ log: 'no-proof' }, {}, 'invalid bundle'],
    [{ log: 'early' }, {}, 'CERTIFICATE_ERROR'],
    [{ timestamp: 'early' }, v2, 'CERTIFICATE_ERROR'],
    [{ timestamp: 'late' }, v2, 'CERTIFICATE_ERROR'],
    [{ timestamp: 'forged' }, v2, 'TIMESTAMP_ERROR'],
    [{ timestamp: 'other-data' }, v2, 'TIMESTAMP_ERROR'],
    [{ timestamp: 'milliseconds' }, v2, null],
    [{ timestamp: 'tenths' }, v2, 'invalid time'],
  ]
  for (const [misbehave, options, code] of faults) {
    const log = options.rekor?.includes(2) === true ? 'v2' : 'v1'
    test(`${code === null ? 'passes unnoticed' : 'is refused'}: ${JSON.stringify(misbehave)} with Rekor ${log}`, async () => {
      await using sigstore = await startSigstore({ misbehave })
      const bundle = await keylessBundle(sigstore, PAYLOAD, options)
      if (code === null) return void verify(sigstore, bundle)
      assert.throws(
        () => verify(sigstore, bundle),
        (error: Error & { code?: string }) => [error.code, error.name, error.message].includes(code),
      )
    })
  }

  for (const answer of ['error', 'garbage', 'other-json', 'cut'] as const) {
    test(`does not come about when a service answers with ${answer}`, async () => {
      for (const name of ['fulcio', 'rekor1', 'timestamp'] as const) {
        await using sigstore = await startSigstore({ misbehave: { answers: { [name]: answer } } })
        // A timestamp authority's answer is bytes, which nobody looks into before they are verified.
        const attempt = keylessBundle(sigstore, PAYLOAD, { timestamps: 1 }).then((bundle) => verify(sigstore, bundle))
        await assert.rejects(attempt, name)
      }
    })
  }
})

test('OpenSSL accepts what the local timestamp authority answers to a query of its own', async (context) => {
  if (spawnSync('openssl', ['version']).status !== 0) return context.skip('openssl is not installed')
  await using sigstore = await startSigstore()
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-tsa-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const openssl = (...line: string[]) => spawnSync('openssl', line, { cwd: folder, encoding: 'utf8' })
  writeFileSync(join(folder, 'data'), PAYLOAD)
  writeFileSync(join(folder, 'root.pem'), sigstore.timestampAuthority.chain.slice(-1).map(pem).join(''))
  openssl('ts', '-query', '-data', 'data', '-sha256', '-cert', '-out', 'query')
  const response = await fetch(`${sigstore.urls.timestamp}/api/v1/timestamp`, {
    method: 'POST',
    headers: { 'content-type': 'application/timestamp-query' },
    body: readFileSync(join(folder, 'query')),
  })
  writeFileSync(join(folder, 'reply'), Buffer.from(await response.arrayBuffer()))
  const verified = openssl('ts', '-verify', '-queryfile', 'query', '-in', 'reply', '-CAfile', 'root.pem')
  assert.equal(verified.status, 0, verified.stderr)
})
