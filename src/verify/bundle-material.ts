import type { Reader } from './reader.ts'

/** Who claims to have signed. A claim and no more, until the signature was checked with that signer's key. */
export type Material =
  | { readonly kind: 'key'; readonly hint: string }
  /** The leaf, DER, as it came: nothing in it was looked at. */
  | { readonly kind: 'certificate'; readonly der: Buffer }

/** What a transparency log gave out about the signature. Nothing in it is checked yet but its form. */
export interface LogEntry {
  readonly index: bigint
  readonly logId: Buffer
  readonly kind: string
  readonly version: string
  /** Seconds; 0 when the log states no time, as Rekor v2 does. */
  readonly integratedTime: bigint
  /** The signed entry timestamp of Rekor v1. */
  readonly promise: Buffer | null
  readonly proof: InclusionProof | null
  readonly body: Buffer
}

export interface InclusionProof {
  readonly index: bigint
  readonly treeSize: bigint
  readonly rootHash: Buffer
  readonly hashes: readonly Buffer[]
  readonly checkpoint: string
}

/** `verificationMaterial`: the claimed signer, and the evidence that came with the signature. */
export interface Evidence {
  readonly material: Material
  readonly entries: readonly LogEntry[]
  /** RFC 3161 TimeStampResp, DER each. */
  readonly timestamps: readonly Buffer[]
}

/** The format's versions: what each may hold, and must, differs. */
export type BundleVersion = '0.1' | '0.2' | '0.3'

const ENTRIES_MAX = 8
const TIMESTAMPS_MAX = 8
const HASHES_MAX = 64
const HASH_BYTES = 32
const HINT_MAX = 1024
const CERTIFICATE_MAX_BYTES = 16 * 2 ** 10
const TIMESTAMP_MAX_BYTES = 32 * 2 ** 10
const CHECKPOINT_MAX = 16 * 2 ** 10
const PROMISE_MAX_BYTES = 1024
const WORD_MAX = 64

const AT = 'verificationMaterial'
const KINDS = ['publicKey', 'certificate', 'x509CertificateChain'] as const

export function readEvidence(reader: Reader, value: unknown, version: BundleVersion): Evidence | null {
  const holder = reader.object(value, AT, [...KINDS, 'tlogEntries', 'timestampVerificationData'])
  if (holder === null) return null
  const kinds = KINDS.filter((kind) => holder[kind] !== undefined)
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) {
    return reader.fault(AT, `must hold exactly one of ${KINDS.join(', ')}, found ${kinds.length}`)
  }
  const material = readMaterial(reader, kind, holder[kind], version)
  const entries = readEntries(reader, holder.tlogEntries, version)
  const timestamps = readTimestamps(reader, holder.timestampVerificationData)
  if (kind === 'publicKey' && entries !== null && entries.length > 0) {
    // Sigstore's own writers leave an empty list beside a key; anything in it would be evidence that nobody checked.
    reader.fault(`${AT}.tlogEntries`, 'cannot be checked beside a key: transparency logs come with keyless signing')
  }
  if (material === null || entries === null || timestamps === null) return null
  return { material, entries, timestamps }
}

function readMaterial(
  reader: Reader,
  kind: (typeof KINDS)[number],
  value: unknown,
  version: BundleVersion,
): Material | null {
  const at = `${AT}.${kind}`
  switch (kind) {
    case 'publicKey': {
      const key = reader.object(value, at, ['hint'])
      const hint = key === null ? null : reader.string(key.hint, `${at}.hint`)
      if (hint === null) return null
      const fits = hint.length > 0 && hint.length <= HINT_MAX
      return fits ? { kind: 'key', hint } : reader.fault(`${at}.hint`, `must be 1 to ${HINT_MAX} characters`)
    }
    case 'certificate': {
      if (version !== '0.3')
        return reader.fault(at, `is not of version ${version} (expected an x509CertificateChain of one)`)
      return readCertificate(reader, value, at)
    }
    case 'x509CertificateChain': {
      // Bundle v0.3 forbids chains; before, one certificate was enough, since intermediates come from the trusted root.
      if (version === '0.3') return reader.fault(at, 'is not of version 0.3 (expected a certificate)')
      const chain = reader.object(value, at, ['certificates'])
      const certificates = chain === null ? null : reader.array(chain.certificates, `${at}.certificates`, Infinity)
      if (certificates === null) return null
      if (certificates.length === 1) return readCertificate(reader, certificates[0], `${at}.certificates[0]`)
      const found = `found ${certificates.length}`
      return reader.fault(
        `${at}.certificates`,
        `must hold exactly one certificate, that of the signer, ${found}: its issuers come from the trusted root alone`,
      )
    }
  }
}

