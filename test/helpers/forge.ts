// A Sigstore in the hands of an attacker: authorities that vouch for whatever they are told to, each part of a bundle to
// choose, and no server in between. What it signs is in order for Sigstore's own verifier, unless a test says otherwise.

import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { bundleFromJSON } from '@sigstore/bundle'
import { TrustedRoot } from '@sigstore/protobuf-specs'
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify'
import { PAYLOAD_TYPE } from '../../src/core/statement.ts'
import { parseBundles } from '../../src/verify/bundle.ts'
import { preAuthEncoding } from '../../src/verify/dsse.ts'
import { digestFor } from '../../src/verify/keyless/key-strength.ts'
import { type KeylessProof, verifyKeyless } from '../../src/verify/keyless/keyless.ts'
import { parseTrustedRoot } from '../../src/verify/keyless/trusted-root.ts'
import { CtLog } from './sigstore/ct-log.ts'
import { bits, nothing, oid, sequence, utf8 } from './sigstore/der.ts'
import { Log } from './sigstore/log.ts'
import { canonical } from './sigstore/rekor1.ts'
import { TimestampAuthority } from './sigstore/timestamp-authority.ts'
import { trustedRootOf } from './sigstore/trusted-root.ts'
import {
  alternativeNames,
  basicConstraints,
  CODE_SIGNING,
  certify,
  extendedKeyUsage,
  extension,
  makeKey,
  NAMELESS,
  nameOf,
  SIGNS_CERTIFICATES,
  SIGNS_DATA,
  spkiOf,
  toBeSigned,
} from './sigstore/x509.ts'

const MINUTE = 60_000
const YEAR = 365 * 24 * 60 * MINUTE
const SHA256 = sequence(oid('2.16.840.1.101.3.4.2.1'), nothing)

export const FORGED = { issuer: 'https://issuer.example', identity: 'https://example.com/acme/release' } as const
export const purpose = (id: string) => extendedKeyUsage(id)
export const usage = (byte: number) => extension('2.5.29.15', bits(Buffer.from([byte]), 0), true)
export const uri = (value: string) => ({ kind: 'uri', value }) as const
export const GOOD = {
  usage: SIGNS_DATA,
  purpose: extendedKeyUsage(CODE_SIGNING),
  names: alternativeNames([uri(FORGED.identity)]),
  issuer: extension('1.3.6.1.4.1.57264.1.8', utf8(FORGED.issuer)),
} as const

export interface Forgery {
  readonly key?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
  /** In place of the good ones of the leaf. */
  readonly extensions?: readonly Buffer[]
  /** What the log entry says in place of what it should. */
  readonly entry?: (leaf: Buffer, signature: Buffer, payload: Buffer) => { kind: string; version: string; spec: object }
  readonly payloadType?: string
  readonly timestamps?: (signature: Buffer) => readonly Buffer[]
}

export type Document = ReturnType<Forge['sign']>

export class Forge {
  readonly #root = makeKey('P-384')
  readonly #intermediate = makeKey('P-384')
  readonly #name = nameOf('forge.test', 'intermediate')
  readonly #ctLog = new CtLog()
  readonly #log = new Log('ed25519', (name) => name)
  readonly #now: Date
  readonly clock: TimestampAuthority
  readonly chain: readonly Buffer[]

