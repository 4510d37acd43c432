// As much of the D-Bus protocol as three calls to systemd need: a method call is written, its answer is read.
// https://dbus.freedesktop.org/doc/dbus-specification.html, "Message Protocol". Little-endian, as all our hosts are.

/** A value together with its D-Bus type: how it is written, and the signature that announces it. */
export interface Value {
  readonly type: string
  readonly put: (to: Writer) => void
}

export const text = (value: string): Value => ({ type: 's', put: (to) => to.string(value) })
export const flag = (value: boolean): Value => ({ type: 'b', put: (to) => to.u32(Number(value)) })
export const u32 = (value: number): Value => ({ type: 'u', put: (to) => to.u32(value) })
export const u64 = (value: bigint): Value => ({ type: 't', put: (to) => to.u64(value) })
export const variant = (value: Value): Value => ({
  type: 'v',
  put(to) {
    to.signature(value.type)
    value.put(to)
  },
})
export const struct = (...values: Value[]): Value => ({
  type: `(${values.map((value) => value.type).join('')})`,
  put(to) {
    to.align(8)
    for (const value of values) value.put(to)
  },
})
/** `type` is that of the elements, since there may be none. */
export const array = (type: string, values: readonly Value[]): Value => ({
  type: `a${type}`,
  put: (to) =>
    to.array(alignmentOf(type), () => {
      for (const value of values) value.put(to)
    }),
})

const alignmentOf = (type: string): number => ('({xt'.includes(type[0] ?? '') ? 8 : 4)

class Writer {
  readonly #bytes: number[] = []

  get bytes(): Buffer {
    return Buffer.from(this.#bytes)
  }
  align(to: number): void {
    while (this.#bytes.length % to !== 0) this.#bytes.push(0)
  }
  byte(value: number): void {
    this.#bytes.push(value)
  }
  u32(value: number): void {
    this.align(4)
    this.#bytes.push(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255)
  }
  u64(value: bigint): void {
    this.align(8)
    for (let shift = 0n; shift < 64n; shift += 8n) this.#bytes.push(Number((value >> shift) & 255n))
  }
  string(value: string): void {
    const utf8 = Buffer.from(value, 'utf8')
    this.u32(utf8.length)
    this.#bytes.push(...utf8, 0)
  }
  signature(value: string): void {
    this.#bytes.push(value.length, ...Buffer.from(value, 'latin1'), 0)
  }
  array(alignment: number, put: () => void): void {
    this.u32(0)
    const at = this.#bytes.length - 4
    // The padding before the first element does not count.
    this.align(alignment)
    const start = this.#bytes.length
    put()
    const length = this.#bytes.length - start
    for (let byte = 0; byte < 4; byte++) this.#bytes[at + byte] = (length >>> (8 * byte)) & 255
  }
}

export interface Call {
  readonly serial: number
  readonly destination: string
  readonly path: string
  readonly interface: string
  readonly member: string
  readonly body: readonly Value[]
}

/** A bus gives a name to who says this, and answers nobody else. */
export const HELLO: Call = {
  serial: 1,
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
  member: 'Hello',
  body: [],
}

const METHOD_CALL = 1
const METHOD_RETURN = 2
const ERROR = 3
const FIELD = { path: 1, interface: 2, member: 3, errorName: 4, replySerial: 5, destination: 6, signature: 8 } as const

export function encodeCall(call: Call): Buffer {
  const body = new Writer()
  for (const value of call.body) value.put(body)

  const message = new Writer()
  for (const byte of [0x6c /* l */, METHOD_CALL, 0, 1 /* version */]) message.byte(byte)
  message.u32(body.bytes.length)
  message.u32(call.serial)
  const field = (code: number, type: string, value: string): void => {
    message.align(8)
    message.byte(code)
    message.signature(type)
    if (type === 'g') message.signature(value)
    else message.string(value)
  }
  message.array(8, () => {
    field(FIELD.path, 'o', call.path)
    field(FIELD.interface, 's', call.interface)
    field(FIELD.member, 's', call.member)
    field(FIELD.destination, 's', call.destination)
    if (call.body.length > 0) field(FIELD.signature, 'g', call.body.map((value) => value.type).join(''))
  })
  message.align(8)
  return Buffer.concat([message.bytes, body.bytes])
}

/** What a message says to somebody who waits for an answer. */
export interface Answer {
  /** The call it answers; 0 for what is no answer at all. */
  readonly to: number
  /** Name and sentence of a refusal, or `null`. */
  readonly error: { readonly name: string; readonly sentence: string } | null
}

/** systemd's answers are tens of bytes. */
const MESSAGE_MAX_BYTES = 64 * 1024

/** The first message in `bytes` and its length, or `null` while it is incomplete. @throws Error when it is none. */
export function decodeAnswer(bytes: Buffer): { readonly answer: Answer; readonly length: number } | null {
  if (bytes.length < 16) return null
  if (bytes[0] !== 0x6c || bytes[3] !== 1) throw new Error('it does not speak D-Bus 1, little-endian')
  const bodyLength = bytes.readUInt32LE(4)
  const fieldsEnd = 16 + bytes.readUInt32LE(12)
  const bodyStart = Math.ceil(fieldsEnd / 8) * 8
  const length = bodyStart + bodyLength
  if (length > MESSAGE_MAX_BYTES) throw new Error(`its message has ${length} bytes`)
  if (bytes.length < length) return null

  const fields = readFields(bytes, fieldsEnd)
  const kind = bytes[1]
  const to = kind === METHOD_RETURN || kind === ERROR ? Number(fields.get(FIELD.replySerial) ?? 0) : 0
  if (kind !== ERROR) return { answer: { to, error: null }, length }
  const signature = String(fields.get(FIELD.signature) ?? '')
  const sentence = signature.startsWith('s') ? stringAt(bytes, bodyStart, length).value : ''
  return { answer: { to, error: { name: String(fields.get(FIELD.errorName) ?? ''), sentence } }, length }
}

function readFields(bytes: Buffer, end: number): Map<number, string | number> {
  const fields = new Map<number, string | number>()
  for (let at = 16; at < end; at = Math.ceil(at / 8) * 8) {
    const code = bytes.readUInt8(at)
    const type = bytes.toString('latin1', at + 2, at + 2 + bytes.readUInt8(at + 1))
    at += 3 + type.length
    if (type === 'g') {
      const length = bytes.readUInt8(at)
      fields.set(code, bytes.toString('latin1', at + 1, at + 1 + length))
      at += length + 2
    } else if (type === 'u') {
      at = Math.ceil(at / 4) * 4
      fields.set(code, bytes.readUInt32LE(at))
      at += 4
    } else if (type === 's' || type === 'o') {
      const { value, next } = stringAt(bytes, at, end)
      fields.set(code, value)
      at = next
    } else {
      throw new Error(`its message has a header field of type ${JSON.stringify(type)}`)
    }
  }
  return fields
}

function stringAt(bytes: Buffer, at: number, end: number): { readonly value: string; readonly next: number } {
  const start = Math.ceil(at / 4) * 4
  const stop = start + 4 + bytes.readUInt32LE(start)
  if (stop >= end) throw new Error('its message has a string that does not end')
  return { value: bytes.toString('utf8', start + 4, stop), next: stop + 1 }
}