function readCertificate(reader: Reader, value: unknown, at: string): Material | null {
  const certificate = reader.object(value, at, ['rawBytes'])
  const der =
    certificate === null ? null : readBytes(reader, certificate.rawBytes, `${at}.rawBytes`, CERTIFICATE_MAX_BYTES)
  return der === null ? null : { kind: 'certificate', der }
}

function readEntries(reader: Reader, value: unknown, version: BundleVersion): readonly LogEntry[] | null {
  if (value === undefined) return []
  const entries = reader.array(value, `${AT}.tlogEntries`, ENTRIES_MAX)
  return allOf(entries?.map((entry, index) => readEntry(reader, entry, `${AT}.tlogEntries[${index}]`, version)))
}

const ENTRY_KEYS = [
  'logIndex',
  'logId',
  'kindVersion',
  'integratedTime',
  'inclusionPromise',
  'inclusionProof',
  'canonicalizedBody',
] as const

function readEntry(reader: Reader, value: unknown, at: string, version: BundleVersion): LogEntry | null {
  const entry = reader.object(value, at, ENTRY_KEYS)
  if (entry === null) return null
  const index = readInt64(reader, entry.logIndex, `${at}.logIndex`)
  const log = reader.object(entry.logId, `${at}.logId`, ['keyId'])
  const logId = log === null ? null : readHash(reader, log.keyId, `${at}.logId.keyId`)
  const named = reader.object(entry.kindVersion, `${at}.kindVersion`, ['kind', 'version'])
  const kind = named === null ? null : readWord(reader, named.kind, `${at}.kindVersion.kind`)
  const kindVersion = named === null ? null : readWord(reader, named.version, `${at}.kindVersion.version`)
  const integratedTime = readInt64(reader, entry.integratedTime, `${at}.integratedTime`)
  const promise = readPromise(reader, entry.inclusionPromise, `${at}.inclusionPromise`)
  const proof = readProof(reader, entry.inclusionProof, `${at}.inclusionProof`)
  const body = readBytes(reader, entry.canonicalizedBody, `${at}.canonicalizedBody`, Infinity)
  // Bundle v0.1 is the time before proofs; from v0.2 on each entry has one.
  if (version === '0.1' && promise === undefined) reader.fault(`${at}.inclusionPromise`, 'is missing')
  if (version !== '0.1' && proof === undefined) reader.fault(`${at}.inclusionProof`, 'is missing')
  if (index === null || logId === null || kind === null || kindVersion === null || integratedTime === null) return null
  if (promise === null || proof === null || body === null) return null
  return {
    index,
    logId,
    kind,
    version: kindVersion,
    integratedTime,
    promise: promise ?? null,
    proof: proof ?? null,
    body,
  }
}

/** `undefined`: there is none; `null`: there is a faulty one. */
function readPromise(reader: Reader, value: unknown, at: string): Buffer | null | undefined {
  if (value === undefined) return undefined
  const promise = reader.object(value, at, ['signedEntryTimestamp'])
  if (promise === null) return null
  return readBytes(reader, promise.signedEntryTimestamp, `${at}.signedEntryTimestamp`, PROMISE_MAX_BYTES)
}

