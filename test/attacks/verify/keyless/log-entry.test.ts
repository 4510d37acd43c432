// The log entry must be about this signature *and* this certificate. The library compares the first only, so that an
// entry which names another signer would do: the true owner of that certificate would look for misuse in vain.

import { createHash, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { preAuthEncoding } from '../../../../src/verify/dsse.ts'
import { askUs, assertOnlyWeRefuse, dsseEntry, Forge, type Forgery } from '../../../helpers/forge.ts'
import { pem, spkiOf } from '../../../helpers/sigstore/x509.ts'

const forge = new Forge()
const payloadType = 'application/vnd.in-toto+json'
const stranger = forge.certificate(spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey))

const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64')
const hex = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
type Entry = NonNullable<Forgery['entry']>

const KINDS: Readonly<Record<string, Entry>> = {
  'dsse 0.0.1': (leaf, signature, payload) => ({
    kind: 'dsse',
    version: '0.0.1',
    spec: {
      payloadHash: { algorithm: 'sha256', value: hex(payload) },
      signatures: [{ signature: base64(signature), verifier: base64(pem(leaf)) }],
    },
  }),
  'dsse 0.0.2': dsseEntry,
  'intoto 0.0.2': (leaf, signature, payload) => ({
    kind: 'intoto',
    version: '0.0.2',
    spec: {
      content: {
        envelope: { payloadType, signatures: [{ sig: base64(base64(signature)), publicKey: base64(pem(leaf)) }] },
        payloadHash: { algorithm: 'sha256', value: hex(payload) },
      },
    },
  }),
  'hashedrekord 0.0.1': (leaf, signature, payload) => ({
    kind: 'hashedrekord',
    version: '0.0.1',
    spec: {
      data: { hash: { algorithm: 'sha256', value: hex(preAuthEncoding(payloadType, payload)) } },
      signature: { content: base64(signature), publicKey: { content: base64(pem(leaf)) } },
    },
  }),
  'hashedrekord 0.0.2': (leaf, signature, payload) => ({
    kind: 'hashedrekord',
    version: '0.0.2',
    spec: {
      hashedRekordV002: {
        data: {
          algorithm: 'SHA2_256',
          digest: base64(createHash('sha256').update(preAuthEncoding(payloadType, payload)).digest()),
        },
        signature: { content: base64(signature), verifier: { x509Certificate: { rawBytes: base64(leaf) } } },
      },
    },
  }),
}

for (const [kind, entry] of Object.entries(KINDS)) {
  test(`accepts an entry of the kind ${kind}`, async () => {
    await askUs(forge.sign(undefined, { entry }), forge.trustedRoot)
  })

  test(`refuses an entry of the kind ${kind} that names another signer's certificate`, async () => {
    const document = forge.sign(undefined, { entry: (_, signature, payload) => entry(stranger, signature, payload) })
    const expected = { code: 'LOG_INVALID', message: /another signer's certificate/ }
    await assertOnlyWeRefuse(document, forge.trustedRoot, expected)
  })
}

test('refuses an entry whose JSON has two readings', async () => {
  const document = forge.sign()
  const [entry] = document.verificationMaterial.tlogEntries
  const text = Buffer.from(entry?.canonicalizedBody ?? '', 'base64').toString()
  const twice = text.replace('{"apiVersion"', '{"kind":"intoto","apiVersion"')
  const changed = structuredClone(document)
  const [target] = changed.verificationMaterial.tlogEntries
  if (target) target.canonicalizedBody = base64(twice)
  const { rejects } = await import('node:assert/strict')
  await rejects(askUs(changed, forge.trustedRoot), { code: 'LOG_INVALID', message: /"kind" twice/ })
})
