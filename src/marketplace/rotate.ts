import { UsageError } from '../core/errors.ts'
import { writeNewFile } from '../registry/index.ts'
import { buildRotation, readPublicKey, readSecretKey, signPayload } from '../verify/index.ts'

export interface RotateOptions {
  /** Secret key file of the key that goes. */
  readonly old: string
  /** Asked only when the key is encrypted. */
  readonly passphrase?: () => Promise<string | null> | string | null
  /** Public key file of the key that comes. */
  readonly new: string
  readonly out: string
  /** ISO 8601: from when the new key may sign. */
  readonly validFrom?: string | undefined
  /** ISO 8601: from when the old one may not. */
  readonly oldValidUntil?: string | undefined
}

export interface RotationReport {
  readonly oldKeyId: string
  readonly newKeyId: string
  readonly validFrom: string | null
  readonly oldValidUntil: string | null
  readonly file: string
}

/** @throws PluginError `FILE_EXISTS`, `KEY_FILE_INVALID`; UsageError `USAGE` */
export async function rotateKey(options: RotateOptions): Promise<RotationReport> {
  const { publicKey: newPublicKey } = readPublicKey(options.new)
  const key = await readSecretKey(options.old, options.passphrase ?? (() => null))
  const oldKeyId = key.publicKey.id
  const { validFrom = null, oldValidUntil = null, out: file } = options
  if (newPublicKey.id === oldKeyId) throw new UsageError('USAGE', 'cannot rotate: the new key is the old one')
  if (validFrom !== null && oldValidUntil !== null && Date.parse(validFrom) > Date.parse(oldValidUntil)) {
    throw new UsageError('USAGE', `cannot rotate: nobody could sign between ${oldValidUntil} and ${validFrom}`)
  }
  writeNewFile(file, signPayload(buildRotation({ oldKeyId, newPublicKey, validFrom, oldValidUntil }), key))
  return { oldKeyId, newKeyId: newPublicKey.id, validFrom, oldValidUntil, file }
}
