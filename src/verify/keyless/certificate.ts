import { type KeyObject, X509Certificate } from 'node:crypto'
import { VerificationError } from '../../core/errors.ts'
import { printable } from '../../core/printable.ts'
import {
  booleanOf,
  childrenOf,
  context,
  type DerElement,
  DerFault,
  expectTag,
  oidOf,
  readDer,
  sequenceOf,
  TAG,
  timeOf,
} from './der.ts'
import { weaknessOf } from './key-strength.ts'

export interface Extension {
  readonly critical: boolean
  /** The content of `extnValue`: DER again, but for the oldest of Fulcio's. */
  readonly value: Buffer
}

/** What is read of an X.509 certificate (RFC 5280). Reading it says nothing about who made it. */
export interface Certificate {
  readonly der: Buffer
  readonly publicKey: KeyObject
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** DER of the serial number's content and of the issuer's name: what a timestamp names its signer by. */
  readonly serial: Buffer
  readonly issuer: Buffer
  readonly extensions: ReadonlyMap<string, Extension>
}

export const OID = {
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  timeStamping: '1.3.6.1.5.5.7.3.8',
} as const

/** RFC 5280 §4.2: a critical extension that is not known to the reader refuses the certificate. */
const UNDERSTOOD: readonly string[] = [
  OID.keyUsage,
  OID.subjectAltName,
  OID.basicConstraints,
  OID.extendedKeyUsage,
  '2.5.29.14', // subject key identifier
  '2.5.29.35', // authority key identifier
  '1.3.6.1.4.1.11129.2.4.2', // signed certificate timestamps
]

/** @throws DerFault for bytes that are no certificate. */
export function parseCertificate(der: Buffer): Certificate {
  const [body, , , ...rest] = sequenceOf(readDer(der), 'certificate')
  if (rest.length > 0) throw new DerFault('has more parts than a certificate')
  const [version, serial, , issuer, validity, , , ...optional] = sequenceOf(body, 'certificate body')
  // RFC 5280 §4.1.2.1: extensions are there from version 3 on; without them a certificate names nobody.
  const [number] = childrenOf(expectTag(version, context(0), 'version'))
  if (!expectTag(number, TAG.integer, 'version').content.equals(Buffer.from([2])))
    throw new DerFault('is not of version 3')
  const [notBefore, notAfter] = sequenceOf(validity, 'validity')
  return {
    der,
    publicKey: publicKeyOf(der),
    notBeforeMs: timeOf(notBefore),
    notAfterMs: timeOf(notAfter),
    serial: expectTag(serial, TAG.integer, 'serial number').content,
    issuer: expectTag(issuer, TAG.sequence, 'issuer').bytes,
    extensions: extensionsOf(optional),
  }
}

/** OpenSSL reads it too: where it cannot, the certificate has a second reading. */
function publicKeyOf(der: Buffer): KeyObject {
  try {
    return new X509Certificate(der).publicKey
  } catch (error) {
    throw new DerFault(`is no certificate to OpenSSL: ${printable((error as Error).message, 200)}`, { cause: error })
  }
}

function extensionsOf(optional: readonly DerElement[]): ReadonlyMap<string, Extension> {
  const found = new Map<string, Extension>()
  const holder = optional.find(({ tag }) => tag === context(3))
  if (holder === undefined) return found
  const [list, ...others] = childrenOf(holder)
  if (others.length > 0) throw new DerFault('has two lists of extensions')
  for (const extension of sequenceOf(list, 'list of extensions')) {
    const [id, ...parts] = sequenceOf(extension, 'extension')
    const oid = oidOf(id)
    const value = expectTag(parts.at(-1), TAG.octetString, 'extension value').content
    const flag = parts.length === 2 ? parts[0] : undefined
    if (parts.length > 2) throw new DerFault(`has too many parts in the extension ${oid}`)
    // RFC 5280 §4.2: no extension twice; two readers would each take another one.
    if (found.has(oid)) throw new DerFault(`has the extension ${oid} twice`)
    found.set(oid, { critical: flag === undefined ? false : booleanOf(flag), value })
  }
  return found
}

export function isAuthority({ extensions }: Certificate): boolean {
  const constraints = extensions.get(OID.basicConstraints)
  if (constraints === undefined) return false
  const [first] = sequenceOf(readDer(constraints.value), 'basic constraints')
  return first?.tag === TAG.boolean && booleanOf(first)
}

/** The purposes of the extended key usage; none when there is no such extension. */
export function purposesOf({ extensions }: Certificate): readonly string[] {
  const usage = extensions.get(OID.extendedKeyUsage)
  return usage === undefined ? [] : sequenceOf(readDer(usage.value), 'extended key usage').map(oidOf)
}

/** The first bit of the key usage; `null` when there is no such extension. */
function signsDigitally({ extensions }: Certificate): boolean | null {
  const usage = extensions.get(OID.keyUsage)
  if (usage === undefined) return null
  const { content } = expectTag(readDer(usage.value), TAG.bitString, 'key usage')
  return ((content[1] ?? 0) & 0x80) !== 0
}

/** @throws VerificationError `CERTIFICATE_INVALID` */
export function readCertificate(der: Buffer): Certificate {
  return orInvalid(() => parseCertificate(der))
}

/**
 * The library checks who issued the leaf, never what for. Without this, any certificate below the same root (a server's,
 * an authority's own) would sign releases.
 * @throws VerificationError `CERTIFICATE_INVALID`
 */
export function assertSigningLeaf(leaf: Certificate): void {
  orInvalid(() => {
    for (const [oid, { critical }] of leaf.extensions) {
      if (critical && !UNDERSTOOD.includes(oid))
        throw new DerFault(`has the critical extension ${oid}, which is unknown`)
    }
    if (isAuthority(leaf)) throw new DerFault('belongs to a certificate authority, not to a signer')
    if (signsDigitally(leaf) !== true) throw new DerFault('is not made for digital signatures (key usage)')
    if (!purposesOf(leaf).includes(OID.codeSigning)) {
      throw new DerFault('is not made for code signing (extended key usage)')
    }
    const weakness = weaknessOf(leaf.publicKey)
    if (weakness !== null) throw new DerFault(`holds ${weakness}`)
  })
}

/** Reading in `work` that fails is a fault of the certificate. */
export function orInvalid<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof DerFault)) throw error
    throw certificateInvalid(`the certificate ${error.message}`, error)
  }
}

export function certificateInvalid(reason: string, cause?: unknown): VerificationError {
  return new VerificationError('CERTIFICATE_INVALID', `cannot trust the signer's certificate: ${reason}`, {
    hint: 'ask the publisher to sign again; for a private Sigstore, add its trusted root: plugins trust root add FILE',
    cause,
  })
}
