import { ARCHIVE_BOUNDS } from '../core/archive.ts'
import { isSha256 } from '../core/digest.ts'
import { VerificationError } from '../core/errors.ts'
import type { SchemaFault } from '../core/faults.ts'
import { parseStrictJson } from '../core/json.ts'
import { MANIFEST_FILE } from '../core/manifest.ts'
import { isPluginName, type PluginName, SEMVER } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import {
  PAYLOAD_TYPE,
  PREDICATE_TYPE,
  type ReleaseStatement,
  type SignedFile,
  STATEMENT_TYPE,
  type Subject,
} from '../core/statement.ts'
import { BUNDLE_MAX_BYTES } from './bundle.ts'
import { listFaults } from './file-list.ts'
import { FAULTS_KEPT, Reader, sentenceOf } from './reader.ts'
import { parseUtcTime } from './utc-time.ts'

/**
 * What the signed bytes state. Call it only with a payload whose signature was checked: no parser may meet bytes that
 * nobody vouched for. Unknown fields are ignored, as in-toto requires of its consumers.
 * @throws VerificationError `STATEMENT_INVALID`, with every fault in its details.
 */
export function parseStatement(payloadType: string, payload: Uint8Array): ReleaseStatement {
  return statementOf(parsePayload(payloadType, payload))
}

/** The JSON in a payload of statements, whatever it states. @throws VerificationError `STATEMENT_INVALID` */
export function parsePayload(payloadType: string, payload: Uint8Array): unknown {
  const reader = new Reader()
  // The signature covers the type as well; another type is another meaning of the same bytes.
  reader.literal(payloadType, 'payloadType', PAYLOAD_TYPE)
  if (reader.faults.length > 0) throw invalidStatement(reader.faults)
  const json = parseStrictJson(payload, { maxBytes: BUNDLE_MAX_BYTES, maxDepth: 16 })
  if (!json.ok) throw invalidStatement([{ path: '', message: json.reason }])
  return json.value
}

/** The same as `parseStatement` for a payload that `parsePayload` has read. */
export function statementOf(json: unknown): ReleaseStatement {
  const reader = new Reader()
  const statement = readStatement(reader, json)
  if (reader.faults.length > 0 || statement === null) throw invalidStatement(reader.faults)
  return statement
}

/** The bytes to sign. Parsed again before they are returned: what we write, we must accept. */
export function buildStatement(release: ReleaseStatement): Buffer {
  const { name, version, sha256, sha512, manifestDigest, files, sequence, publishedAt, expiresAt } = release
  const payload = Buffer.from(
    JSON.stringify({
      _type: STATEMENT_TYPE,
      subject: [{ name: `${name}@${version}`, digest: { sha256, sha512 } }],
      predicateType: PREDICATE_TYPE,
      predicate: {
        manifestDigest: { sha256: manifestDigest },
        sequence,
        publishedAt,
        ...(expiresAt === null ? {} : { expiresAt }),
        files: files.map(({ path, size, executable, sha256 }) => ({ path, size, executable, sha256 })),
      },
    }),
  )
  parseStatement(PAYLOAD_TYPE, payload)
  return payload
}

/** Several signers of one release must state the same, in every field that we read. */
export function sameStatement(a: ReleaseStatement, b: ReleaseStatement): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}

function readStatement(reader: Reader, value: unknown): ReleaseStatement | null {
  const statement = reader.object(value, '')
  if (statement === null) return null
  reader.literal(statement._type, '_type', STATEMENT_TYPE)
  reader.literal(statement.predicateType, 'predicateType', PREDICATE_TYPE)
  // A predicate of another type has other fields; complaining about them would hide the reason.
  if (reader.faults.length > 0) return null
  const subject = readSubject(reader, statement.subject)
  const predicate = readPredicate(reader, statement.predicate)
  return subject && predicate && { ...subject, ...predicate }
}

/** The one tarball that a statement of ours is about. */
export function readSubject(reader: Reader, value: unknown): Subject | null {
  const subjects = reader.array(value, 'subject', Number.POSITIVE_INFINITY)
  if (subjects === null) return null
  if (subjects.length !== 1) return reader.fault('subject', `must name exactly one tarball, found ${subjects.length}`)
  const subject = reader.object(subjects[0], 'subject[0]')
  if (subject === null) return null
  const named = readName(reader, subject.name)
  // Each listed digest must match (DESIGN §4), so one that nobody here can compute is a fault and no extra.
  const digest = reader.object(subject.digest, 'subject[0].digest', ['sha256', 'sha512'])
  if (digest === null) return null
  const sha256 = reader.sha256(digest.sha256, 'subject[0].digest.sha256')
  const sha512 = reader.sha512(digest.sha512, 'subject[0].digest.sha512')
  return named && sha256 && sha512 && { ...named, sha256, sha512 }
}

