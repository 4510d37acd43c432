import { isUtf8 } from 'node:buffer'

/** Why what came is no line: longer than it may be, or not UTF-8. */
export type LineFault = 'too-large' | 'not-utf8'

const NEWLINE = 10

/** Of what has come of a line there is room for at least so much. */
const ROOM_MIN_BYTES = 1024

/**
 * Bytes in, lines out, of UTF-8 and of at most `maxBytes` each; lines of white space alone are only counted. It never holds
 * more than that, however small the pieces are that it comes in, and after a fault it takes nothing any more.
 */
export class LineReader {
  readonly #maxBytes: number
  readonly #onLine: (line: string) => void
  readonly #onFault: (fault: LineFault) => void
  readonly #onBlank: () => void
  #held: Buffer = Buffer.alloc(0)
  #heldBytes = 0
  #hasEnded = false

  constructor(options: {
    readonly maxBytes: number
    readonly onLine: (line: string) => void
    readonly onFault: (fault: LineFault) => void
    readonly onBlank?: () => void
  }) {
    this.#maxBytes = options.maxBytes
    this.#onLine = options.onLine
    this.#onFault = options.onFault
    this.#onBlank = options.onBlank ?? (() => {})
  }

  push(chunk: Buffer): void {
    let from = 0
    while (!this.#hasEnded) {
      const at = chunk.indexOf(NEWLINE, from)
      if (at < 0) break
      this.#give(chunk.subarray(from, at))
      from = at + 1
    }
    if (this.#hasEnded || from === chunk.length) return
    if (this.#heldBytes + chunk.length - from > this.#maxBytes) this.#fail('too-large')
    else this.#hold(chunk.subarray(from))
  }

  /** Nothing more will come. `true`: what came last had no end. */
  end(): boolean {
    const isCutOff = this.#heldBytes > 0
    this.#hasEnded = true
    this.#forget()
    return isCutOff
  }

  #give(rest: Buffer): void {
    if (rest.length === 0 && this.#heldBytes === 0) {
      this.#onBlank()
      return
    }
    const fault = this.#heldBytes + rest.length > this.#maxBytes ? 'too-large' : null
    if (fault === null && this.#heldBytes > 0) this.#hold(rest)
    const bytes = this.#heldBytes === 0 ? rest : this.#held.subarray(0, this.#heldBytes)
    this.#forget()
    if (fault !== null || !isUtf8(bytes)) {
      this.#fail(fault ?? 'not-utf8')
      return
    }
    const line = bytes.toString('utf8')
    if (line.trim() === '') this.#onBlank()
    else this.#onLine(line)
  }

  /** A copy, in one piece: one object for each byte that comes alone would take a hundred times as much. */
  #hold(bytes: Buffer): void {
    const needed = this.#heldBytes + bytes.length
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(ROOM_MIN_BYTES, Math.min(2 * needed, this.#maxBytes)))
      this.#held.copy(larger, 0, 0, this.#heldBytes)
      this.#held = larger
    }
    bytes.copy(this.#held, this.#heldBytes)
    this.#heldBytes = needed
  }

  #fail(fault: LineFault): void {
    this.#hasEnded = true
    this.#forget()
    this.#onFault(fault)
  }

  #forget(): void {
    this.#held = Buffer.alloc(0)
    this.#heldBytes = 0
  }
}
