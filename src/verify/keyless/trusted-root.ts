import type { Sha256 } from '../../core/digest.ts'
import { VerificationError } from '../../core/errors.ts'

/** A Sigstore trusted root: the authorities and logs of one Sigstore instance. */
export interface TrustedRoot {
  readonly name: string
  readonly digest: Sha256
  readonly bytes: Buffer
  /** The strictly parsed document, for the Sigstore library alone. */
  readonly json: unknown
}

/** @throws VerificationError `ROOT_INVALID` */
export function parseTrustedRoot(bytes: Uint8Array, name: string): TrustedRoot {
  throw new VerificationError('ROOT_INVALID', `cannot read the trusted root ${name} of ${bytes.length} bytes`)
}
