import { PAYLOAD_TYPE } from '../core/statement.ts'
import { formatBundle } from './bundle.ts'
import { preAuthEncoding } from './dsse.ts'
import type { SecretKey } from './secret-key.ts'

/**
 * One line of a bundle file: `payload`, signed. A second signer signs the same payload, and its line goes below the
 * first: that is the whole of a `.sigstore.jsonl`.
 */
export function signPayload(payload: Buffer, key: SecretKey): Buffer {
  return lineOf(payload, key, signatureOf(payload, key), [])
}

/** The same, with a time over the signature: it shows later that the key signed before it was revoked or expired. */
export async function signPayloadWithTime(
  payload: Buffer,
  key: SecretKey,
  stamp: (signature: Buffer) => Promise<Buffer>,
): Promise<Buffer> {
  const signature = signatureOf(payload, key)
  return lineOf(payload, key, signature, [await stamp(signature)])
}

const signatureOf = (payload: Buffer, key: SecretKey): Buffer => key.sign(preAuthEncoding(PAYLOAD_TYPE, payload))

const lineOf = (payload: Buffer, key: SecretKey, signature: Buffer, timestamps: readonly Buffer[]): Buffer =>
  formatBundle({ payloadType: PAYLOAD_TYPE, payload, keyId: key.publicKey.id, signature, timestamps })
