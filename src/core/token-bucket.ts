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

  /** 0: taken. Otherwise how long until there is one, in milliseconds; nothing was taken. */
  take(nowMs: number): number {
    this.#fill(nowMs)
    if (this.#tokens >= 1) {
      this.#tokens -= 1
      return 0
    }
    return this.#untilMs(1)
  }

  /** Of what has come already: so much is taken, if by running into debt. How long until that is paid, in milliseconds. */
  charge(nowMs: number, count: number): number {
    this.#fill(nowMs)
    this.#tokens -= count
    return this.#untilMs(0)
  }

  #fill(nowMs: number): void {
    // A clock that was set back gives nothing, and takes nothing.
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, nowMs - this.#atMs) * this.#perMs)
    this.#atMs = nowMs
  }

  #untilMs(tokens: number): number {
    return Math.max(0, Math.ceil((tokens - this.#tokens) / this.#perMs))
  }
}
