import { Readable } from 'node:stream'

/** How much is kept of what nobody has read yet. */
export const UNREAD_MAX_BYTES = 1024 * 1024
/** What a piece costs beside its bytes: a plugin could send them one by one. */
const PIECE_BYTES = 128

/**
 * What a plugin writes to stdout or stderr once it is served. Until somebody reads, the newest mebibyte is kept and older
 * bytes are dropped (`droppedBytes`), so that a plugin whose words interest nobody never stands still. Once somebody
 * reads, nothing is dropped: a reader that is too slow makes the plugin wait.
 */
export class OutputStream extends Readable {
  droppedBytes = 0
  readonly #chunks: Buffer[] = []
  #bytes = 0
  #isRead = false
  #hasRoom = false
  #isEnded = false
  readonly #onRoom: () => void

  constructor(onRoom: () => void) {
    super({ highWaterMark: 64 * 1024 })
    this.#onRoom = onRoom
  }

  /** Should its source wait before it gives more? */
  get isFull(): boolean {
    return this.#isRead && this.#bytes > UNREAD_MAX_BYTES
  }

  /** Of the one who receives it. */
  give(data: Buffer): void {
    if (this.destroyed || this.#isEnded || data.length === 0) return
    // A copy: a slice would keep the whole message that it came in.
    this.#chunks.push(Buffer.from(data))
    this.#bytes += data.length + PIECE_BYTES
    while (!this.#isRead && this.#bytes > UNREAD_MAX_BYTES) {
      const oldest = this.#chunks.shift()?.length ?? 0
      this.#bytes -= oldest + PIECE_BYTES
      this.droppedBytes += oldest
    }
    this.#drain()
  }

  /** No more will come. */
  finish(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#drain()
  }

  override _read(): void {
    this.#isRead = true
    this.#hasRoom = true
    this.#drain()
    if (!this.isFull) this.#onRoom()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#chunks.length = 0
    this.#bytes = 0
    this.#isEnded = true
    this.#onRoom()
    done(error)
  }

  #drain(): void {
    if (!this.#isRead) return
    for (let chunk = this.#hasRoom ? this.#chunks.shift() : undefined; chunk !== undefined; ) {
      this.#bytes -= chunk.length + PIECE_BYTES
      this.#hasRoom = this.push(chunk)
      chunk = this.#hasRoom ? this.#chunks.shift() : undefined
    }
    if (this.#isEnded && this.#chunks.length === 0 && !this.destroyed) this.push(null)
  }
}
