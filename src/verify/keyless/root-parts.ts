import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { printable } from '../../core/printable.ts'
import type { Reader } from '../reader.ts'
import { type Certificate, isAuthority, OID, parseCertificate, purposesOf } from './certificate.ts'
import { DerFault } from './der.ts'
import { weaknessOf } from './key-strength.ts'

/** Both ends belong to it, as they do to Sigstore's other clients. */
export interface Period {
  readonly fromMs: number
  readonly untilMs: number
}

export const isWithin = (atMs: number, { fromMs, untilMs }: Period): boolean => fromMs <= atMs && atMs <= untilMs

export interface TrustedLog extends Period {
  readonly url: string
  /** The host of `url`, by which its checkpoints are signed. */
  readonly host: string
  readonly id: Buffer
  readonly key: KeyObject
}

export interface TrustedAuthority extends Period {
  readonly name: string
  /** From the certificate that signs to the root's own. */
  readonly chain: readonly Certificate[]
}

const LOGS_MAX = 64
const AUTHORITIES_MAX = 64
const CHAIN_MAX = 8
const TEXT_MAX = 512
const KEY_MAX_BYTES = 4096
const CERTIFICATE_MAX_BYTES = 16 * 2 ** 10

/** Sigstore's key details that we accept, and the kind and size of key that each one promises. */
const KEY_DETAILS: ReadonlyMap<unknown, { type: string; size?: string; format: 'spki' | 'pkcs1' }> = new Map([
  ['PKIX_ECDSA_P256_SHA_256', { type: 'ec', size: 'prime256v1', format: 'spki' }],
  ['PKIX_ED25519', { type: 'ed25519', format: 'spki' }],
  // Sigstore's own older logs: PKCS #1, of any size; a weak one is refused by its size.
  ['PKCS1_RSA_PKCS1V5', { type: 'rsa', format: 'pkcs1' }],
] as const)

export function readLogs(reader: Reader, value: unknown, at: string): readonly TrustedLog[] {
  if (value === undefined) return []
  const logs = reader.array(value, at, LOGS_MAX) ?? []
  const read = present(logs.map((log, index) => readLog(reader, log, `${at}[${index}]`)))
  for (const [index, log] of read.entries()) {
    const isTwice = read.slice(0, index).some(({ id }) => id.equals(log.id))
    // Two logs of one id: which key and period hold would hang on who asks.
    if (isTwice) reader.fault(`${at}[${index}].logId`, 'is there twice')
  }
  return read
}

function readLog(reader: Reader, value: unknown, at: string): TrustedLog | null {
  const log = reader.object(value, at, [
    'baseUrl',
    'hashAlgorithm',
    'publicKey',
    'logId',
    'checkpointKeyId',
    'operator',
  ])
  if (log === null) return null
  const url = readText(reader, log.baseUrl, `${at}.baseUrl`)
  reader.literal(log.hashAlgorithm, `${at}.hashAlgorithm`, 'SHA2_256')
  const id = readLogId(reader, log.logId, `${at}.logId`)
  // Where a log's checkpoints are signed under another id than its entries were, that one is in the bundles too.
  const noteId =
    log.checkpointKeyId === undefined ? id : readLogId(reader, log.checkpointKeyId, `${at}.checkpointKeyId`)
  if (log.operator !== undefined) readText(reader, log.operator, `${at}.operator`)
  const key = readKey(reader, log.publicKey, `${at}.publicKey`)
  const host = url === null ? null : hostOf(reader, url, `${at}.baseUrl`)
  if (url === null || host === null || id === null || noteId === null || key === null) return null
  return { url, host, id: noteId, ...key }
}

