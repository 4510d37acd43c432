// A certificate transparency log (RFC 6962) as far as Fulcio asks it: a signed promise for a precertificate.

import { sign } from 'node:crypto'
import { octets } from './der.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import { digestOf, extension, makeKey } from './x509.ts'

const SCT_LIST = '1.3.6.1.4.1.11129.2.4.2'

const uint16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
const uint24 = (value: number): Buffer => Buffer.from([value >> 16, (value >> 8) & 0xff, value & 0xff])
function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

export class CtLog {
  readonly key = makeKey()
  readonly #stranger = makeKey()

  /** The extension with one SCT over the certificate that `tbs` becomes (RFC 6962, 3.2 and 3.3). */
  witness(tbs: Buffer, issuerSpki: Buffer, at: Date, amiss: Misbehaviour['sct']): Buffer {
    const timestamp = uint64(at.getTime())
    const signed = Buffer.concat([
      Buffer.from([0, 0]), // version 1, certificate_timestamp
      timestamp,
      uint16(1), // precert_entry
      digestOf(issuerSpki),
      uint24(tbs.length),
      tbs,
      uint16(0), // no extensions
    ])
    const { secret } = amiss === 'forged' ? this.#stranger : this.key
    const signature = sign('sha256', signed, secret)
    const sct = Buffer.concat([
      Buffer.from([0]),
      digestOf(this.key.spki),
      timestamp,
      uint16(0),
      Buffer.from([4, 3]), // SHA-256, ECDSA
      uint16(signature.length),
      signature,
    ])
    const list = Buffer.concat([uint16(sct.length), sct])
    return extension(SCT_LIST, octets(uint16(list.length), list))
  }
}
