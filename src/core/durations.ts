/** How long the last calls took, in milliseconds, and what is said of them. */
export class Durations {
  readonly #ring: Float64Array
  #count = 0

  constructor(size = 1024) {
    this.#ring = new Float64Array(size)
  }

  add(ms: number): void {
    this.#ring[this.#count++ % this.#ring.length] = ms
  }

  /** `null` before the first. */
  percentile(percent: number): number | null {
    const kept = this.#ring.subarray(0, Math.min(this.#count, this.#ring.length)).slice().sort()
    return kept[Math.min(kept.length - 1, Math.floor((kept.length * percent) / 100))] ?? null
  }
}
