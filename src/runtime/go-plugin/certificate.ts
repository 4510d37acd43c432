import { createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** A key and its certificate, both PEM, of one launch alone. The key is never written anywhere. */
export interface OwnCertificate {
  readonly key: Buffer
  readonly certificate: Buffer
}

/** Longer than any session is likely to last without a new connection; each launch has a new one. */
const VALID_MS = 24 * 3_600_000
/** Clocks of one machine are the same, but not to the second everywhere. */
const EARLIER_MS = 30_000

const tlv = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
const sequence = (...parts: readonly Buffer[]) => tlv(0x30, ...parts)
const bytes = (...values: readonly number[]) => Buffer.from(values)
const oid = (hex: string) => tlv(0x06, Buffer.from(hex, 'hex'))
const text = (value: string) => tlv(0x0c, Buffer.from(value))
const octets = (content: Buffer) => tlv(0x04, content)
/** RFC 5280 4.1.2.5.1: UTCTime, until 2049. */
const time = (ms: number) => {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)
  const year = Number(digits.slice(0, 4))
  return year < 2050 ? tlv(0x17, Buffer.from(`${digits.slice(2)}Z`)) : tlv(0x18, Buffer.from(`${digits}Z`))
}
const attribute = (type: string, value: string) => tlv(0x31, sequence(oid(type), text(value)))
const extension = (type: string, value: Buffer, isCritical = false) =>
  sequence(oid(type), ...(isCritical ? [tlv(0x01, bytes(0xff))] : []), octets(value))

const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'))
const NAME = sequence(attribute('55040a', 'Bulkhead'), attribute('550403', 'localhost'))
const SERVER_AUTH = oid('2b06010505070301')
const CLIENT_AUTH = oid('2b06010505070302')

/**
 * A self-signed certificate for localhost, good for both ends of a connection. P-256: plugins whose TLS is BoringSSL
 * (Python's gRPC) have no P-521. A certificate authority by name, since Go looks for it as such in its own pool.
 */
export function makeCertificate(nowMs: number): OwnCertificate {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const serial = randomBytes(16)
  // RFC 5280 4.1.2.2: positive, and not zero.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  const body = sequence(
    tlv(0xa0, tlv(0x02, bytes(2))),
    tlv(0x02, serial),
    ECDSA_SHA256,
    NAME,
    sequence(time(nowMs - EARLIER_MS), time(nowMs + VALID_MS)),
    NAME,
    createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    tlv(
      0xa3,
      sequence(
        extension('551d13', sequence(tlv(0x01, bytes(0xff))), true),
        // digitalSignature, keyEncipherment, keyAgreement, keyCertSign
        extension('551d0f', tlv(0x03, bytes(2, 0xac)), true),
        extension('551d25', sequence(CLIENT_AUTH, SERVER_AUTH)),
        extension('551d11', sequence(tlv(0x82, Buffer.from('localhost')))),
      ),
    ),
  )
  const certificate = sequence(body, ECDSA_SHA256, tlv(0x03, bytes(0), sign('sha256', body, privateKey)))
  return {
    key: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    certificate: pemOf(certificate),
  }
}

export function pemOf(der: Buffer): Buffer {
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return Buffer.from(`-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`)
}
