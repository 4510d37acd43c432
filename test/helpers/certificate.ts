// A throw-away certificate authority: X.509 as far as a TLS server on loopback needs it, written in DER by hand.

import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

const tlv = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
const sequence = (...parts: readonly Buffer[]) => tlv(0x30, ...parts)
const oid = (hex: string) => tlv(0x06, Buffer.from(hex, 'hex'))
const text = (value: string) => tlv(0x0c, Buffer.from(value))
const octets = (content: Buffer) => tlv(0x04, content)
const bits = (content: Buffer) => tlv(0x03, Buffer.from([0]), content)
const time = (ms: number) => tlv(0x17, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`))

const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'))
const nameOf = (commonName: string) => sequence(tlv(0x31, sequence(oid('550403'), text(commonName))))
const TRUE = tlv(0x01, Buffer.from([0xff]))
const basicConstraints = (isAuthority: boolean) =>
  sequence(oid('551d13'), TRUE, octets(sequence(...(isAuthority ? [TRUE] : []))))
/** keyCertSign; digitalSignature. Python's defaults since 3.13 look for it. */
const keyUsage = (isAuthority: boolean) =>
  sequence(oid('551d0f'), TRUE, octets(tlv(0x03, isAuthority ? Buffer.from([2, 0x04]) : Buffer.from([7, 0x80]))))
const keyIdentifier = (id: Buffer) => sequence(oid('551d0e'), octets(octets(id)))
const authorityKeyIdentifier = (id: Buffer) => sequence(oid('551d23'), octets(sequence(tlv(0x80, id))))
const alternativeNames = (names: readonly string[]) =>
  sequence(oid('551d11'), octets(sequence(...names.map((name) => tlv(0x82, Buffer.from(name))))))

const pem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`

interface Key {
  readonly secret: KeyObject
  readonly id: Buffer
}

function makeKey(): Key {
  return { secret: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, id: randomBytes(20) }
}

function certify(subject: string, key: Key, issuer: { name: string; key: Key }, extensions: readonly Buffer[]): string {
  const now = Date.now()
  const spki = createPublicKey(key.secret).export({ type: 'spki', format: 'der' })
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.from([0x01, ...randomBytes(8)])),
    ECDSA_SHA256,
    nameOf(issuer.name),
    sequence(time(now - 86_400_000), time(now + 86_400_000)),
    nameOf(subject),
    spki,
    tlv(0xa3, sequence(...extensions, keyIdentifier(key.id), authorityKeyIdentifier(issuer.key.id))),
  )
  return pem(sequence(body, ECDSA_SHA256, bits(sign('sha256', body, issuer.key.secret))))
}

export interface CertificateAuthority {
  /** PEM. */
  readonly certificate: string
  /** A server's certificate for these names, and its key. */
  issue(...names: string[]): { readonly cert: string; readonly key: string }
}

export function certificateAuthority(): CertificateAuthority {
  const own = { name: 'throw-away authority', key: makeKey() }
  return {
    certificate: certify(own.name, own.key, own, [basicConstraints(true), keyUsage(true)]),
    issue(...names) {
      const key = makeKey()
      const extensions = [basicConstraints(false), keyUsage(false), alternativeNames(names)]
      return {
        cert: certify(names[0] ?? 'a server', key, own, extensions),
        key: key.secret.export({ type: 'pkcs8', format: 'pem' }) as string,
      }
    },
  }
}
