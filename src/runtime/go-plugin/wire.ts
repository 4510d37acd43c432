/** One field of a protobuf message, as it lies on the wire. */
export interface WireField {
  readonly number: number
  readonly value: bigint | Buffer
}

/** No message of go-plugin has more than three; a short one of many would be hundreds of times its length in memory. */
const FIELDS_MAX = 64

/**
 * Fields of a message, in their order. Unknown ones are the caller's to pass over, as proto3 demands.
 *
 * @throws RangeError for what is no message
 */
export function readFields(message: Buffer): WireField[] {
  const fields: WireField[] = []
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++]
      if (byte === undefined) throw new RangeError('a message ends in a number')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new RangeError('a number has more than ten bytes')
  }
  const bytes = (length: number): Buffer => {
    if (length > message.length - at) throw new RangeError('a field is longer than its message')
    at += length
    return message.subarray(at - length, at)
  }
  while (at < message.length) {
    if (fields.length === FIELDS_MAX) throw new RangeError(`a message has more than ${FIELDS_MAX} fields`)
    const tag = varint()
    const number = Number(tag >> 3n)
    if (number === 0 || number > 0x1f_ff_ff_ff) throw new RangeError('a field has no number')
    switch (Number(tag & 7n)) {
      case 0:
        fields.push({ number, value: varint() })
        break
      case 1:
        fields.push({ number, value: bytes(8) })
        break
      case 2:
        fields.push({ number, value: bytes(Number(varint())) })
        break
      case 5:
        fields.push({ number, value: bytes(4) })
        break
      default:
        throw new RangeError('a field has no known type')
    }
  }
  return fields
}

/** A field that is a number; proto3 leaves out what is 0. */
export function numberField(number: number, value: number): Buffer {
  return value === 0 ? Buffer.alloc(0) : Buffer.from([...varintOf(number << 3), ...varintOf(value)])
}

/** A field that is text, bytes or a message; proto3 leaves out what is empty. */
export function bytesField(number: number, value: Buffer | string): Buffer {
  const content = Buffer.from(value as Buffer)
  if (content.length === 0) return content
  return Buffer.concat([Buffer.from([...varintOf((number << 3) | 2), ...varintOf(content.length)]), content])
}

/** The last one counts, by proto3. */
export function numberOf(fields: readonly WireField[], number: number): number {
  const value = fields.findLast((field) => field.number === number)?.value
  return typeof value === 'bigint' ? Number(BigInt.asUintN(32, value)) : 0
}

/** Text of a field, at most so many bytes of it: what is kept of a message must not be as long as the message may be. */
export function textOf(fields: readonly WireField[], number: number, maxBytes: number): string {
  return bytesOf(fields, number).toString('utf8', 0, maxBytes)
}

export function bytesOf(fields: readonly WireField[], number: number): Buffer {
  const value = fields.findLast((field) => field.number === number)?.value
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
}

function varintOf(value: number): number[] {
  const out: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128)
  return [...out, rest]
}
