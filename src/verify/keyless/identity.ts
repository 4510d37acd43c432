import { VerificationError } from '../../core/errors.ts'

/** Whom a Fulcio certificate names: exact texts, to be compared with `===`. */
export interface CertificateIdentity {
  readonly issuer: string
  /** The only subject alternative name. */
  readonly identity: string
  /** Numeric ids that survive renaming (OIDs 1.3.6.1.4.1.57264.1.15 and .17), where the issuer is a CI system. */
  readonly repositoryId: string | null
  readonly ownerId: string | null
}

/**
 * What the certificate says of itself. Unverified: it only selects.
 * @throws VerificationError `CERTIFICATE_INVALID`
 */
export function readIdentity(der: Buffer): CertificateIdentity {
  throw new VerificationError('CERTIFICATE_INVALID', `cannot read a certificate of ${der.length} bytes`)
}
