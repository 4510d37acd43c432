import type { UpdateConfig } from './config.ts'
import type { PluginName } from './name.ts'
import { patternsFor } from './name-pattern.ts'

/** Whose word a moment is. */
export type TimeSource = 'publisher' | 'registry' | 'third-party'

/** When a release came out, as each of those says who can know. */
export interface ReleaseTimes {
  /** As its signers state; `null`: they state nothing, and what stands there is this host's own. */
  readonly publishedAtMs: number | null
  /** When its registry took it in. */
  readonly listedAtMs: number | null
  /** When a trusted log or timestamp authority saw a signature. */
  readonly seenAtMs: number | null
}

/** How long a release has been out. */
export interface ReleaseAge {
  readonly sinceMs: number | null
  /** `null`: nobody says when it came out, and it counts as new. */
  readonly source: TimeSource | null
  readonly ageMs: number
}

/**
 * From the latest of all moments: whoever holds a stolen key can write any date into a statement, and a registry into its
 * list, but each only makes a release older if the others say so too. What lies in the future is new.
 */
export function ageOf({ publishedAtMs, listedAtMs, seenAtMs }: ReleaseTimes, nowMs: number): ReleaseAge {
  const told = (
    [
      ['publisher', publishedAtMs],
      ['registry', listedAtMs],
      ['third-party', seenAtMs],
    ] as const
  ).flatMap(([source, atMs]) => (atMs !== null && Number.isFinite(atMs) ? [{ source, atMs }] : []))
  const [first, ...others] = told
  if (first === undefined) return { sinceMs: null, source: null, ageMs: 0 }
  const latest = others.reduce((one, other) => (other.atMs > one.atMs ? other : one), first)
  return { sinceMs: latest.atMs, source: latest.source, ageMs: Math.max(0, nowMs - latest.atMs) }
}

export interface AgeQuestion {
  readonly name: PluginName
  readonly times: ReleaseTimes
  readonly isCountersigned: boolean
  readonly nowMs: number
}

/** Why a release may be installed now, or how long it has to wait. */
export type AgeVerdict =
  | { readonly kind: 'old-enough' | 'exempt' | 'countersigned'; readonly age: ReleaseAge }
  | { readonly kind: 'too-young'; readonly age: ReleaseAge; readonly leftMs: number }

export function judgeAge(
  { minimumAgeMs, exempt, countersignedAtOnce }: UpdateConfig,
  { name, times, isCountersigned, nowMs }: AgeQuestion,
): AgeVerdict {
  const age = ageOf(times, nowMs)
  if (age.ageMs >= minimumAgeMs) return { kind: 'old-enough', age }
  if (patternsFor(name).some((pattern) => exempt.includes(pattern))) return { kind: 'exempt', age }
  if (countersignedAtOnce && isCountersigned) return { kind: 'countersigned', age }
  return { kind: 'too-young', age, leftMs: minimumAgeMs - age.ageMs }
}
