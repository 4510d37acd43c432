import { VerificationError } from '../core/errors.ts'
import type { SchemaFault } from '../core/faults.ts'
import { parseStrictJson } from '../core/json.ts'
import type { KeyId } from './ed25519.ts'
import { FAULTS_KEPT, Reader, sentenceOf } from './reader.ts'

export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'
/** DESIGN §2: a release of 5,000 files makes about 1 MB. */
export const BUNDLE_MAX_BYTES = 16 * 2 ** 20
/** Signers of one release; each costs a verification before anything is known about it. */
const BUNDLES_MAX = 16
const HINT_MAX = 1024

/** Who claims to have signed. A claim and no more, until the signature was checked with that signer's key. */
export type Material = { readonly kind: 'key'; readonly hint: string } | { readonly kind: 'certificate' }

/** One Sigstore bundle that keeps the format's rules. Nothing in it is checked yet. */
export interface Bundle {
  readonly material: Material
  readonly payloadType: string
  /** The signed bytes as they came; never parsed and written again before they were checked. */
  readonly payload: Buffer
  readonly signature: Buffer
}

/**
 * A `.sigstore.json` (one bundle) or a `.sigstore.jsonl` (one bundle a line).
 * @throws VerificationError `BUNDLE_MALFORMED`
 */
export function parseBundles(bytes: Uint8Array): readonly Bundle[] {
  if (bytes.length > BUNDLE_MAX_BYTES) {
    throw malformed([{ path: '', message: `is ${bytes.length} bytes, more than ${BUNDLE_MAX_BYTES}` }])
  }
  const documents = documentsOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
  if (documents.length > BUNDLES_MAX) {
    throw malformed([{ path: '', message: `holds ${documents.length} bundles, more than ${BUNDLES_MAX}` }])
  }
  return documents.map((document, index) => parseBundle(document, documents.length > 1 ? `line ${index + 1}` : ''))
}

/** The line that a `.sigstore.json` file is made of; several such lines are a `.sigstore.jsonl`. */
export function formatBundle(signed: {
  payloadType: string
  payload: Buffer
  keyId: KeyId
  signature: Buffer
}): Buffer {
  const bundle = {
    mediaType: BUNDLE_MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: signed.keyId } },
    dsseEnvelope: {
      payload: signed.payload.toString('base64'),
      payloadType: signed.payloadType,
      signatures: [{ sig: signed.signature.toString('base64'), keyid: signed.keyId }],
    },
  }
  return Buffer.from(`${JSON.stringify(bundle)}\n`)
}

const LF = 0x0a

/**
 * The file is JSON Lines when each of its lines begins with `{` and ends with `}`. No single JSON document of several
 * lines looks so (between `}` and `{` there must be a comma), hence no file can be read in both ways.
 */
function documentsOf(bytes: Buffer): readonly Buffer[] {
  const lines: Buffer[] = []
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(LF, start)
    const end = newline < 0 ? bytes.length : newline
    const line = bytes.subarray(start, end)
    if (line[0] !== 0x7b || line.at(-1) !== 0x7d) return [bytes.subarray(0, bytes.at(-1) === LF ? -1 : undefined)]
    lines.push(line)
    start = end + 1
  }
  return lines.length === 0 ? [bytes] : lines
}

/** protobuf-JSON refuses unknown fields; we also refuse its second spellings (snake_case, null, url-safe base64). */
function parseBundle(bytes: Buffer, prefix: string): Bundle {
  // JSON allows blanks around a document; then one bundle would have many forms, and a changed byte could go unseen.
  if (bytes[0] !== 0x7b || bytes.at(-1) !== 0x7d) {
    throw malformed([{ path: prefix, message: 'is not JSON: expected { at its begin and } at its end' }])
  }
  const json = parseStrictJson(bytes, { maxBytes: BUNDLE_MAX_BYTES, maxDepth: 16, maxStructure: 2 ** 20 })
  if (!json.ok) throw malformed([{ path: prefix, message: json.reason }])
  const reader = new Reader()
  const bundle = reader.object(json.value, '', [
    'mediaType',
    'verificationMaterial',
    'dsseEnvelope',
    'messageSignature',
  ])
  if (bundle === null) throw malformed(reader.faults, prefix)
  reader.literal(bundle.mediaType, 'mediaType', BUNDLE_MEDIA_TYPE)
  if (bundle.messageSignature !== undefined) {
    reader.fault('messageSignature', 'may not be there (expected a dsseEnvelope, which says what was signed)')
  }
  const material = readMaterial(reader, bundle.verificationMaterial)
  const envelope = readEnvelope(reader, bundle.dsseEnvelope)
  if (reader.faults.length > 0) throw malformed(reader.faults, prefix)
  if (material === null || envelope === null) throw malformed([{ path: prefix, message: 'is incomplete' }])
  if (material.kind === 'key' && envelope.keyid !== '' && envelope.keyid !== material.hint) {
    const path = 'dsseEnvelope.signatures[0].keyid'
    throw malformed([{ path, message: 'names another key than verificationMaterial.publicKey.hint' }], prefix)
  }
  const { payloadType, payload, signature } = envelope
  return { material, payloadType, payload, signature }
}

