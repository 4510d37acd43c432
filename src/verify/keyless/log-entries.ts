import { printable } from '../../core/printable.ts'
import type { Bundle, LogEntry } from '../bundle.ts'
import type { InclusionProof } from '../bundle-material.ts'
import { assertCheckpoint } from './checkpoint.ts'
import { assertLogged } from './log-body.ts'
import { logInvalid } from './refusals.ts'
import { isWithin, type TrustedLog } from './root-parts.ts'
import type { TrustedRoot } from './trusted-root.ts'

/** RFC 5280, 4.1.2.5: the last second that a certificate can name, in the year 9999. A later one is no date of ours either. */
const TIME_MAX = 253_402_300_799n

/** An entry, its proof, and the trusted log that it names. */
export interface Logged {
  readonly entry: LogEntry
  readonly proof: InclusionProof
  readonly log: TrustedLog
}

/**
 * What the library leaves to its caller about log entries. That an entry is *in* its log (the Merkle path, the promise's
 * signature) is the library's part.
 * @throws VerificationError `LOG_INVALID`
 */
export function assertEntries(bundle: Bundle, leaf: Buffer, root: TrustedRoot): readonly Logged[] {
  if (bundle.entries.length === 0) throw logInvalid('the bundle holds no log entry, and keyless signing needs one')
  return bundle.entries.map((entry) => {
    const log = root.logs.find(({ id }) => id.equals(entry.logId))
    if (log === undefined) {
      throw logInvalid(`${printable(root.name, 80)} names no log with the id ${entry.logId.toString('hex')}`)
    }
    const { proof } = entry
    // Bundles of version 0.1 need none; but nobody signs the version, and any bundle could be rewritten as one.
    if (proof === null) throw logInvalid('its entry is promised to be in the log, and not proven')
    if (entry.promise !== null) assertPromise(entry, log)
    else assertNoPromise(entry, proof)
    assertCheckpoint(proof, log)
    assertLogged(entry, bundle, leaf)
    return { entry, proof, log }
  })
}

function assertPromise(entry: LogEntry, log: TrustedLog): void {
  // The promise is signed over these as JSON numbers; beyond 2^53 several texts are one number.
  const isExact = [entry.index, entry.integratedTime].every((number) => number <= BigInt(Number.MAX_SAFE_INTEGER))
  const isTime = entry.integratedTime > 0n && entry.integratedTime <= TIME_MAX
  if (!isExact || !isTime) throw logInvalid('its promise has no time and index that can be signed')
  if (!isWithin(Number(entry.integratedTime) * 1000, log)) {
    throw logInvalid(`${log.host} was not trusted at the time its promise states`)
  }
}

/** Nobody signed these two; they could say anything. */
function assertNoPromise({ integratedTime, index }: LogEntry, proof: InclusionProof): void {
  if (integratedTime !== 0n) throw logInvalid('it states a time that no promise vouches for')
  if (proof.index !== index) throw logInvalid('its entry and its proof are at different places')
}

/**
 * The library asks for a log's period with a promise alone; a Rekor v2 entry has none, and its time is that of the
 * timestamps.
 * @throws VerificationError `LOG_INVALID`
 */
export function assertLogsTrustedAt(logged: readonly Logged[], times: readonly number[]): void {
  for (const { entry, log } of logged) {
    if (entry.promise === null && !times.every((atMs) => isWithin(atMs, log))) {
      throw logInvalid(`${log.host} was not trusted at the time of the signature`)
    }
  }
}

/** For people. */
export function sentenceOf(logged: readonly Logged[]): string {
  return logged
    .map(({ entry, proof, log }) => `entry ${entry.index} of ${log.host}, proven in a tree of ${proof.treeSize}`)
    .join('; ')
}
