import { PAYLOAD_TYPE } from '../core/statement.ts'
import { formatBundle } from './bundle.ts'
import { preAuthEncoding } from './dsse.ts'
import type { SecretKey } from './secret-key.ts'

/**
 * One line of a bundle file: `payload`, signed. A second signer signs the same payload, and its line goes below the
 * first: that is the whole of a `.sigstore.jsonl`.
 */
export function signPayload(payload: Buffer, key: SecretKey): Buffer {
  const signature = key.sign(preAuthEncoding(PAYLOAD_TYPE, payload))
  return formatBundle({ payloadType: PAYLOAD_TYPE, payload, keyId: key.publicKey.id, signature })
}
