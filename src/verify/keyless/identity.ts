import { type Certificate, certificateInvalid, OID, orInvalid, readCertificate } from './certificate.ts'
import { childrenOf, context, DerFault, expectTag, oidOf, readDer, sequenceOf, TAG } from './der.ts'

/** Whom a Fulcio certificate names: exact texts, to be compared with `===`. */
export interface CertificateIdentity {
  readonly issuer: string
  /** The only subject alternative name. */
  readonly identity: string
  /** Numeric ids that survive renaming (OIDs 1.3.6.1.4.1.57264.1.15 and .17), where the issuer is a CI system. */
  readonly repositoryId: string | null
  readonly ownerId: string | null
}

/** https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md */
const FULCIO = {
  issuerV1: '1.3.6.1.4.1.57264.1.1',
  userName: '1.3.6.1.4.1.57264.1.7',
  issuerV2: '1.3.6.1.4.1.57264.1.8',
  repositoryId: '1.3.6.1.4.1.57264.1.15',
  ownerId: '1.3.6.1.4.1.57264.1.17',
} as const

const TEXT_MAX = 2048
/** IA5String of an e-mail address or URI: visible ASCII, so that no NUL or blank cuts it short for anybody. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/
const unseen = () => /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u

const EMAIL_TAG = 0x81
const URI_TAG = 0x86
const OTHER_NAME_TAG = context(0)

/**
 * What the certificate says of itself. Unverified: it only selects.
 * @throws VerificationError `CERTIFICATE_INVALID`
 */
export function readIdentity(der: Buffer): CertificateIdentity {
  return identityOf(readCertificate(der))
}

/** @throws VerificationError `CERTIFICATE_INVALID` */
export function identityOf(certificate: Certificate): CertificateIdentity {
  return orInvalid(() => ({
    issuer: issuerOf(certificate),
    identity: subjectOf(certificate),
    repositoryId: textOf(certificate, FULCIO.repositoryId),
    ownerId: textOf(certificate, FULCIO.ownerId),
  }))
}

/** The library's own reading of the verified certificate must not differ from ours, which selected the principal. */
export function assertSameIdentity(ours: CertificateIdentity, theirs: { issuer?: unknown; identity?: unknown }): void {
  // The library does not read Fulcio's user names; then it has no name at all.
  const isSameName = theirs.identity === undefined || theirs.identity === ours.identity
  if (isSameName && theirs.issuer === ours.issuer) return
  throw certificateInvalid('two readers find different identities in it')
}

function issuerOf(certificate: Certificate): string {
  const current = textOf(certificate, FULCIO.issuerV2)
  // The first of Fulcio's extensions hold their text without any DER around it.
  const legacy = certificate.extensions.get(FULCIO.issuerV1)?.value ?? null
  const old = legacy === null ? null : checkedText(legacy, 'issuer')
  if (current !== null && old !== null && current !== old) throw new DerFault('names two different issuers')
  const issuer = current ?? old
  if (issuer === null) throw new DerFault('does not say which identity provider vouched for its owner')
  return issuer
}

/** RFC 5280 §4.2.1.6. With two names, one policy would be satisfied by one and the reader would look at the other. */
function subjectOf(certificate: Certificate): string {
  const extension = certificate.extensions.get(OID.subjectAltName)
  if (extension === undefined) throw new DerFault('names nobody (it has no subject alternative name)')
  const names = sequenceOf(readDer(extension.value), 'list of names')
  const [name] = names
  if (name === undefined || names.length > 1) throw new DerFault(`must name exactly one subject, names ${names.length}`)
  switch (name.tag) {
    case EMAIL_TAG:
    case URI_TAG: {
      const text = name.content.toString('latin1')
      if (text.length <= TEXT_MAX && VISIBLE_ASCII.test(text)) return text
      throw new DerFault('names its subject in other than visible ASCII')
    }
    case OTHER_NAME_TAG: {
      const [type, value, ...more] = childrenOf(name)
      if (oidOf(type) !== FULCIO.userName || more.length > 0) throw new DerFault('names its subject by an unknown type')
      const [text, ...others] = childrenOf(expectTag(value, context(0), 'user name'))
      if (others.length > 0) throw new DerFault('has two user names')
      return checkedText(expectTag(text, TAG.utf8String, 'user name').content, 'subject')
    }
    default:
      throw new DerFault('names its subject neither by e-mail address nor by URI nor by user name')
  }
}

function textOf({ extensions }: Certificate, oid: string): string | null {
  const extension = extensions.get(oid)
  if (extension === undefined) return null
  return checkedText(expectTag(readDer(extension.value), TAG.utf8String, `text in ${oid}`).content, oid)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function checkedText(bytes: Buffer, what: string): string {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    throw new DerFault(`has a text that is not UTF-8 (${what})`)
  }
  if (text.length > 0 && text.length <= TEXT_MAX && !unseen().test(text)) return text
  throw new DerFault(`has a text that is empty, too long or not printable (${what})`)
}
