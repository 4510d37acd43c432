import type { LogEntry } from '../core/log-entry.ts'

/** `TIME POSITION MARK TEXT` (SPEC.md), up to its text. */
const HEAD = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (\d{1,16}) ([|+!]) /
const HEAD_BYTES_MAX = 64
/** A line is put together from its pieces up to here; what is longer comes in parts. */
const LINE_BYTES_MAX = 64 * 1024
const LF = Buffer.from('\n')

interface Piece {
  readonly atMs: number
  readonly position: number
  readonly mark: string
  readonly bytes: Buffer
}

/**
 * Entries out of the log of one run, as its bytes arrive. Pieces of one line become that line again; a line whose end is
 * not there yet waits for it until `flush`.
 */
export class LogLines {
  readonly #run: string
  #rest: Buffer = Buffer.alloc(0)
  #held: Piece[] = []

  constructor(run: string) {
    this.#run = run
  }

  /** Held back for want of an end. */
  get heldBytes(): number {
    return this.#held.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  push(chunk: Buffer): LogEntry[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const entries: LogEntry[] = []
    let from = 0
    for (let end = bytes.indexOf(0x0a); end >= 0; from = end + 1, end = bytes.indexOf(0x0a, from)) {
      const piece = pieceOf(bytes.subarray(from, end))
      // The end of a line whose beginning went with the file before, or one that a full disk cut short.
      if (piece !== null) entries.push(...this.#take(piece))
    }
    this.#rest = Buffer.from(bytes.subarray(from))
    return entries
  }

  /** What is there of a line that has no end yet. */
  flush(): LogEntry[] {
    const held = this.#held
    this.#held = []
    const [first] = held
    return first === undefined ? [] : [this.#entryOf('part', first, Buffer.concat(held.map(({ bytes }) => bytes)))]
  }

  #take(piece: Piece): LogEntry[] {
    if (piece.mark === '!') return [...this.flush(), this.#entryOf('note', piece, piece.bytes)]
    const size = this.heldBytes + piece.bytes.length
    const last = this.#held.at(-1)
    // What was left out in between makes it another line.
    const follows = last === undefined || last.position + last.bytes.length === piece.position
    const before = !follows || size > LINE_BYTES_MAX ? this.flush() : []
    this.#held.push(piece)
    if (piece.mark === '+') return before
    const [first = piece] = this.#held
    const bytes = Buffer.concat(this.#held.map((one) => one.bytes))
    this.#held = []
    return [...before, this.#entryOf('line', first, bytes)]
  }

  #entryOf(kind: LogEntry['kind'], { atMs, position }: Piece, bytes: Buffer): LogEntry {
    const whole = kind === 'part' ? bytes : Buffer.concat([bytes, LF])
    return { run: this.#run, atMs, position, kind, text: bytes.toString('utf8'), bytes: whole }
  }
}

function pieceOf(line: Buffer): Piece | null {
  const head = HEAD.exec(line.toString('latin1', 0, HEAD_BYTES_MAX))
  if (head === null) return null
  const [all, time = '', position = '', mark = ''] = head
  const atMs = Date.parse(time)
  return Number.isNaN(atMs) ? null : { atMs, position: Number(position), mark, bytes: line.subarray(all.length) }
}
