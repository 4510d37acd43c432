import { printable } from '../../core/printable.ts'
import { childrenOf, context, type DerElement, DerFault, expectTag, oidOf, readDer, sequenceOf, TAG } from './der.ts'
import { timestampInvalid, timestampUnknown } from './refusals.ts'
import { isWithin, type TrustedAuthority } from './root-parts.ts'
import type { TrustedRoot } from './trusted-root.ts'

/** A time that somebody whom the trusted root names vouches for. */
export interface TrustedTime {
  readonly atMs: number
  /** `timestamp authority …` or `log …` */
  readonly source: string
}

/** What is read of an RFC 3161 response. Nothing in it is checked yet. */
interface Token {
  readonly atMs: number
  readonly serial: Buffer
  readonly issuer: Buffer
  readonly certificates: readonly Buffer[]
}

/**
 * The time at which one of the roots' authorities saw `signature`.
 * @throws VerificationError `TIMESTAMP_INVALID`
 */
export async function verifyTimestamp(
  der: Buffer,
  signature: Buffer,
  roots: readonly TrustedRoot[],
): Promise<TrustedTime> {
  const token = readToken(der)
  const authorities = roots.flatMap((root) => root.timestampAuthorities).filter((authority) => isOf(token, authority))
  if (authorities.length === 0) {
    const names = roots.map(({ name }) => printable(name, 80)).join(', ')
    throw timestampUnknown(`no authority in ${names || 'any trusted root'} was there to make the timestamp`)
  }
  const { RFC3161Timestamp } = await import('@sigstore/core')
  let cause: unknown
  for (const { chain, name } of authorities) {
    const [leaf] = chain
    if (leaf === undefined) continue
    try {
      const stamp = RFC3161Timestamp.parse(Buffer.from(der))
      // The imprint, the digest of the attributes, and the authority's signature over them.
      stamp.verify(signature, leaf.publicKey)
      if (Math.floor(token.atMs / 1000) === Math.floor(stamp.signingTime.getTime() / 1000)) {
        return { atMs: token.atMs, source: `timestamp authority ${name}` }
      }
      cause = new Error('two readers find different times in it')
    } catch (error) {
      cause = error
    }
  }
  throw timestampInvalid('the timestamp is not one that its authority made over this signature', cause)
}

/**
 * Each of them, or none: a bad one among good ones is a sign that somebody changed the bundle.
 * @throws VerificationError `TIMESTAMP_INVALID`
 */
export async function verifyEach(
  timestamps: readonly Buffer[],
  signature: Buffer,
  roots: readonly TrustedRoot[],
): Promise<readonly TrustedTime[]> {
  const times: TrustedTime[] = []
  for (const [index, timestamp] of timestamps.entries()) {
    if (timestamps.slice(0, index).some((earlier) => earlier.equals(timestamp))) {
      throw timestampInvalid('the bundle holds the same timestamp twice')
    }
    times.push(await verifyTimestamp(timestamp, signature, roots))
  }
  return times
}

/**
 * The authority that the token names, at a time when the root trusted it and its certificates were valid. What the token
 * brings along must be the root's: nothing in it may be without effect, for then it could be anything.
 */
function isOf(token: Token, authority: TrustedAuthority): boolean {
  const [leaf] = authority.chain
  if (leaf === undefined || !leaf.serial.equals(token.serial) || !leaf.issuer.equals(token.issuer)) return false
  return (
    isWithin(token.atMs, authority) &&
    authority.chain.every(({ notBeforeMs, notAfterMs }) => notBeforeMs <= token.atMs && token.atMs <= notAfterMs) &&
    token.certificates.every((der) => authority.chain.some((link) => link.der.equals(der)))
  )
}

const SIGNED_DATA = '1.2.840.113549.1.7.2'
const TST_INFO = '1.2.840.113549.1.9.16.1.4'
/** RFC 3161 §2.4.2. The library does not ask; `grantedWithMods` is refused too: the status is not signed. */
const GRANTED = 0

