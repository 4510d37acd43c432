import type { Readable } from 'node:stream'
import { TokenBucket } from '../../core/token-bucket.ts'

/** Messages in a second, each counted once more for every 16 KiB: a tenth of a host's processor, or 32 MiB in large ones. */
export const RATE = { perSecond: 2_000, burst: 8_000 }
const UNIT_BYTES = 16 * 1024
const [PAUSE_MIN_MS, PAUSE_MAX_MS] = [20, 1_000]

/**
 * Of a stream of messages that a plugin sends unasked: it is read no faster than a host can bear beside its work, and who sends
 * more waits.
 */
export class MessagePace {
  readonly #stream: Readable
  readonly #isHeldUp: () => boolean
  readonly #bucket = new TokenBucket(RATE, performance.now())
  #paused: NodeJS.Timeout | null = null

  /** `isHeldUp`: there is another reason to wait, and whoever has it says `goOn` when it is over. */
  constructor(stream: Readable, isHeldUp: () => boolean = () => false) {
    this.#stream = stream
    this.#isHeldUp = isHeldUp
  }

  /** One has come, of so many bytes. */
  count(bytes: number): void {
    const waitMs = this.#bucket.charge(performance.now(), 1 + Math.floor(bytes / UNIT_BYTES))
    if (waitMs > 0 && this.#paused === null) {
      const resume = (): void => {
        this.#paused = null
        this.goOn()
      }
      this.#paused = setTimeout(resume, Math.min(Math.max(waitMs, PAUSE_MIN_MS), PAUSE_MAX_MS))
      // The connection keeps a process alive as long as it is open; this must not.
      this.#paused.unref()
    }
    if (this.#isWaiting) this.#stream.pause()
  }

  goOn(): void {
    if (!this.#isWaiting) this.#stream.resume()
  }

  get #isWaiting(): boolean {
    return this.#paused !== null || this.#isHeldUp()
  }
}
