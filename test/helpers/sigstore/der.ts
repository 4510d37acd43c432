// DER (X.690) as far as certificates and timestamps need it: a writer, and a reader of what a client asks for.

export const tlv = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content])
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const bytes = bigEndian(BigInt(length))
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes])
}

function bigEndian(value: bigint): Buffer {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

export const sequence = (...parts: readonly Uint8Array[]) => tlv(0x30, ...parts)
/** X.690, 11.6: the elements of a SET OF are sorted by their encoding. */
export const setOf = (...parts: readonly Buffer[]) => tlv(0x31, ...[...parts].sort(Buffer.compare))
export const octets = (...content: readonly Uint8Array[]) => tlv(0x04, ...content)
export const bits = (content: Uint8Array, unused = 0) => tlv(0x03, Buffer.from([unused]), content)
export const utf8 = (value: string) => tlv(0x0c, Buffer.from(value))
export const bool = (value: boolean) => tlv(0x01, Buffer.from([value ? 0xff : 0]))
export const nothing = tlv(0x05)
/** `[n]`, around a whole value. */
export const explicit = (n: number, ...parts: readonly Uint8Array[]) => tlv(0xa0 | n, ...parts)
/** `[n]`, instead of the tag of a primitive value. */
export const implicit = (n: number, content: Uint8Array) => tlv(0x80 | n, content)

/** A whole number that is not negative, from its bytes. */
export function integer(value: number | Uint8Array): Buffer {
  const bytes = typeof value === 'number' ? bigEndian(BigInt(value)) : Buffer.from(value)
  return tlv(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes)
}

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return tlv(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

function base128(value: number): number[] {
  const groups = [value & 0x7f]
  for (let left = value >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80)
  return groups
}

const digits = (date: Date) => date.toISOString().replace(/[-:T]/g, '')
/** Whole seconds, as RFC 5280 wants it. */
export const utcTime = (date: Date) => tlv(0x17, Buffer.from(`${digits(date).slice(2, 14)}Z`))
/** `fraction` is what stands behind the seconds: RFC 3161 allows it, without zeros at its end. */
export const generalizedTime = (date: Date, fraction = '') =>
  tlv(0x18, Buffer.from(`${digits(date).slice(0, 14)}${fraction}Z`))

export interface Node {
  readonly tag: number
  readonly content: Buffer
}

/** The values that lie one after the other in `bytes`. */
export function readNodes(bytes: Buffer): readonly Node[] {
  const nodes: Node[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes.readUInt8(at)
    const first = bytes.readUInt8(at + 1)
    const count = first < 0x80 ? 0 : first & 0x7f
    const length = count === 0 ? first : bytes.readUIntBE(at + 2, count)
    const start = at + 2 + count
    if (start + length > bytes.length) throw new Error('the DER value is cut off')
    nodes.push({ tag, content: bytes.subarray(start, start + length) })
    at = start + length
  }
  return nodes
}
