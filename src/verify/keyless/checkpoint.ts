import { verify } from 'node:crypto'
import type { InclusionProof } from '../bundle-material.ts'
import { digestFor } from './key-strength.ts'
import { logInvalid } from './refusals.ts'
import type { TrustedLog } from './root-parts.ts'

/** A log's signed word about itself: https://c2sp.org/tlog-checkpoint */
export interface Checkpoint {
  readonly origin: string
  readonly treeSize: bigint
  readonly rootHash: Buffer
  /** The bytes that are signed, up to the empty line. */
  readonly note: Buffer
  readonly signatures: readonly NoteSignature[]
}

interface NoteSignature {
  readonly name: string
  /** The first four bytes of the log's id. */
  readonly hint: Buffer
  readonly signature: Buffer
}

const SIZE = /^(?:0|[1-9][0-9]{0,18})$/
const SIGNATURE_LINE = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/
const SIGNATURES_MAX = 32

/** @throws VerificationError `LOG_INVALID` */
export function readCheckpoint(envelope: string): Checkpoint {
  const end = envelope.indexOf('\n\n')
  if (end < 0 || !envelope.endsWith('\n')) throw logInvalid('its checkpoint is not a signed note')
  const [origin = '', size = '', root = '', ...extensions] = envelope.slice(0, end).split('\n')
  const rootHash = Buffer.from(root, 'base64')
  const isGood = origin !== '' && SIZE.test(size) && rootHash.length === 32 && rootHash.toString('base64') === root
  if (!isGood || extensions.includes('')) throw logInvalid('its checkpoint has no origin, tree size and root hash')
  const lines = envelope.slice(end + 2, -1).split('\n')
  if (lines.length > SIGNATURES_MAX) throw logInvalid(`its checkpoint has more than ${SIGNATURES_MAX} signatures`)
  return {
    origin,
    treeSize: BigInt(size),
    rootHash,
    note: Buffer.from(envelope.slice(0, end + 1)),
    signatures: lines.map(readSignature),
  }
}

function readSignature(line: string): NoteSignature {
  const [, name = '', text = ''] = SIGNATURE_LINE.exec(line) ?? []
  const bytes = Buffer.from(text, 'base64')
  if (name === '' || bytes.length < 5 || bytes.toString('base64') !== text) {
    throw logInvalid('its checkpoint has a line that is no signature')
  }
  return { name, hint: bytes.subarray(0, 4), signature: bytes.subarray(4) }
}

/**
 * The checkpoint is this log's, and says what the proof says. The library compares neither the proof's own root hash and
 * tree size nor the origin, and takes any part of the log's URL for its name. Lines of witnesses are not looked at.
 * @throws VerificationError `LOG_INVALID`
 */
export function assertCheckpoint(proof: InclusionProof, log: TrustedLog): Checkpoint {
  const checkpoint = readCheckpoint(proof.checkpoint)
  if (checkpoint.treeSize !== proof.treeSize || !checkpoint.rootHash.equals(proof.rootHash)) {
    throw logInvalid('its proof and its checkpoint are about different trees')
  }
  const names = namesOf(log)
  const { origin, note } = checkpoint
  // Rekor v1 puts the number of its tree behind its name.
  if (!names.some((name) => origin === name || origin.startsWith(`${name} - `))) {
    throw logInvalid(`its checkpoint is not of ${log.host}`)
  }
  const own = checkpoint.signatures.filter(
    ({ name, hint }) => names.includes(name) && hint.equals(log.id.subarray(0, 4)),
  )
  const [only] = own
  if (only === undefined || own.length > 1) throw logInvalid(`its checkpoint must be signed once by ${log.host}`)
  if (verify(digestFor(log.key), note, log.key, only.signature)) return checkpoint
  throw logInvalid(`its checkpoint is not one that ${log.host} signed`)
}

function namesOf({ url, host }: TrustedLog): readonly string[] {
  const { hostname, pathname } = new URL(url)
  return [host, hostname, `${host}${pathname.replace(/\/$/, '')}`]
}
