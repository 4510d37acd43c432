import { setTimeout as sleep } from 'node:timers/promises'

/** How long a web server is waited for, and how often it is asked again. */
export interface Patience {
  readonly connectMs: number
  /** Without one byte. */
  readonly idleMs: number
  /** One file of the index, with all its attempts. */
  readonly totalMs: number
  /** A tarball has that much longer as it has bytes at this rate. */
  readonly bytesPerSecondMin: number
  readonly attempts: number
  /** Before the second attempt; twice as long before each further one. */
  readonly backOffMs: number
  /** A server that wants to be left alone for longer is left alone: the command ends. */
  readonly retryAfterMaxMs: number
}

export const PATIENCE: Patience = {
  connectMs: 10_000,
  idleMs: 30_000,
  totalMs: 120_000,
  bytesPerSecondMin: 32 * 2 ** 10,
  attempts: 4,
  backOffMs: 500,
  retryAfterMaxMs: 60_000,
}

/** One attempt came to nothing; `message` continues a sentence that begins with the address. */
export class Setback extends Error {
  /** Worth another attempt. */
  readonly mayPass: boolean
  /** What the server asked for. */
  readonly retryAfterMs: number | null

  constructor(message: string, mayPass: boolean, retryAfterMs: number | null = null) {
    super(message)
    this.mayPass = mayPass
    this.retryAfterMs = retryAfterMs
  }
}

/** So much more of a file than ever before, and the attempts are counted anew: a large file over a bad line comes through. */
const PROGRESS_BYTES = 2 ** 20

/**
 * Makes attempts until one does it, none is left, or `signal` ends it. `progress` tells how far the best one came.
 * @throws Setback of the last attempt
 */
export async function persistently<T>(
  patience: Patience,
  signal: AbortSignal,
  attempt: () => Promise<T>,
  progress: () => number = () => 0,
): Promise<T> {
  let reached = progress()
  for (let made = 1; ; made++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof Setback) || !error.mayPass || signal.aborted) throw error
      if (progress() >= reached + PROGRESS_BYTES) {
        reached = progress()
        made = 0
      }
      if (made >= patience.attempts) throw error
      await sleep(pauseMs(patience, Math.max(made, 1), error), undefined, { signal })
    }
  }
}

/** Half of it is chance, so that hosts which lost a server at once do not come back at once. */
function pauseMs({ backOffMs, retryAfterMaxMs }: Patience, made: number, { message, retryAfterMs }: Setback): number {
  if (retryAfterMs === null) return backOffMs * 2 ** (made - 1) * (0.5 + Math.random() / 2)
  if (retryAfterMs <= retryAfterMaxMs) return retryAfterMs
  throw new Setback(`${message} and wants to be asked again in ${Math.ceil(retryAfterMs / 1000)} s only`, false)
}

/** RFC 9110, 10.2.3: seconds, or a date. `null`: it says neither. */
export function retryAfter(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const at = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(header)
    ? Date.parse(header)
    : Number.NaN
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs)
}
