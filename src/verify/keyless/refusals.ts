import { VerificationError } from '../../core/errors.ts'

export function logInvalid(reason: string, cause?: unknown): VerificationError {
  return new VerificationError('LOG_INVALID', `cannot rely on the transparency log: ${reason}`, {
    hint: 'the bundle is incomplete or was changed: fetch it again, or ask its publisher to sign again',
    cause,
  })
}

/** No root of this host names who made it: that may be the bundle's fault, or a root that is not there any more. */
export function timestampUnknown(reason: string): VerificationError {
  return timestampInvalid(reason, undefined, { authority: 'unknown' })
}

export function timestampInvalid(
  reason: string,
  cause?: unknown,
  details: Readonly<Record<string, unknown>> = {},
): VerificationError {
  return new VerificationError('TIMESTAMP_INVALID', `cannot rely on the time of the signature: ${reason}`, {
    hint: 'ask its publisher to sign again, or add the trusted root that names the authority: plugins trust root add FILE',
    cause,
    details,
  })
}

export function signatureInvalid(reason: string): VerificationError {
  return new VerificationError('SIGNATURE_INVALID', `cannot trust the signature: ${reason}`, {
    hint: 'the bundle was changed or damaged: fetch tarball and bundle again',
  })
}
