/** Bits, lowest first, into a buffer that grows. */
export class BitWriter {
  #bytes: Buffer
  #length = 0
  #bits = 0
  #count = 0

  constructor(sizeHint: number) {
    this.#bytes = Buffer.allocUnsafe(Math.max(1024, sizeHint))
  }

  /** At most 16 bits at a time. */
  write(value: number, count: number): void {
    this.#bits |= value << this.#count
    this.#count += count
    if (this.#count < 16) return
    if (this.#length + 2 > this.#bytes.length) this.#grow(2)
    this.#bytes[this.#length++] = this.#bits
    this.#bytes[this.#length++] = this.#bits >>> 8
    this.#bits >>>= 16
    this.#count -= 16
  }

  align(): void {
    while (this.#count > 0) {
      if (this.#length === this.#bytes.length) this.#grow(1)
      this.#bytes[this.#length++] = this.#bits
      this.#bits >>>= 8
      this.#count = Math.max(0, this.#count - 8)
    }
  }

  /** Only between bytes. */
  copy(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#bytes.length) this.#grow(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  finish(): Buffer {
    this.align()
    return this.#bytes.subarray(0, this.#length)
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + needed))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}
