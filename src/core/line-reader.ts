import { isUtf8 } from 'node:buffer'

/** Why what came is no line: longer than it may be, or not UTF-8. */
export type LineFault = 'too-large' | 'not-utf8'

const NEWLINE = 10

/**
 * Bytes in, lines out, of UTF-8 and of at most `maxBytes` each; lines of white space alone are only told of. It never holds
 * more than that, and after a fault it takes nothing any more.
 */
export class LineReader {
  readonly #maxBytes: number
  readonly #onLine: (line: string) => void
  readonly #onFault: (fault: LineFault) => void
  readonly #onBlank: () => void
  #held: Buffer[] = []
  #heldBytes = 0
  #hasEnded = false

  constructor(options: {
    readonly maxBytes: number
    readonly onLine: (line: string) => void
    readonly onFault: (fault: LineFault) => void
    /** They are no fault, and no message: who counts what comes has to count them too. */
    readonly onBlank?: (() => void) | undefined
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
    this.#heldBytes += chunk.length - from
    // A copy: the rest of the chunk need not be kept for it.
    if (this.#heldBytes > this.#maxBytes) this.#fail('too-large')
    else this.#held.push(Buffer.from(chunk.subarray(from)))
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
    const bytes = this.#heldBytes === 0 ? rest : Buffer.concat([...this.#held, rest])
    this.#forget()
    if (fault !== null || !isUtf8(bytes)) {
      this.#fail(fault ?? 'not-utf8')
      return
    }
    const line = bytes.toString('utf8')
    if (line.trim() === '') this.#onBlank()
    else this.#onLine(line)
  }

  #fail(fault: LineFault): void {
    this.#hasEnded = true
    this.#forget()
    this.#onFault(fault)
  }

  #forget(): void {
    this.#held = []
    this.#heldBytes = 0
  }
}
