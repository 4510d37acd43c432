import type { Writable } from 'node:stream'

/** What goes to the other side. What it does not read is kept up to a bound; beyond that nothing more is taken. */
export class Outbox {
  readonly #to: Writable
  readonly #maxBytes: number
  #isCorked = false

  constructor(to: Writable, maxBytes: number) {
    this.#to = to
    this.#maxBytes = maxBytes
    // Whoever reads has gone: that is told by the end of the run, with its reason.
    to.on('error', () => {})
  }

  /** Bytes that were taken and that the other side has not. */
  get bytes(): number {
    return this.#to.writableLength
  }

  /** There is nobody to read any more. */
  get isClosed(): boolean {
    return this.#to.destroyed || this.#to.writableEnded
  }

  /** `false`: there is no room, or nobody to read it; it was not taken. */
  put(text: string): boolean {
    const to = this.#to
    if (this.isClosed || to.writableLength >= this.#maxBytes) return false
    // What is written in one turn goes out in one call.
    if (!this.#isCorked) {
      this.#isCorked = true
      to.cork()
      process.nextTick(() => {
        this.#isCorked = false
        to.uncork()
      })
    }
    // A socket keeps a text as it is, and counts its characters: three bytes each, it may be.
    to.write(Buffer.from(text))
    return true
  }

  /** The other side sees the end of its input. */
  end(): void {
    this.#to.end()
  }
}