function readName(reader: Reader, value: unknown): { name: PluginName; version: string } | null {
  const text = reader.string(value, 'subject[0].name')
  if (text === null) return null
  const at = text.indexOf('@')
  const name = text.slice(0, at)
  const version = text.slice(at + 1)
  if (at > 0 && isPluginName(name) && SEMVER.test(version)) return { name, version }
  return reader.fault('subject[0].name', `must be "<namespace>/<name>@<version>", found "${printable(text, 80)}"`)
}

type Predicate = Omit<ReleaseStatement, keyof Subject>

function readPredicate(reader: Reader, value: unknown): Predicate | null {
  const predicate = reader.object(value, 'predicate')
  if (predicate === null) return null
  const digest = reader.object(predicate.manifestDigest, 'predicate.manifestDigest', ['sha256'])
  const manifestDigest = digest && reader.sha256(digest.sha256, 'predicate.manifestDigest.sha256')
  const sequence = reader.count(predicate.sequence, 'predicate.sequence', Number.MAX_SAFE_INTEGER)
  const publishedAt = readStatedTime(reader, predicate.publishedAt, 'predicate.publishedAt')
  const hasExpiry = predicate.expiresAt !== undefined
  const expiresAt = hasExpiry ? readStatedTime(reader, predicate.expiresAt, 'predicate.expiresAt') : null
  const files = readFiles(reader, predicate.files)
  if (files === null || manifestDigest === null || sequence === null || publishedAt === null) return null
  const manifest = files.find((file) => file.path === MANIFEST_FILE)
  if (manifest === undefined) return reader.fault('predicate.files', `must list ${MANIFEST_FILE}`)
  if (manifest.sha256 !== manifestDigest) {
    return reader.fault('predicate.manifestDigest.sha256', `must be the digest that files lists for ${MANIFEST_FILE}`)
  }
  return { manifestDigest, files, sequence, publishedAt, expiresAt }
}

export function readStatedTime(reader: Reader, value: unknown, path: string): string | null {
  const text = reader.string(value, path)
  if (text === null) return null
  return parseUtcTime(text) === null ? reader.fault(path, 'must be a time such as 2026-11-21T08:00:00Z') : text
}

function readFiles(reader: Reader, value: unknown): readonly SignedFile[] | null {
  const list = reader.array(value, 'predicate.files', ARCHIVE_BOUNDS.entries)
  if (list === null) return null
  const files: SignedFile[] = []
  list.forEach((item, index) => {
    const file = plainFile(item) ?? readFile(reader, item, `predicate.files[${index}]`)
    if (file !== null) files.push(file)
  })
  const faults = listFaults(files)
  for (const { path, message } of faults) reader.fault(path, message)
  return files
}

/** Most items are right; asking only that is several times quicker than finding out what is wrong. 0 and -0 go the long way. */
function plainFile(item: unknown): SignedFile | null {
  if (typeof item !== 'object' || item === null) return null
  const { path, size, executable, sha256 } = item as Readonly<Record<string, unknown>>
  if (typeof path !== 'string' || typeof executable !== 'boolean') return null
  if (typeof size !== 'number' || !Number.isInteger(size) || size <= 0 || size > ARCHIVE_BOUNDS.fileBytes) return null
  return typeof sha256 === 'string' && isSha256(sha256) ? { path, size, executable, sha256 } : null
}

function readFile(reader: Reader, item: unknown, at: string): SignedFile | null {
  const file = reader.object(item, at)
  if (file === null) return null
  const path = reader.string(file.path, `${at}.path`)
  const size = reader.count(file.size, `${at}.size`, ARCHIVE_BOUNDS.fileBytes)
  const executable = reader.boolean(file.executable, `${at}.executable`)
  const sha256 = reader.sha256(file.sha256, `${at}.sha256`)
  if (path === null || size === null || executable === null || sha256 === null) return null
  return { path, size, executable, sha256 }
}

export function invalidStatement(faults: readonly SchemaFault[]): VerificationError {
  return new VerificationError('STATEMENT_INVALID', `cannot accept the signed statement: ${sentenceOf(faults)}`, {
    hint: 'ask the publisher to sign again with: plugins sign TARBALL --key KEY',
    details: { faults: faults.slice(0, FAULTS_KEPT) },
  })
}
