import { randomBytes } from 'node:crypto'
import { sha256 } from '../../core/digest.ts'
import { ask, type Service, signingFailed } from './service.ts'

/** The path at which Sigstore's own authority answers; others have their own, which the address then names. */
const PATH = '/api/v1/timestamp'
const REPLY_MAX_BYTES = 32 * 2 ** 10
const NONCE_BYTES = 8

/** An RFC 3161 TimeStampResp over a signature: DER, and the time in it. */
export interface Timestamp {
  readonly der: Buffer
  readonly at: Date
}

/**
 * Asks for it and reads it: granted, about this signature, in answer to this question. Whether the authority is one to
 * trust is for the verifier to say.
 * @throws FetchError `SIGNING_FAILED`
 */
export async function requestTimestamp(
  signature: Uint8Array,
  service: Service,
  timeoutMs: number | undefined,
): Promise<Timestamp> {
  const digest = Buffer.from(sha256(signature), 'hex')
  const nonce = randomBytes(NONCE_BYTES)
  // RFC 3161 takes any integer; this one is positive and has no leading zero, so that its DER is these bytes.
  nonce[0] = ((nonce[0] ?? 0) & 0x3f) | 0x40
  const der = await ask(service, {
    path: new URL(service.url).pathname === '/' ? PATH : '',
    headers: { 'content-type': 'application/timestamp-query', accept: 'application/timestamp-reply' },
    body: queryOf(digest, nonce),
    maxBytes: REPLY_MAX_BYTES,
    timeoutMs,
  })
  return { der, at: await timeOf(der, digest, nonce, service) }
}

/** RFC 3161, 2.4.1 TimeStampReq: version 1, SHA-256 of the signature, a nonce, and the certificate please. */
function queryOf(digest: Buffer, nonce: Buffer): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    ...[0x30, 3 + 51 + 2 + NONCE_BYTES + 3],
    ...[0x02, 1, 1],
    ...[
      0x30,
      49,
      0x30,
      13,
      0x06,
      9,
      0x60,
      0x86,
      0x48,
      0x01,
      0x65,
      0x03,
      0x04,
      0x02,
      0x01,
      0x05,
      0,
      0x04,
      32,
      ...digest,
    ],
    ...[0x02, NONCE_BYTES, ...nonce],
    ...[0x01, 1, 0xff],
  ])
}

const GRANTED: readonly bigint[] = [0n, 1n]

async function timeOf(der: Buffer, digest: Buffer, nonce: Buffer, service: Service): Promise<Date> {
  // Loaded when asked for: only who signs with a time needs it.
  const { RFC3161Timestamp } = await import('@sigstore/core')
  try {
    const stamp = RFC3161Timestamp.parse(Buffer.from(der))
    if (!GRANTED.includes(stamp.status)) throw signingFailed(service, `refused the timestamp (status ${stamp.status})`)
    const { tstInfo } = stamp
    if (!tstInfo.messageImprintHashedMessage.equals(digest)) {
      throw signingFailed(service, 'gave a timestamp of something else')
    }
    // RFC 3161, 2.4.2: version, policy, imprint, serial number and time come before what may be left out.
    const echoed = tstInfo.root.subs.slice(5).find(({ tag }) => tag.isInteger())
    if (echoed?.value.equals(nonce) !== true) throw signingFailed(service, 'gave a timestamp of another question')
    // What the verifiers cannot read would be a bundle that nobody accepts: "invalid time", for one.
    return stamp.signingTime
  } catch (error) {
    if ((error as { code?: unknown }).code === 'SIGNING_FAILED') throw error
    throw signingFailed(service, 'gave a timestamp that cannot be read')
  }
}