const KINDS = ['publicKey', 'certificate', 'x509CertificateChain'] as const

function readMaterial(reader: Reader, value: unknown): Material | null {
  const at = 'verificationMaterial'
  const known = [...KINDS, 'tlogEntries', 'timestampVerificationData']
  const material = reader.object(value, at, known)
  if (material === null) return null
  const kinds = KINDS.filter((kind) => material[kind] !== undefined)
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) {
    return reader.fault(at, `must hold exactly one of ${KINDS.join(', ')}, found ${kinds.length}`)
  }
  // A certificate brings log entries and timestamps of any shape; it is known by its kind alone, and they are not read.
  if (kind !== 'publicKey') return { kind: 'certificate' }
  refuseEvidence(reader, material)
  const key = reader.object(material.publicKey, `${at}.publicKey`, ['hint'])
  const hint = key === null ? null : reader.string(key.hint, `${at}.publicKey.hint`)
  if (hint === null) return null
  const fits = hint.length > 0 && hint.length <= HINT_MAX
  return fits ? { kind: 'key', hint } : reader.fault(`${at}.publicKey.hint`, `must be 1 to ${HINT_MAX} characters`)
}

/** Sigstore's own writers leave empty lists beside a key; anything in them would be evidence that nobody checked. */
function refuseEvidence(reader: Reader, material: Readonly<Record<string, unknown>>): void {
  const at = 'verificationMaterial'
  if (material.tlogEntries !== undefined) {
    const entries = reader.array(material.tlogEntries, `${at}.tlogEntries`, Number.POSITIVE_INFINITY)
    if (entries !== null && entries.length > 0) {
      reader.fault(`${at}.tlogEntries`, 'cannot be checked beside a key: transparency logs come with keyless signing')
    }
  }
  if (material.timestampVerificationData !== undefined) {
    const path = `${at}.timestampVerificationData`
    const data = reader.object(material.timestampVerificationData, path, ['rfc3161Timestamps'])
    if (data === null || data.rfc3161Timestamps === undefined) return
    const stamps = reader.array(data.rfc3161Timestamps, `${path}.rfc3161Timestamps`, Number.POSITIVE_INFINITY)
    if (stamps !== null && stamps.length > 0) {
      reader.fault(`${path}.rfc3161Timestamps`, 'cannot be checked yet: timestamps come with keyless signing')
    }
  }
}

interface Envelope {
  readonly payloadType: string
  readonly payload: Buffer
  readonly signature: Buffer
  readonly keyid: string
}

function readEnvelope(reader: Reader, value: unknown): Envelope | null {
  const at = 'dsseEnvelope'
  const envelope = reader.object(value, at, ['payload', 'payloadType', 'signatures'])
  if (envelope === null) return null
  const payload = reader.base64(envelope.payload, `${at}.payload`)
  const payloadType = reader.string(envelope.payloadType, `${at}.payloadType`)
  const signatures = reader.array(envelope.signatures, `${at}.signatures`, Number.POSITIVE_INFINITY)
  if (signatures === null) return null
  if (signatures.length !== 1) {
    return reader.fault(`${at}.signatures`, `must hold exactly one signature, found ${signatures.length}`)
  }
  const path = `${at}.signatures[0]`
  const only = reader.object(signatures[0], path, ['sig', 'keyid'])
  if (only === null) return null
  const signature = reader.base64(only.sig, `${path}.sig`)
  const keyid = only.keyid === undefined ? '' : reader.string(only.keyid, `${path}.keyid`)
  if (payload === null || payloadType === null || signature === null || keyid === null) return null
  return { payloadType, payload, signature, keyid }
}

function malformed(faults: readonly SchemaFault[], prefix = ''): VerificationError {
  const placed = prefix === '' ? faults : faults.map((fault) => ({ ...fault, path: `${prefix}: ${fault.path}` }))
  return new VerificationError('BUNDLE_MALFORMED', `cannot read the signature bundle: ${sentenceOf(placed)}`, {
    hint: 'fetch the bundle again, or ask its publisher to sign again with: plugins sign TARBALL --key KEY',
    details: { faults: placed.slice(0, FAULTS_KEPT) },
  })
}