  constructor(now: Date = new Date()) {
    this.#now = now
    this.clock = new TimestampAuthority(() => now)
    this.#log.open('https://log.forge.test')
    const name = nameOf('forge.test', 'root')
    const issuer = { name, key: this.#root }
    const validity = { notBefore: new Date(now.getTime() - YEAR), notAfter: new Date(now.getTime() + 9 * YEAR) }
    const constraints = [SIGNS_CERTIFICATES, basicConstraints(1)]
    this.chain = [
      certify({ ...validity, issuer, subject: this.#name, spki: this.#intermediate.spki, extensions: constraints }),
      certify({ ...validity, issuer, subject: name, spki: this.#root.spki, extensions: constraints }),
    ]
  }

  /** The leaf, with a timestamp of the certificate log in it. */
  certificate(spki: Buffer, extensions: readonly Buffer[] = Object.values(GOOD)): Buffer {
    const request = {
      subject: NAMELESS,
      spki,
      issuer: { name: this.#name, key: this.#intermediate },
      notBefore: new Date(this.#now.getTime() - MINUTE),
      notAfter: new Date(this.#now.getTime() + 9 * MINUTE),
      serial: Buffer.from([0x01, ...randomBytes(15)]),
      extensions,
    }
    const sct = this.#ctLog.witness(toBeSigned(request), this.#intermediate.spki, this.#now, undefined)
    return certify({ ...request, extensions: [...extensions, sct] })
  }

  stamp(signature: Buffer): Buffer {
    const digest = createHash('sha256').update(signature).digest()
    return this.clock.stamp({ algorithm: SHA256, digest, nonce: null, wantsCertificate: true })
  }

  /** The bundle, as the object that its JSON is. */
  sign(payload: Buffer = Buffer.from('{"a":1}'), forgery: Forgery = {}) {
    const { payloadType = PAYLOAD_TYPE, entry = dsseEntry, timestamps } = forgery
    const key = forgery.key ?? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const leaf = this.certificate(spkiOf(key.publicKey), forgery.extensions)
    const signature = sign(digestFor(key.publicKey), preAuthEncoding(payloadType, payload), key.privateKey)
    const { kind, version, spec } = entry(leaf, signature, payload)
    const body = Buffer.from(canonical({ apiVersion: version, kind, spec }))
    // Never the only leaf of the tree: a proof with no hashes would leave half of the fields empty.
    this.#log.append(randomBytes(8), undefined)
    const { index, size, root, hashes, checkpoint } = this.#log.append(body, undefined)
    return {
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: {
        certificate: { rawBytes: leaf.toString('base64') },
        tlogEntries: [
          {
            logIndex: `${index}`,
            logId: { keyId: this.#log.id.toString('base64') },
            kindVersion: { kind, version },
            inclusionProof: {
              logIndex: `${index}`,
              rootHash: root.toString('base64'),
              treeSize: `${size}`,
              hashes: hashes.map((hash) => hash.toString('base64')),
              checkpoint: { envelope: checkpoint },
            },
            canonicalizedBody: body.toString('base64'),
          },
        ],
        timestampVerificationData: {
          rfc3161Timestamps: (timestamps?.(signature) ?? [this.stamp(signature)]).map((stamp) => ({
            signedTimestamp: stamp.toString('base64'),
          })),
        },
      },
      dsseEnvelope: {
        payload: payload.toString('base64'),
        payloadType,
        signatures: [{ sig: signature.toString('base64') }],
      },
    }
  }

  get trustedRoot() {
    return trustedRootOf({
      ctLogKey: this.#ctLog.key,
      logs: [{ url: 'https://log.forge.test', log: this.#log }],
      fulcio: { url: 'https://ca.forge.test', chain: this.chain },
      timestamp: { url: 'https://clock.forge.test', chain: this.clock.chain },
      since: new Date(this.#now.getTime() - YEAR / 2),
    })
  }
}

/** Rekor v2's entry for a DSSE envelope. */
export function dsseEntry(certificate: Buffer, signature: Buffer, payload: Buffer) {
  const payloadHash = { algorithm: 'SHA2_256', digest: createHash('sha256').update(payload).digest('base64') }
  const verifier = {
    keyDetails: 'PKIX_ECDSA_P256_SHA_256',
    x509Certificate: { rawBytes: certificate.toString('base64') },
  }
  const signatures = [{ content: signature.toString('base64'), verifier }]
  return { kind: 'dsse', version: '0.0.2', spec: { dsseV002: { payloadHash, signatures } } }
}

/** Sigstore's own verifier, with the thresholds that we give it and nothing of ours. */
export function askLibrary(document: unknown, root: unknown): void {
  const material = toTrustMaterial(TrustedRoot.fromJSON(root))
  const verifier = new Verifier(material, { ctlogThreshold: 1, tlogThreshold: 1, timestampThreshold: 1 })
  verifier.verify(toSignedEntity(bundleFromJSON(document)))
}

export async function askUs(document: unknown, root: unknown): Promise<KeylessProof> {
  const [bundle] = parseBundles(Buffer.from(JSON.stringify(document)))
  assert.ok(bundle)
  return verifyKeyless(bundle, parseTrustedRoot(Buffer.from(JSON.stringify(root)), 'forged'))
}

/** A bundle that the library takes and we refuse: without a check of our own it would be accepted. */
export async function assertOnlyWeRefuse(
  document: unknown,
  root: unknown,
  expected: { code: string; message?: RegExp },
): Promise<void> {
  assert.doesNotThrow(() => askLibrary(document, root))
  await assert.rejects(askUs(document, root), expected)
}