function readKey(reader: Reader, value: unknown, at: string): ({ key: KeyObject } & Period) | null {
  const holder = reader.object(value, at, ['rawBytes', 'keyDetails', 'validFor'])
  if (holder === null) return null
  const period = readPeriod(reader, holder.validFor, `${at}.validFor`)
  const bytes = reader.base64(holder.rawBytes, `${at}.rawBytes`)
  const details = KEY_DETAILS.get(holder.keyDetails)
  if (details === undefined) {
    const shown = printable(String(holder.keyDetails), 64)
    return reader.fault(`${at}.keyDetails`, `must be one of ${[...KEY_DETAILS.keys()].join(', ')}, found ${shown}`)
  }
  if (bytes === null || period === null) return null
  const key = bytes.length <= KEY_MAX_BYTES ? parseKey(bytes, details.format) : null
  if (key === null) return reader.fault(`${at}.rawBytes`, 'is no public key in DER')
  const weakness = weaknessOf(key)
  if (weakness !== null) return reader.fault(`${at}.rawBytes`, `is ${weakness}`)
  const fits =
    key.asymmetricKeyType === details.type &&
    (details.size === undefined || key.asymmetricKeyDetails?.namedCurve === details.size)
  return fits ? { key, ...period } : reader.fault(`${at}.rawBytes`, 'is a key of another kind than keyDetails says')
}

function parseKey(der: Buffer, format: 'spki' | 'pkcs1'): KeyObject | null {
  try {
    const key = createPublicKey({ key: der, format: 'der', type: format })
    const written = key.export({ format: 'der', type: 'spki' })
    // One key, one form: OpenSSL reads past the end. PKCS #1 is the last part of the other form.
    const same = format === 'spki' ? written : written.subarray(-der.length)
    return same.equals(der) ? key : null
  } catch {
    // Whatever OpenSSL finds wrong, it is a fault of the document; the caller reports it.
    return null
  }
}

function readLogId(reader: Reader, value: unknown, at: string): Buffer | null {
  const holder = reader.object(value, at, ['keyId'])
  const id = holder === null ? null : reader.base64(holder.keyId, `${at}.keyId`)
  if (id === null || id.length === 32) return id
  return reader.fault(`${at}.keyId`, `must be 32 bytes, found ${id.length}`)
}

function hostOf(reader: Reader, text: string, at: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && (url.protocol === 'https:' || url.protocol === 'http:')) return url.host
  return reader.fault(at, 'must be a URL')
}

export function readAuthorities(reader: Reader, value: unknown, at: string): readonly TrustedAuthority[] {
  if (value === undefined) return []
  const isClock = at === 'timestampAuthorities'
  const authorities = reader.array(value, at, AUTHORITIES_MAX) ?? []
  return present(authorities.map((item, index) => readAuthority(reader, item, `${at}[${index}]`, isClock)))
}

function readAuthority(reader: Reader, value: unknown, at: string, isClock: boolean): TrustedAuthority | null {
  const authority = reader.object(value, at, ['subject', 'uri', 'certChain', 'validFor', 'operator'])
  if (authority === null) return null
  const subject = reader.object(authority.subject, `${at}.subject`, ['organization', 'commonName'])
  const names = ['organization', 'commonName'].map((part) =>
    subject?.[part] === undefined ? null : readText(reader, subject[part], `${at}.subject.${part}`),
  )
  const uri = authority.uri === undefined ? null : readText(reader, authority.uri, `${at}.uri`)
  if (authority.operator !== undefined) readText(reader, authority.operator, `${at}.operator`)
  const period = readPeriod(reader, authority.validFor, `${at}.validFor`)
  const chain = readChain(reader, authority.certChain, `${at}.certChain`, isClock)
  if (period === null || chain === null) return null
  return { name: uri ?? present(names).join(' '), chain, ...period }
}

