import { VerificationError } from '../core/errors.ts'
import type { SchemaFault } from '../core/faults.ts'
import { parseStrictJson } from '../core/json.ts'
import { type BundleVersion, type LogEntry, type Material, readEvidence } from './bundle-material.ts'
import type { KeyId } from './ed25519.ts'
import { FAULTS_KEPT, Reader, sentenceOf } from './reader.ts'

export type { LogEntry, Material } from './bundle-material.ts'

export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'
/** What other tools wrote, and write, beside a certificate; version 0.3 had its older spelling for some months. */
const MEDIA_TYPES: ReadonlyMap<unknown, BundleVersion> = new Map([
  [BUNDLE_MEDIA_TYPE, '0.3'],
  ['application/vnd.dev.sigstore.bundle+json;version=0.3', '0.3'],
  ['application/vnd.dev.sigstore.bundle+json;version=0.2', '0.2'],
  ['application/vnd.dev.sigstore.bundle+json;version=0.1', '0.1'],
])
/** DESIGN §2: a release of 5,000 files makes about 1 MB. */
export const BUNDLE_MAX_BYTES = 16 * 2 ** 20
/** Signers of one release; each costs a verification before anything is known about it. */
const BUNDLES_MAX = 16
/** One Sigstore bundle that keeps the format's rules. Nothing in it is checked yet. */
export interface Bundle {
  readonly material: Material
  readonly payloadType: string
  /** The signed bytes as they came; never parsed and written again before they were checked. */
  readonly payload: Buffer
  readonly signature: Buffer
  readonly entries: readonly LogEntry[]
  /** RFC 3161 TimeStampResp, DER each; a key may have them as well. */
  readonly timestamps: readonly Buffer[]
  /** The strictly parsed document, for the Sigstore library alone. */
  readonly json: unknown
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
  return documents.map((document, index) => parseBundle(document, documents.length > 1 ? `line ${index + 1}` : ''))
}

/** The line that a `.sigstore.json` file is made of; several such lines are a `.sigstore.jsonl`. */
export function formatBundle(signed: {
  payloadType: string
  payload: Buffer
  keyId: KeyId
  signature: Buffer
  /** RFC 3161 TimeStampResp, DER each. */
  timestamps?: readonly Buffer[]
}): Buffer {
  const { timestamps = [] } = signed
  const rfc3161Timestamps = timestamps.map((der) => ({ signedTimestamp: der.toString('base64') }))
  const bundle = {
    mediaType: BUNDLE_MEDIA_TYPE,
    verificationMaterial: {
      publicKey: { hint: signed.keyId },
      ...(timestamps.length === 0 ? {} : { timestampVerificationData: { rfc3161Timestamps } }),
    },
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
    // Not counted to the end: millions of `{}` would make a gigabyte of lines before anybody is asked who signed them.
    if (lines.push(line) > BUNDLES_MAX) {
      throw malformed([{ path: '', message: `holds more than ${BUNDLES_MAX} bundles` }])
    }
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
  if (bundle.messageSignature !== undefined) {
    reader.fault('messageSignature', 'may not be there (expected a dsseEnvelope, which says what was signed)')
  }
  const version = MEDIA_TYPES.get(bundle.mediaType) ?? null
  if (version === null) reader.literal(bundle.mediaType, 'mediaType', BUNDLE_MEDIA_TYPE)
  const evidence = readEvidence(reader, bundle.verificationMaterial, version ?? '0.3')
  const envelope = readEnvelope(reader, bundle.dsseEnvelope)
  // Keyed bundles are our own, and there is one form of them.
  if (evidence?.material.kind === 'key' && version !== null) {
    reader.literal(bundle.mediaType, 'mediaType', BUNDLE_MEDIA_TYPE)
  }
  if (evidence !== null && envelope !== null) checkKeyId(reader, evidence.material, envelope.keyid)
  if (reader.faults.length > 0) throw malformed(reader.faults, prefix)
  if (evidence === null || envelope === null) throw malformed([{ path: prefix, message: 'is incomplete' }])
  const { payloadType, payload, signature } = envelope
  return { ...evidence, payloadType, payload, signature, json: json.value }
}

function checkKeyId(reader: Reader, material: Material, keyid: string): void {
  if (keyid === '') return
  const path = 'dsseEnvelope.signatures[0].keyid'
  if (material.kind === 'certificate') reader.fault(path, 'must be empty beside a certificate')
  else if (keyid !== material.hint) reader.fault(path, 'names another key than verificationMaterial.publicKey.hint')
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
