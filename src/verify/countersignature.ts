import { COUNTERSIGNATURE_TYPE, PAYLOAD_TYPE, STATEMENT_TYPE, type Subject } from '../core/statement.ts'
import { Reader } from './reader.ts'
import { invalidStatement, parsePayload, readStatedTime, readSubject } from './statement.ts'

/** That somebody has looked at a tarball and stands for it, without being its publisher. */
export interface Countersignature extends Subject {
  readonly reviewedAt: string
  readonly note: string | null
}

const NOTE_MAX = 1_000

/** The bytes to sign. Parsed again before they are returned: what we write, we must accept. */
export function buildCountersignature(countersignature: Countersignature): Buffer {
  const { name, version, sha256, sha512, reviewedAt, note } = countersignature
  const payload = Buffer.from(
    JSON.stringify({
      _type: STATEMENT_TYPE,
      subject: [{ name: `${name}@${version}`, digest: { sha256, sha512 } }],
      predicateType: COUNTERSIGNATURE_TYPE,
      predicate: { reviewedAt, ...(note === null ? {} : { note }) },
    }),
  )
  parseCountersignature(PAYLOAD_TYPE, payload)
  return payload
}

/** @throws VerificationError `STATEMENT_INVALID`, with every fault in its details. */
export function parseCountersignature(payloadType: string, payload: Uint8Array): Countersignature {
  return countersignatureOf(parsePayload(payloadType, payload))
}

/** The same for a payload that `parsePayload` has read. Unknown fields are ignored, as in-toto requires. */
export function countersignatureOf(json: unknown): Countersignature {
  const reader = new Reader()
  const found = readCountersignature(reader, json)
  if (found === null || reader.faults.length > 0) throw invalidStatement(reader.faults)
  return found
}

function readCountersignature(reader: Reader, json: unknown): Countersignature | null {
  const statement = reader.object(json, '')
  if (statement === null) return null
  reader.literal(statement._type, '_type', STATEMENT_TYPE)
  reader.literal(statement.predicateType, 'predicateType', COUNTERSIGNATURE_TYPE)
  if (reader.faults.length > 0) return null
  const subject = readSubject(reader, statement.subject)
  const predicate = reader.object(statement.predicate, 'predicate')
  if (predicate === null) return null
  const reviewedAt = readStatedTime(reader, predicate.reviewedAt, 'predicate.reviewedAt')
  const note = predicate.note === undefined ? null : reader.string(predicate.note, 'predicate.note')
  if (note !== null && note.length > NOTE_MAX) {
    reader.fault('predicate.note', `must be at most ${NOTE_MAX} characters, found ${note.length}`)
  }
  return subject === null || reviewedAt === null ? null : { ...subject, reviewedAt, note }
}
