import { VerificationError } from '../../core/errors.ts'
import type { Bundle } from '../bundle.ts'
import type { CertificateIdentity } from './identity.ts'
import type { TrustedRoot } from './trusted-root.ts'

export interface TrustedTime {
  readonly atMs: number
  /** `timestamp authority …` or `log …` */
  readonly source: string
}

export interface KeylessProof {
  readonly identity: CertificateIdentity
  readonly times: readonly TrustedTime[]
  /** A sentence for `--explain`. */
  readonly log: string
}

/** @throws VerificationError `CERTIFICATE_INVALID`, `LOG_INVALID`, `TIMESTAMP_INVALID`, `SIGNATURE_INVALID` */
export async function verifyKeyless(bundle: Bundle, root: TrustedRoot): Promise<KeylessProof> {
  throw new VerificationError('LOG_INVALID', `cannot verify ${bundle.material.kind} with ${root.name} yet`)
}

/** @throws VerificationError `TIMESTAMP_INVALID` */
export async function verifyTimestamps(bundle: Bundle, roots: readonly TrustedRoot[]): Promise<readonly TrustedTime[]> {
  if (bundle.timestamps.length === 0) return []
  throw new VerificationError('TIMESTAMP_INVALID', `cannot check timestamps with ${roots.length} roots yet`)
}