function readProof(reader: Reader, value: unknown, at: string): InclusionProof | null | undefined {
  if (value === undefined) return undefined
  const proof = reader.object(value, at, ['logIndex', 'rootHash', 'treeSize', 'hashes', 'checkpoint'])
  if (proof === null) return null
  const index = readInt64(reader, proof.logIndex, `${at}.logIndex`)
  const treeSize = readInt64(reader, proof.treeSize, `${at}.treeSize`)
  const rootHash = readHash(reader, proof.rootHash, `${at}.rootHash`)
  // protobuf-JSON leaves an empty list out: a log of one entry has no hashes.
  const list = proof.hashes === undefined ? [] : reader.array(proof.hashes, `${at}.hashes`, HASHES_MAX)
  const hashes = allOf(list?.map((hash, position) => readHash(reader, hash, `${at}.hashes[${position}]`)))
  const checkpoint = readCheckpoint(reader, proof.checkpoint, `${at}.checkpoint`)
  if (index === null || treeSize === null || rootHash === null || hashes === null || checkpoint === null) return null
  return { index, treeSize, rootHash, hashes, checkpoint }
}

/** A proof without one would lead to a root hash that nobody signed. */
function readCheckpoint(reader: Reader, value: unknown, at: string): string | null {
  const checkpoint = reader.object(value, at, ['envelope'])
  const envelope = checkpoint === null ? null : reader.string(checkpoint.envelope, `${at}.envelope`)
  if (envelope === null || (envelope.length > 0 && envelope.length <= CHECKPOINT_MAX)) return envelope
  return reader.fault(`${at}.envelope`, `must be 1 to ${CHECKPOINT_MAX} characters`)
}

function readTimestamps(reader: Reader, value: unknown): readonly Buffer[] | null {
  if (value === undefined) return []
  const at = `${AT}.timestampVerificationData`
  const data = reader.object(value, at, ['rfc3161Timestamps'])
  if (data === null) return null
  if (data.rfc3161Timestamps === undefined) return []
  const stamps = reader.array(data.rfc3161Timestamps, `${at}.rfc3161Timestamps`, TIMESTAMPS_MAX)
  return allOf(
    stamps?.map((stamp, index) => {
      const path = `${at}.rfc3161Timestamps[${index}]`
      const only = reader.object(stamp, path, ['signedTimestamp'])
      if (only === null) return null
      return readBytes(reader, only.signedTimestamp, `${path}.signedTimestamp`, TIMESTAMP_MAX_BYTES)
    }),
  )
}

const INT64 = /^(?:0|[1-9][0-9]{0,18})$/
const INT64_MAX = 2n ** 63n - 1n

/** protobuf-JSON writes int64 as a decimal string, reads a number too, and leaves a zero out. Ours are never negative. */
function readInt64(reader: Reader, value: unknown, at: string): bigint | null {
  if (value === undefined) return 0n
  const isNumber = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)
  const isText = typeof value === 'string' && INT64.test(value) && BigInt(value) <= INT64_MAX
  if (isNumber || isText) return BigInt(value)
  return reader.fault(at, 'must be a whole number from 0 to 2^63 - 1, as a decimal string or a number below 2^53')
}

function readBytes(reader: Reader, value: unknown, at: string, max: number): Buffer | null {
  const bytes = reader.base64(value, at)
  if (bytes === null || (bytes.length > 0 && bytes.length <= max)) return bytes
  return reader.fault(at, bytes.length === 0 ? 'is empty' : `is ${bytes.length} bytes, more than ${max}`)
}

function readHash(reader: Reader, value: unknown, at: string): Buffer | null {
  const bytes = reader.base64(value, at)
  if (bytes === null || bytes.length === HASH_BYTES) return bytes
  return reader.fault(at, `must be ${HASH_BYTES} bytes, found ${bytes.length}`)
}

function readWord(reader: Reader, value: unknown, at: string): string | null {
  const word = reader.string(value, at)
  if (word === null || (word.length > 0 && word.length <= WORD_MAX)) return word
  return reader.fault(at, `must be 1 to ${WORD_MAX} characters`)
}

/** The items, if none of them is faulty. */
function allOf<T>(items: readonly (T | null)[] | undefined): readonly T[] | null {
  if (items === undefined || items.some((item) => item === null)) return null
  return items as readonly T[]
}
