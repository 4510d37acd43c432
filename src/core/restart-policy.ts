/** When what ended by itself is started again. All times in milliseconds. */
export interface RestartPolicy {
  /** Before the first try; each further one waits `factor` times as long, up to `maxMs`. */
  readonly minMs: number
  readonly maxMs: number
  readonly factor: number
  /** 0 to 1: how much of a wait is left to chance, so that many do not start at the same moment. */
  readonly jitter: number
  /** What has stood for so long begins again with the shortest wait. */
  readonly stableMs: number
  /** So many ends within so long, and nothing is tried until `coolMs` have passed; then once. */
  readonly breaker: { readonly failures: number; readonly withinMs: number; readonly coolMs: number }
}

export const RESTART_POLICY: RestartPolicy = {
  minMs: 100,
  maxMs: 30_000,
  factor: 2,
  jitter: 0.5,
  stableMs: 10_000,
  breaker: { failures: 5, withinMs: 60_000, coolMs: 30_000 },
}

/** How long to wait before try number `attempt`, from 1 on. `chance` is in [0, 1). */
export function restartDelayMs(policy: RestartPolicy, attempt: number, chance: number): number {
  const { minMs, maxMs, factor, jitter } = policy
  const whole = Math.min(maxMs, minMs * factor ** Math.min(attempt - 1, 64))
  return Math.round(whole * (1 - jitter * chance))
}

export type Circuit = 'closed' | 'open' | 'half-open'

/**
 * The circuit breaker: closed while all goes well; open, when too much has ended too fast: nobody tries; half-open: one
 * try, which closes it or opens it again. The time is the caller's.
 */
export class CircuitBreaker {
  readonly #bounds: RestartPolicy['breaker']
  #failures: number[] = []
  #openedMs: number | null = null
  #isTrying = false

  constructor(bounds: RestartPolicy['breaker']) {
    this.#bounds = bounds
  }

  state(nowMs: number): Circuit {
    if (this.#openedMs === null) return 'closed'
    return this.#isTrying || nowMs - this.#openedMs >= this.#bounds.coolMs ? 'half-open' : 'open'
  }

  /** How long until something may be tried; 0 when it may be now. */
  waitMs(nowMs: number): number {
    return this.#openedMs === null ? 0 : Math.max(0, this.#openedMs + this.#bounds.coolMs - nowMs)
  }

  /** May this one be tried? In a half-open circuit one alone may. */
  admit(nowMs: number): boolean {
    if (this.#openedMs === null) return true
    if (this.#isTrying || this.waitMs(nowMs) > 0) return false
    this.#isTrying = true
    return true
  }

  succeeded(): void {
    if (this.#openedMs === null) return
    this.#openedMs = null
    this.#isTrying = false
    this.#failures = []
  }

  failed(nowMs: number): void {
    const { failures, withinMs } = this.#bounds
    this.#failures = [...this.#failures.filter((atMs) => nowMs - atMs < withinMs), nowMs].slice(-failures)
    if (this.#isTrying || this.#failures.length >= failures) this.#openedMs = nowMs
    this.#isTrying = false
  }
}
