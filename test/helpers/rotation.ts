import { signPayload } from '../../src/verify/index.ts'
import { buildRotation, type RotationStatement } from '../../src/verify/rotation.ts'
import type { Authority } from './authority.ts'

/** A rotation file, as the holder of the old key makes it. */
export function rotationOf(
  from: Authority,
  to: Authority,
  { validFrom = null, oldValidUntil = null, by = from }: Partial<RotationStatement> & { readonly by?: Authority } = {},
): Buffer {
  const oldKeyId = from.key.publicKey.id
  const payload = buildRotation({ oldKeyId, newPublicKey: to.key.publicKey, validFrom, oldValidUntil })
  return signPayload(payload, by.key)
}
