import { VerificationError } from '../core/errors.ts'
import type { SchemaFault } from '../core/faults.ts'
import { parseStrictJson } from '../core/json.ts'
import { printable } from '../core/printable.ts'
import { PAYLOAD_TYPE, ROTATION_TYPE, STATEMENT_TYPE } from '../core/statement.ts'
import { type Bundle, parseBundles } from './bundle.ts'
import { preAuthEncoding } from './dsse.ts'
import { KEY_ID, type KeyId, keyFault, type PublicKey, publicKeyOf, verifyThoroughly } from './ed25519.ts'
import { FAULTS_KEPT, Reader, sentenceOf } from './reader.ts'
import { parseUtcTime } from './utc-time.ts'

/** The holder of one key says which key takes its place. */
export interface RotationStatement {
  readonly oldKeyId: KeyId
  readonly newPublicKey: PublicKey
  /** From when the new key may sign; `null`: at once. */
  readonly validFrom: string | null
  /** From when the old key may not sign any more; `null`: it stays, until the host says otherwise. */
  readonly oldValidUntil: string | null
}

/** A rotation whose signature by the old key was checked. */
export interface Rotation extends RotationStatement {
  /** The signed bytes, as evidence to keep. */
  readonly payload: Buffer
}

const MAX_BYTES = 16 * 2 ** 10

/** The bytes to sign. Parsed again before they are returned: what we write, we must accept. */
export function buildRotation(rotation: RotationStatement): Buffer {
  const { oldKeyId, newPublicKey, validFrom, oldValidUntil } = rotation
  const payload = Buffer.from(
    JSON.stringify({
      _type: STATEMENT_TYPE,
      subject: [{ name: newPublicKey.id, digest: { sha256: digestIn(newPublicKey.id) } }],
      predicateType: ROTATION_TYPE,
      predicate: {
        oldKeyId,
        newPublicKey: newPublicKey.raw.toString('base64'),
        ...(validFrom === null ? {} : { validFrom }),
        ...(oldValidUntil === null ? {} : { oldValidUntil }),
      },
    }),
  )
  parseStatement(PAYLOAD_TYPE, payload)
  return payload
}

/**
 * The key that a rotation file says signed it: a claim, to look the key up by.
 * @throws VerificationError `BUNDLE_MALFORMED`, `STATEMENT_INVALID`
 */
export function rotationSigner(bytes: Uint8Array): string {
  return onlyBundle(bytes).hint
}

/**
 * Reads a rotation file that `oldKey`, which the caller knows already, has to have signed. What the file says is read
 * only after that.
 * @throws VerificationError `BUNDLE_MALFORMED`, `SIGNER_NOT_TRUSTED`, `SIGNATURE_INVALID`, `STATEMENT_INVALID`
 */
export async function parseRotation(bytes: Uint8Array, oldKey: PublicKey): Promise<Rotation> {
  const { bundle, hint } = onlyBundle(bytes)
  if (hint !== oldKey.id) {
    throw new VerificationError(
      'SIGNER_NOT_TRUSTED',
      `cannot accept the rotation: expected the signature of ${oldKey.id}, found that of ${printable(hint, 80)}`,
    )
  }
  const signed = preAuthEncoding(bundle.payloadType, bundle.payload)
  if (!(await verifyThoroughly(oldKey, signed, bundle.signature))) {
    throw new VerificationError(
      'SIGNATURE_INVALID',
      `cannot accept the rotation: the signature of ${oldKey.id} does not match what it says`,
      { hint: 'fetch the file again; if it is as the publisher sent it, somebody changed it' },
    )
  }
  const statement = parseStatement(bundle.payloadType, bundle.payload)
  // Whose key it replaces is who signed it: one publisher must not retire the key of another.
  if (statement.oldKeyId !== oldKey.id) {
    throw invalid([{ path: 'predicate.oldKeyId', message: `must be the key that signed, ${oldKey.id}` }])
  }
  return { ...statement, payload: bundle.payload }
}

function onlyBundle(bytes: Uint8Array): { bundle: Bundle; hint: string } {
  const [bundle, ...more] = parseBundles(bytes)
  if (bundle === undefined || more.length > 0) {
    throw invalid([{ path: '', message: `must be one bundle, found ${more.length + 1}` }])
  }
  if (bundle.material.kind !== 'key') throw invalid([{ path: '', message: 'must be signed with a key, not keyless' }])
  return { bundle, hint: bundle.material.hint }
}

