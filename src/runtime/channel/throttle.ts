import type { Readable } from 'node:stream'
import { TokenBucket } from '../../core/token-bucket.ts'

/** Between two chunks of what nobody reads any more, in milliseconds: some 13 MiB a second, of 64 KiB each. */
const DRAIN_MS = 5
/** Characters that count as one message: it takes the host about as long to read them. */
const CHARACTERS = 1024
/** For how long a stream waits that has brought more than it may, in milliseconds. */
const PAUSE_MS = 100

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
  #isPaused = false

  constructor(options: ThrottleOptions) {
    this.#on = options
    this.#bucket = new TokenBucket({ perSecond: options.perSecond }, performance.now())
  }

  /** Lets go of all that still comes, and takes its time: nobody counts it any more. */
  drain(): void {
    const { stdout } = this.#on
    stdout.on('data', () => {
      stdout.pause()
      setTimeout(() => stdout.resume(), DRAIN_MS)
    })
    stdout.resume()
  }

  /** One more has come, of so many characters. */
  count(characters: number = 0): void {
    const messages = Math.max(1, Math.ceil(characters / CHARACTERS))
    if (this.#isPaused || this.#bucket.take(performance.now(), messages) === 0) return
    const { stdout, onFlood } = this.#on
    this.#isPaused = true
    stdout.pause()
    setTimeout(() => {
      this.#isPaused = false
      stdout.resume()
    }, PAUSE_MS)
    if (this.#hasFlooded) return
    this.#hasFlooded = true
    onFlood()
  }
}
