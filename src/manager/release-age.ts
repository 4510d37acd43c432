import { VerificationError } from '../core/errors.ts'
import type { ListedRelease } from '../core/listed-release.ts'
import { formatLongDuration } from '../core/quantity.ts'
import { type AgeVerdict, judgeAge, type ReleaseAge, type TimeSource } from '../core/release-age.ts'
import type { VerifiedStatement } from '../core/verified.ts'
import type { Host } from './host.ts'
import { assertReason } from './reason.ts'
import { whoDecides } from './who.ts'

export interface AgeOptions {
  /** What the registry says of it; `null`: it came as a file. */
  readonly listed?: Pick<ListedRelease, 'listedAtMs'> | null | undefined
  /** Why it may not wait; recorded with who said so. */
  readonly securityUpdate?: string | undefined
}

/**
 * Before consent: a release that came out a moment ago is one that nobody has looked at. It holds for a file that somebody
 * names as well: what an attacker wants installed arrives as a file too, and its name says nothing of its age. Not for what
 * nobody signed: no word of its age would be worth anything, and somebody lets it in by its exact name and for a time.
 *
 * @throws VerificationError `RELEASE_TOO_YOUNG`: it says nothing against the release
 */
export function assertOldEnough(host: Host, verified: VerifiedStatement, options: AgeOptions = {}): void {
  const { securityUpdate } = options
  const { name, version, sha256 } = verified.statement
  if (securityUpdate !== undefined) {
    assertReason(securityUpdate, `install ${name} as a security update`, 'give --security-update REASON')
  }
  if (verified.unsigned !== null) return
  const verdict = ageVerdict(host, verified, options.listed ?? null)
  if (verdict.kind !== 'too-young') return
  if (securityUpdate === undefined) throw tooYoung(host, verified, verdict)
  const { sinceMs, source, ageMs } = verdict.age
  host.store.note('security-update', name, {
    version,
    sha256,
    reason: securityUpdate,
    ageMs,
    sinceMs,
    source,
    who: whoDecides(host),
  })
}

export function ageVerdict(
  { config, now }: Pick<Host, 'config' | 'now'>,
  { statement, fileList, seenAtMs, countersigners }: VerifiedStatement,
  listed: AgeOptions['listed'],
): AgeVerdict {
  const times = {
    // Where other tools made the statements, this one is ours, of the moment it came.
    publishedAtMs: fileList === 'signed' ? Date.parse(statement.publishedAt) : null,
    listedAtMs: listed?.listedAtMs ?? null,
    seenAtMs,
  }
  const isCountersigned = countersigners.length > 0
  return judgeAge(config.updates, { name: statement.name, times, isCountersigned, nowMs: now().getTime() })
}

/**
 * The same before anything is fetched, by the registry's word alone; `null`: it has none, or a countersignature may still let
 * it in.
 */
export function listedAgeVerdict(
  { config, now }: Pick<Host, 'config' | 'now'>,
  listed: ListedRelease,
): AgeVerdict | null {
  const { name, listedAtMs } = listed
  if (listedAtMs === null || config.updates.countersignedAtOnce) return null
  const times = { publishedAtMs: null, listedAtMs, seenAtMs: null }
  return judgeAge(config.updates, { name, times, isCountersigned: false, nowMs: now().getTime() })
}

const SAYS: Readonly<Record<TimeSource, string>> = {
  publisher: 'its publisher',
  registry: 'the registry',
  'third-party': 'a trusted log or timestamp',
}

function tooYoung(
  { config, now }: Host,
  { statement: { name, version } }: VerifiedStatement,
  { age, leftMs }: Extract<AgeVerdict, { kind: 'too-young' }>,
): VerificationError {
  const expected = formatLongDuration(config.updates.minimumAgeMs)
  const from = new Date(now().getTime() + leftMs)
  const when = Number.isFinite(from.getTime()) ? ` (from ${from.toISOString()})` : ''
  return new VerificationError(
    'RELEASE_TOO_YOUNG',
    `cannot install ${name} ${version}: expected a release that has been out for ${expected}, found one ` +
      `${sentenceOf(age)}; ${formatLongDuration(leftMs)} are left${when}`,
    {
      hint: 'wait; or, when it cannot: --security-update REASON (recorded); or name it under updates.exempt in config.json',
      details: { ageMs: age.ageMs, leftMs, sinceMs: age.sinceMs, source: age.source },
    },
  )
}

function sentenceOf({ sinceMs, source, ageMs }: ReleaseAge): string {
  if (sinceMs === null || source === null) return 'of which nobody says when it came out'
  const at = new Date(sinceMs)
  const moment = Number.isFinite(at.getTime()) ? at.toISOString() : 'a moment that is no date'
  return `out for ${formatLongDuration(ageMs)} (since ${moment}, says ${SAYS[source]})`
}