const digestIn = (id: KeyId): string => id.slice('ed25519:'.length)

function parseStatement(payloadType: string, payload: Uint8Array): RotationStatement {
  const reader = new Reader()
  reader.literal(payloadType, 'payloadType', PAYLOAD_TYPE)
  if (reader.faults.length > 0) throw invalid(reader.faults)
  const json = parseStrictJson(payload, { maxBytes: MAX_BYTES, maxDepth: 16 })
  if (!json.ok) throw invalid([{ path: '', message: json.reason }])
  const read = readStatement(reader, json.value)
  if (reader.faults.length > 0 || read === null) throw invalid(reader.faults)
  return read
}

function readStatement(reader: Reader, value: unknown): RotationStatement | null {
  const statement = reader.object(value, '')
  if (statement === null) return null
  reader.literal(statement._type, '_type', STATEMENT_TYPE)
  reader.literal(statement.predicateType, 'predicateType', ROTATION_TYPE)
  if (reader.faults.length > 0) return null
  const predicate = reader.object(statement.predicate, 'predicate')
  if (predicate === null) return null
  const oldKeyId = readKeyId(reader, predicate.oldKeyId, 'predicate.oldKeyId')
  const newPublicKey = readKey(reader, predicate.newPublicKey, 'predicate.newPublicKey')
  const validFrom = readTime(reader, predicate.validFrom, 'predicate.validFrom')
  const oldValidUntil = readTime(reader, predicate.oldValidUntil, 'predicate.oldValidUntil')
  if (oldKeyId === null || newPublicKey === null) return null
  readSubject(reader, statement.subject, newPublicKey)
  if (newPublicKey.id === oldKeyId)
    return reader.fault('predicate.newPublicKey', 'must be another key than the old one')
  const gap = validFrom !== null && oldValidUntil !== null && Date.parse(validFrom) > Date.parse(oldValidUntil)
  if (gap) return reader.fault('predicate.validFrom', 'must not be after oldValidUntil: nobody could sign in between')
  return { oldKeyId, newPublicKey, validFrom, oldValidUntil }
}

/** The subject says the same as the key itself, for tools that know in-toto alone. */
function readSubject(reader: Reader, value: unknown, { id }: PublicKey): void {
  const subjects = reader.array(value, 'subject', Number.POSITIVE_INFINITY)
  if (subjects === null) return
  if (subjects.length !== 1) return void reader.fault('subject', `must name exactly one key, found ${subjects.length}`)
  const subject = reader.object(subjects[0], 'subject[0]')
  if (subject === null) return
  reader.literal(subject.name, 'subject[0].name', id)
  const digest = reader.object(subject.digest, 'subject[0].digest', ['sha256'])
  if (digest !== null) reader.literal(digest.sha256, 'subject[0].digest.sha256', digestIn(id))
}

function readKeyId(reader: Reader, value: unknown, path: string): KeyId | null {
  const text = reader.string(value, path)
  if (text === null) return null
  return KEY_ID.test(text) ? (text as KeyId) : reader.fault(path, 'must be "ed25519:" and 64 hexadecimal digits')
}

function readKey(reader: Reader, value: unknown, path: string): PublicKey | null {
  const raw = reader.base64(value, path)
  if (raw === null) return null
  const fault = keyFault(raw)
  return fault === null ? publicKeyOf(raw) : reader.fault(path, fault)
}

function readTime(reader: Reader, value: unknown, path: string): string | null {
  if (value === undefined) return null
  const text = reader.string(value, path)
  if (text === null) return null
  return parseUtcTime(text) === null ? reader.fault(path, 'must be a time such as 2026-11-21T08:00:00Z') : text
}

function invalid(faults: readonly SchemaFault[]): VerificationError {
  return new VerificationError('STATEMENT_INVALID', `cannot accept the rotation: ${sentenceOf(faults)}`, {
    hint: 'ask the publisher to make it again with: plugins rotate --old OLD.key --new NEW.pub --out FILE',
    details: { faults: faults.slice(0, FAULTS_KEPT) },
  })
}
