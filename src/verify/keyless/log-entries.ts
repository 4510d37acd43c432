import { printable } from '../../core/printable.ts'
import type { Bundle, LogEntry } from '../bundle.ts'
import { assertCheckpoint } from './checkpoint.ts'
import { assertLogged } from './log-body.ts'
import { logInvalid } from './refusals.ts'
import { isWithin, type TrustedLog } from './root-parts.ts'
import type { TrustedRoot } from './trusted-root.ts'

/** An entry, and the trusted log that it names. */
export interface Logged {
  readonly entry: LogEntry
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
    if (entry.promise !== null) assertPromise(entry, log)
    else assertNoPromise(entry)
    if (entry.proof !== null) assertCheckpoint(entry.proof, log)
    assertLogged(entry, bundle, leaf)
    return { entry, log }
  })
}

function assertPromise(entry: LogEntry, log: TrustedLog): void {
  // The promise is signed over these as JSON numbers; beyond 2^53 several texts are one number.
  const isExact = [entry.index, entry.integratedTime].every((number) => number <= BigInt(Number.MAX_SAFE_INTEGER))
  if (!isExact || entry.integratedTime === 0n) throw logInvalid('its promise has no time and index that can be signed')
  if (!isWithin(Number(entry.integratedTime) * 1000, log)) {
    throw logInvalid(`${log.host} was not trusted at the time its promise states`)
  }
}

/** Nobody signed these two; they could say anything. */
function assertNoPromise({ proof, integratedTime, index }: LogEntry): void {
  if (integratedTime !== 0n) throw logInvalid('it states a time that no promise vouches for')
  if (proof === null) throw logInvalid('its entry has neither a proof nor a promise')
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
    .map(({ entry, log }) => {
      const how = entry.proof === null ? 'promised' : `proven in a tree of ${entry.proof.treeSize}`
      return `entry ${entry.index} of ${log.host}, ${how}`
    })
    .join('; ')
}
