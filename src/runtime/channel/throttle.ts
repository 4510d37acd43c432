import type { Readable } from 'node:stream'
import { TokenBucket } from '../../core/token-bucket.ts'

/** What comes unasked counts once, and once more for each so many characters: it takes the host about as long to read them. */
const UNIT = 1024
/** For how long a stream waits at least that has brought more than it may, and at most, in milliseconds: answers wait behind it. */
const [PAUSE_MS, PAUSE_MAX_MS] = [100, 1_000]
/** Between two chunks of what nobody reads any more, in milliseconds: some 13 MiB a second, of 64 KiB each. */
const DRAIN_MS = 5

export interface ThrottleOptions {
  readonly stdout: Readable
  readonly perSecond: number
  /** Told once. */
  readonly onFlood: () => void
}

/** A plugin that calls without end waits in its pipe, and the host has its processor for others. */
export class Throttle {
  readonly #on: ThrottleOptions
  readonly #bucket: TokenBucket
  #hasFlooded = false
  #isDraining = false
  #paused: NodeJS.Timeout | null = null

  constructor(options: ThrottleOptions) {
    this.#on = options
    this.#bucket = new TokenBucket({ perSecond: options.perSecond }, performance.now())
  }

  /** One more has come, of so many characters. */
  count(characters = 0): void {
    const waitMs = this.#bucket.charge(performance.now(), 1 + Math.floor(characters / UNIT))
    if (waitMs === 0 || this.#paused !== null || this.#isDraining) return
    this.#on.stdout.pause()
    // What has come already is still read, and adds to the debt: how long it takes is known after that.
    this.#paused = setTimeout(() => this.#goOn(), PAUSE_MS)
    if (this.#hasFlooded) return
    this.#hasFlooded = true
    this.#on.onFlood()
  }

  /** Lets go of all that still comes, and takes its time: nobody counts it any more. */
  drain(): void {
    const { stdout } = this.#on
    this.#isDraining = true
    if (this.#paused !== null) clearTimeout(this.#paused)
    stdout.on('data', () => {
      stdout.pause()
      setTimeout(() => stdout.resume(), DRAIN_MS)
    })
    stdout.resume()
  }

  #goOn(): void {
    const waitMs = Math.min(this.#bucket.charge(performance.now(), 0), PAUSE_MAX_MS)
    this.#paused = waitMs === 0 ? null : setTimeout(() => this.#resume(), waitMs)
    if (waitMs === 0) this.#on.stdout.resume()
  }

  #resume(): void {
    this.#paused = null
    this.#on.stdout.resume()
  }
}
