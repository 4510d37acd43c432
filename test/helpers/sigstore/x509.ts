// X.509 certificates (RFC 5280) of the local authorities.

import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { bits, bool, explicit, implicit, integer, octets, oid, sequence, setOf, utcTime, utf8 } from './der.ts'

export type Curve = 'P-256' | 'P-384'

/** A fresh private key with what is derived from it. */
export interface Key {
  readonly secret: KeyObject
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer
}

export function makeKey(kind: Curve | 'ed25519' = 'P-256'): Key {
  const { privateKey } =
    kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: kind })
  return { secret: privateKey, spki: spkiOf(createPublicKey(privateKey)) }
}

export const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' })
export const digestOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

/** The digest that goes with a key's curve, and the name of both together. */
export function schemeOf(key: Key): { hash: 'sha256' | 'sha384'; algorithm: Buffer } {
  return key.secret.asymmetricKeyDetails?.namedCurve === 'secp384r1'
    ? { hash: 'sha384', algorithm: sequence(oid('1.2.840.10045.4.3.3')) }
    : { hash: 'sha256', algorithm: sequence(oid('1.2.840.10045.4.3.2')) }
}

export const nameOf = (organization: string, commonName: string): Buffer =>
  sequence(setOf(sequence(oid('2.5.4.10'), utf8(organization))), setOf(sequence(oid('2.5.4.3'), utf8(commonName))))
export const NAMELESS = sequence()

export const extension = (id: string, value: Uint8Array, critical = false): Buffer =>
  sequence(oid(id), ...(critical ? [bool(true)] : []), octets(value))

const keyId = (spki: Buffer): Buffer => digestOf(spki).subarray(0, 20)
export const basicConstraints = (pathLength: number) =>
  extension('2.5.29.19', sequence(bool(true), integer(pathLength)), true)
/** keyCertSign and cRLSign. */
export const SIGNS_CERTIFICATES = extension('2.5.29.15', bits(Buffer.from([0x06]), 1), true)
/** digitalSignature. */
export const SIGNS_DATA = extension('2.5.29.15', bits(Buffer.from([0x80]), 7), true)
export const CODE_SIGNING = '1.3.6.1.5.5.7.3.3'
export const TIME_STAMPING = '1.3.6.1.5.5.7.3.8'
export const extendedKeyUsage = (id: string, critical = false) => extension('2.5.29.37', sequence(oid(id)), critical)

export interface AlternativeName {
  readonly kind: 'email' | 'uri'
  readonly value: string
}
/** Critical, since a Fulcio certificate has no subject (RFC 5280, 4.2.1.6). */
export const alternativeNames = (names: readonly AlternativeName[]) =>
  extension(
    '2.5.29.17',
    sequence(...names.map(({ kind, value }) => implicit(kind === 'email' ? 1 : 6, Buffer.from(value)))),
    true,
  )

export interface CertificateRequest {
  readonly subject: Buffer
  readonly spki: Buffer
  readonly issuer: { readonly name: Buffer; readonly key: Key }
  readonly notBefore: Date
  readonly notAfter: Date
  readonly extensions: readonly Buffer[]
  readonly serial?: Buffer
}

/** The TBSCertificate, which is what an issuer signs, and a certificate transparency log without its own extension. */
export function toBeSigned(request: CertificateRequest): Buffer {
  const { issuer, extensions, serial = Buffer.from([0x01, ...randomBytes(15)]) } = request
  return sequence(
    explicit(0, integer(2)),
    integer(serial),
    schemeOf(issuer.key).algorithm,
    issuer.name,
    sequence(utcTime(request.notBefore), utcTime(request.notAfter)),
    request.subject,
    request.spki,
    explicit(
      3,
      sequence(
        ...extensions,
        extension('2.5.29.14', octets(keyId(request.spki))),
        extension('2.5.29.35', sequence(implicit(0, keyId(issuer.key.spki)))),
      ),
    ),
  )
}

export function certify(request: CertificateRequest, signer: Key = request.issuer.key): Buffer {
  const body = toBeSigned(request)
  const { hash, algorithm } = schemeOf(signer)
  return sequence(body, algorithm, bits(sign(hash, body, signer.secret)))
}

export const pem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`
