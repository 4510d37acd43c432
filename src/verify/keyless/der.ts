/** A document that is not DER, or not of the shape it is read as. Its readers give it a code of their own. */
export class DerFault extends Error {}

/** One element. `bytes` is all of it; `content` is without tag and length. */
export interface DerElement {
  readonly tag: number
  readonly content: Buffer
  readonly bytes: Buffer
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** A constructed context-specific tag, as in `[3] EXPLICIT`. */
export const context = (number: number): number => 0xa0 | number

/** Exactly one element and nothing behind it (X.690 §10: one value has one encoding). */
export function readDer(bytes: Buffer): DerElement {
  const element = elementAt(bytes)
  if (element.bytes.length !== bytes.length) throw new DerFault('has bytes behind its end')
  assertDer(element, DEPTH_MAX)
  return element
}

const CONSTRUCTED = 0x20
const DEPTH_MAX = 32

/** Also of what nobody here reads: the library would throw there, and a stranger's bytes look like a failure of ours. */
function assertDer(element: DerElement, depthLeft: number): void {
  if ((element.tag & CONSTRUCTED) === 0) return
  if (depthLeft === 0) throw new DerFault('is nested too deep')
  for (const child of childrenOf(element)) assertDer(child, depthLeft - 1)
}

/** What a constructed element holds. */
export function childrenOf({ content }: DerElement): readonly DerElement[] {
  const children: DerElement[] = []
  for (let rest = content; rest.length > 0; ) {
    const child = elementAt(rest)
    children.push(child)
    rest = rest.subarray(child.bytes.length)
  }
  return children
}

export function expectTag(element: DerElement | undefined, tag: number, what: string): DerElement {
  if (element?.tag === tag) return element
  throw new DerFault(`has no ${what} where one must be`)
}

/** The children of what must be a sequence. */
export function sequenceOf(element: DerElement | undefined, what: string): readonly DerElement[] {
  return childrenOf(expectTag(element, TAG.sequence, what))
}

const OID_MAX_BYTES = 128

export function oidOf(element: DerElement | undefined): string {
  const { content } = expectTag(element, TAG.oid, 'object identifier')
  // An arc has no end of its own, and reading one takes time by the square of its length: of anybody's certificate.
  if (content.length > OID_MAX_BYTES) throw new DerFault(`has an object identifier of ${content.length} bytes`)
  const arcs: bigint[] = []
  let arc = 0n
  for (const [at, byte] of content.entries()) {
    // X.690 §8.19.2: an arc does not begin with zeros.
    if (arc === 0n && byte === 0x80) throw new DerFault('has an object identifier that is not DER')
    arc = (arc << 7n) | BigInt(byte & 0x7f)
    if ((byte & 0x80) !== 0) {
      if (at === content.length - 1) throw new DerFault('has an object identifier that is cut off')
      continue
    }
    arcs.push(arc)
    arc = 0n
  }
  const [first, ...others] = arcs
  if (first === undefined) throw new DerFault('has an empty object identifier')
  const top = first < 40n ? 0n : first < 80n ? 1n : 2n
  return [top, first - top * 40n, ...others].join('.')
}

export function booleanOf(element: DerElement): boolean {
  const { content } = expectTag(element, TAG.boolean, 'boolean')
  if (content.length === 1 && (content[0] === 0 || content[0] === 0xff)) return content[0] === 0xff
  throw new DerFault('has a boolean that is not DER')
}

const UTC = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
const GENERALIZED = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/

/** RFC 5280 §4.1.2.5: UTC, to the second, in one of two forms. */
export function timeOf(element: DerElement | undefined): number {
  const text = element?.content.toString('latin1') ?? ''
  const isShort = element?.tag === TAG.utcTime
  const parts = element?.tag === TAG.generalizedTime || isShort ? (isShort ? UTC : GENERALIZED).exec(text) : null
  if (parts === null) throw new DerFault('has a time of another form than RFC 5280 allows')
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number)
  const whole = isShort ? year + (year >= 50 ? 1900 : 2000) : year
  const date = new Date(Date.UTC(whole, month - 1, day, hour, minute, second))
  const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60
  if (!isReal || second > 59) throw new DerFault('has a time that is not in the calendar')
  return date.getTime()
}

function elementAt(bytes: Buffer): DerElement {
  const [tag, first] = bytes
  if (tag === undefined || first === undefined) throw new DerFault('is cut off')
  if ((tag & 0x1f) === 0x1f) throw new DerFault('has a tag of several bytes')
  let start = 2
  let length = first
  if (first >= 0x80) {
    const size = first & 0x7f
    // X.690 §10.1: the definite form, in as few bytes as it takes. Four bytes of length are more than we ever read.
    if (size === 0 || size > 4 || bytes.length < 2 + size) throw new DerFault('has a length that is not DER')
    start += size
    length = bytes.readUIntBE(2, size)
    if (length < 0x80 || length < 2 ** (8 * (size - 1))) throw new DerFault('has a length that is not DER')
  }
  if (bytes.length < start + length) throw new DerFault('is cut off')
  return { tag, content: bytes.subarray(start, start + length), bytes: bytes.subarray(0, start + length) }
}