function readChain(reader: Reader, value: unknown, at: string, isClock: boolean): readonly Certificate[] | null {
  const holder = reader.object(value, at, ['certificates'])
  const list = holder === null ? null : reader.array(holder.certificates, `${at}.certificates`, CHAIN_MAX)
  if (list === null) return null
  const path = (index: number) => `${at}.certificates[${index}]`
  const chain = list.map((item, index) => readLink(reader, item, path(index)))
  if (chain.length === 0) return reader.fault(`${at}.certificates`, 'is empty')
  if (chain.some((link) => link === null)) return null
  const whole = present(chain)
  for (const [index, link] of whole.entries()) {
    const fault = linkFault(link, whole[index + 1] ?? link, isClock && index === 0)
    if (fault !== null) reader.fault(path(index), fault)
  }
  return whole
}

function readLink(reader: Reader, value: unknown, at: string): Certificate | null {
  const holder = reader.object(value, at, ['rawBytes'])
  const der = holder === null ? null : reader.base64(holder.rawBytes, `${at}.rawBytes`)
  if (der === null) return null
  if (der.length > CERTIFICATE_MAX_BYTES)
    return reader.fault(`${at}.rawBytes`, `is more than ${CERTIFICATE_MAX_BYTES} bytes`)
  try {
    return parseCertificate(der)
  } catch (error) {
    if (!(error instanceof DerFault)) throw error
    return reader.fault(`${at}.rawBytes`, error.message)
  }
}

/** Why a certificate may not stand in a chain below `issuer`, itself at the end. */
function linkFault(link: Certificate, issuer: Certificate, isClock: boolean): string | null {
  const weakness = weaknessOf(link.publicKey)
  if (weakness !== null) return `holds ${weakness}`
  try {
    // RFC 3161 §2.3: a timestamp authority's key serves nothing else. The library asks neither for this nor for its like.
    if (isClock && !purposesOf(link).includes(OID.timeStamping))
      return 'is not made for timestamps (extended key usage)'
    if (!isClock && !isAuthority(link)) return 'is not that of a certificate authority'
  } catch (error) {
    if (!(error instanceof DerFault)) throw error
    return error.message
  }
  return isIssuedBy(link, issuer) ? null : 'is not issued by the next one (the last one must be its own issuer)'
}

function isIssuedBy(link: Certificate, issuer: Certificate): boolean {
  const certificate = new X509Certificate(link.der)
  return certificate.checkIssued(new X509Certificate(issuer.der)) && certificate.verify(issuer.publicKey)
}

/** A part without a start would be trusted for all times before it was made. */
function readPeriod(reader: Reader, value: unknown, at: string): Period | null {
  const period = reader.object(value, at, ['start', 'end'])
  if (period === null) return null
  const fromMs = readTime(reader, period.start, `${at}.start`)
  const untilMs = period.end === undefined ? Number.POSITIVE_INFINITY : readTime(reader, period.end, `${at}.end`)
  if (fromMs === null || untilMs === null) return null
  return fromMs <= untilMs ? { fromMs, untilMs } : reader.fault(at, 'ends before it begins')
}

/** protobuf-JSON writes a Timestamp in RFC 3339, in UTC, with 0, 3, 6 or 9 digits of a second. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(?:\d{3}|\d{6}|\d{9}))?Z$/

function readTime(reader: Reader, value: unknown, at: string): number | null {
  const text = reader.string(value, at)
  if (text === null) return null
  const ms = TIME.test(text) ? Date.parse(text) : Number.NaN
  // Date.parse turns 31 February into March.
  const isReal = Number.isFinite(ms) && new Date(ms).toISOString().slice(0, 19) === text.slice(0, 19)
  return isReal ? ms : reader.fault(at, 'must be a time in UTC, as 2026-11-21T08:00:00Z')
}

function readText(reader: Reader, value: unknown, at: string): string | null {
  const text = reader.string(value, at)
  if (text === null || (text.length > 0 && text.length <= TEXT_MAX && printable(text, TEXT_MAX) === text)) return text
  return reader.fault(at, `must be 1 to ${TEXT_MAX} printable characters`)
}

const present = <T>(items: readonly (T | null)[]): readonly T[] => items.filter((item) => item !== null)