/** RFC 3161 §2.4.2 and RFC 5652 §5. */
function readToken(der: Buffer): Token {
  try {
    const [status, token, ...rest] = sequenceOf(readDer(der), 'timestamp response')
    const [verdict, ...remarks] = sequenceOf(status, 'status')
    const { content } = expectTag(verdict, TAG.integer, 'status')
    if (content.length !== 1 || content[0] !== GRANTED) throw new DerFault('says that none was granted')
    if (rest.length > 0 || remarks.length > 0) throw new DerFault('has parts that nobody signed')
    return readSignedData(token)
  } catch (error) {
    if (!(error instanceof DerFault)) throw error
    throw timestampInvalid(`the timestamp ${error.message}`, error)
  }
}

function readSignedData(token: DerElement | undefined): Token {
  const [type, holder] = sequenceOf(token, 'token')
  if (oidOf(type) !== SIGNED_DATA) throw new DerFault('is no signed data')
  const [inner] = childrenOf(expectTag(holder, context(0), 'signed data'))
  const [version, digests, encapsulated, ...rest] = sequenceOf(inner, 'signed data')
  const certificates = rest.filter(({ tag }) => tag === context(0))
  const signers = childrenOf(expectTag(rest.at(-1), TAG.set, 'signers'))
  const [signer] = signers
  if (signers.length !== 1 || rest.length !== certificates.length + 1)
    throw new DerFault('has parts that nobody signed')
  const [signerVersion, identifier, digest, attributes, algorithm, signature, ...more] = sequenceOf(signer, 'signer')
  // Unsigned attributes would stand at the end.
  if (attributes?.tag !== context(0) || more.length > 0) throw new DerFault('has parts that nobody signed')
  // RFC 5652 §5.1 and §5.3 leave no choice in what follows; it is unsigned, and the library looks at none of it.
  expectVersion(version, 3)
  expectVersion(signerVersion, 1)
  const [listed, ...others] = childrenOf(expectTag(digests, TAG.set, 'digest algorithms'))
  if (others.length > 0 || listed?.bytes.equals(algorithmIn(digest)) !== true) {
    throw new DerFault('has other digest algorithms than its signer')
  }
  algorithmIn(algorithm)
  expectTag(signature, TAG.octetString, 'signature')
  const [issuer, serial] = sequenceOf(identifier, 'signer identifier')
  return {
    atMs: readInfo(encapsulated),
    serial: expectTag(serial, TAG.integer, 'serial number').content,
    issuer: expectTag(issuer, TAG.sequence, 'issuer').bytes,
    certificates: certificates.flatMap(childrenOf).map(({ bytes }) => bytes),
  }
}

function expectVersion(element: DerElement | undefined, version: number): void {
  const { content } = expectTag(element, TAG.integer, 'version')
  if (!content.equals(Buffer.from([version]))) throw new DerFault(`is not of version ${version}`)
}

/** An identifier, and behind it nothing or NULL (RFC 5754 §2). The whole of it is returned. */
function algorithmIn(element: DerElement | undefined): Buffer {
  const [id, parameters, ...more] = sequenceOf(element, 'algorithm')
  oidOf(id)
  const isBare = parameters === undefined || parameters.bytes.equals(NULL)
  if (!isBare || more.length > 0) throw new DerFault('has an algorithm with parameters')
  return element?.bytes ?? NULL
}

const NULL = Buffer.from([0x05, 0x00])

const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{3}))?Z$/

/** `genTime` of the TSTInfo. */
function readInfo(encapsulated: DerElement | undefined): number {
  const [type, holder] = sequenceOf(encapsulated, 'encapsulated content')
  if (oidOf(type) !== TST_INFO) throw new DerFault('holds no time-stamp information')
  const [octets] = childrenOf(expectTag(holder, context(0), 'encapsulated content'))
  const info = readDer(expectTag(octets, TAG.octetString, 'encapsulated content').content)
  const [, , , , time] = sequenceOf(info, 'time-stamp information')
  const text = expectTag(time, TAG.generalizedTime, 'time').content.toString('latin1')
  const iso = text.replace(TIME, (_, year, month, day, hour, minute, second, fraction = '000') => {
    return `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction}Z`
  })
  const atMs = Date.parse(iso)
  if (!TIME.test(text) || Number.isNaN(atMs) || new Date(atMs).toISOString() !== iso) {
    throw new DerFault('has a time of another form than the libraries read')
  }
  return atMs
}
