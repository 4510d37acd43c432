import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { printable } from '../core/printable.ts'

/** A stack of Node is that long, and what it is about stands above it. */
const LINES = 20
const LINE_CHARACTERS = 160
/** As much of the end as such lines can be, four bytes to a character. */
const TAIL_BYTES = LINES * LINE_CHARACTERS * 4

/** The end of what a program says, for a sentence. All of it is read, so that the program is not held up. */
export class OutputTail {
  readonly #streams: readonly { readonly stream: Readable; tail: Buffer }[]
  readonly #ends: Promise<unknown>

  /** What the first of them said; or else the next. */
  constructor(streams: readonly (Readable | null)[]) {
    this.#streams = streams.flatMap((stream) => (stream === null ? [] : [{ stream, tail: Buffer.alloc(0) }]))
    for (const one of this.#streams) {
      one.stream.on('data', (chunk: Buffer) => {
        one.tail = Buffer.concat([one.tail, chunk]).subarray(-TAIL_BYTES)
      })
    }
    // A pipe that breaks has said what it had to say.
    this.#ends = Promise.allSettled(this.#streams.map(({ stream }) => finished(stream)))
  }

  /** The last lines, made safe to be shown. */
  async lines(): Promise<string[]> {
    await this.#ends
    for (const { tail } of this.#streams) {
      const lines = tail
        .toString('utf8')
        .split(/[\r\n]+/)
        .filter((line) => line.trim() !== '')
      if (lines.length > 0) return lines.slice(-LINES).map((line) => printable(line.trim(), LINE_CHARACTERS))
    }
    return []
  }
}
