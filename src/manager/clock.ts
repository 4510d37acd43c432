import { VerificationError } from '../core/errors.ts'
import type { LayerFinding } from '../runtime/index.ts'
import type { Host } from './host.ts'
import { assertReason } from './reason.ts'

/** So far a clock may be behind what was seen: corrections of a running clock are smaller. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000

/** This host's clock, and the latest moment it has ever shown. */
export interface ClockReading {
  readonly nowMs: number
  /** `null`: nothing was decided here yet. */
  readonly seenMs: number | null
  /** Further behind than judging allows. */
  readonly isBehind: boolean
}

export function readClock({ now, store }: Pick<Host, 'now' | 'store'>): ClockReading {
  const nowMs = now().getTime()
  const seenMs = store.clock.seenMs()
  return { nowMs, seenMs, isBehind: seenMs !== null && nowMs < seenMs - CLOCK_TOLERANCE_MS }
}

/**
 * Before anything is judged that time decides: a clock that was set back would make expired keys and statements good
 * again. Remembers the moment.
 *
 * @throws VerificationError `CLOCK_BEHIND`: it says nothing about any plugin
 */
export function assertClock(host: Pick<Host, 'now' | 'store'>): void {
  const { nowMs, seenMs, isBehind } = readClock(host)
  if (isBehind && seenMs !== null) {
    throw new VerificationError('CLOCK_BEHIND', `cannot judge validity: ${behind(nowMs, seenMs)}`, {
      hint: REMEDY,
      details: { nowMs, seenMs },
    })
  }
  host.store.clock.raise()
}

/** For a moment that was seen and never was: a clock once set to another century. Recorded with its reason. */
export function resetClock(host: Pick<Host, 'now' | 'store'>, reason: string): ClockReading {
  assertReason(reason, 'reset the clock', 'give --reason TEXT')
  host.store.resetClock(reason)
  return readClock(host)
}

/** For the doctor. Nothing runs less for it. */
export function clockFinding(host: Pick<Host, 'now' | 'store'>): LayerFinding {
  const { nowMs, seenMs, isBehind } = readClock(host)
  const found = { layer: 'clock', required: false, available: !isBehind }
  if (isBehind && seenMs !== null) {
    const cause = 'neither installing nor verifying is possible; what is installed runs'
    return { ...found, detail: behind(nowMs, seenMs), cause, remedy: REMEDY }
  }
  const seen = seenMs === null ? 'nothing was judged here yet' : `not behind ${time(seenMs)}, the latest seen here`
  return { ...found, detail: seen, remedy: null }
}

const REMEDY = 'set the clock; if the later time was a wrong one: plugins trust clock --reset --reason TEXT'

const behind = (nowMs: number, seenMs: number): string =>
  `the clock says ${time(nowMs)}, this host has seen ${time(seenMs)}`

/** No clock of a host can show what `Date` cannot; a hand in the database can. */
const time = (ms: number): string =>
  Number.isFinite(new Date(ms).getTime()) ? new Date(ms).toISOString() : `${ms} ms after 1970`
