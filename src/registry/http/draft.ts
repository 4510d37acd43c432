import { createHash, type Hash } from 'node:crypto'
import type { Sha256 } from '../../core/digest.ts'

/** A file as it comes in: never more of it than was listed, and hashed on the way. */
export class Draft {
  readonly #bytes: Buffer
  #hash: Hash = createHash('sha256')
  #length = 0
  /** How far it ever came. */
  #best = 0
  /** Its bytes are of more than one answer. */
  isPatched = false

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafeSlow(size)
  }

  get length(): number {
    return this.#length
  }

  get best(): number {
    return this.#best
  }

  /** `false`: it would be longer than it may be, and nothing was taken. */
  append(chunk: Buffer): boolean {
    if (chunk.length > this.#bytes.length - this.#length) return false
    chunk.copy(this.#bytes, this.#length)
    this.#hash.update(chunk)
    this.#length += chunk.length
    this.#best = Math.max(this.#best, this.#length)
    return true
  }

  restart(): void {
    this.#length = 0
    this.#hash = createHash('sha256')
    this.isPatched = false
  }

  /** Of what is here. */
  digest(): Sha256 {
    return this.#hash.copy().digest('hex') as Sha256
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }
}
