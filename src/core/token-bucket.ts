/** So many a second in the long run, so many at once. */
export interface Rate {
  readonly perSecond: number
  /** At least 1; as many as in one second if not said. */
  readonly burst?: number | undefined
}

/** A token bucket. Pure but for what it has given out: the time is the caller's. */
export class TokenBucket {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #atMs: number

  constructor({ perSecond, burst = Math.max(1, perSecond) }: Rate, nowMs: number) {
    this.#perMs = perSecond / 1_000
    this.#burst = burst
    this.#tokens = burst
    this.#atMs = nowMs
  }

  /** 0: taken. Otherwise how long until there are so many, in milliseconds; nothing was taken. */
  take(nowMs: number, count: number = 1): number {
    // A clock that was set back gives nothing, and takes nothing.
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, nowMs - this.#atMs) * this.#perMs)
    this.#atMs = nowMs
    if (this.#tokens >= count) {
      this.#tokens -= count
      return 0
    }
    return Math.ceil((count - this.#tokens) / this.#perMs)
  }
}
