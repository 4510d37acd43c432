import { UsageError } from '../../core/errors.ts'
import { type Service, serviceOf } from './service.ts'

/** The public-good instance of Sigstore. */
const PUBLIC_FULCIO = 'https://fulcio.sigstore.dev'
const PUBLIC_REKOR = { 1: 'https://rekor.sigstore.dev', 2: 'https://log2025-1.rekor.sigstore.dev' } as const
const PUBLIC_TIMESTAMP = 'https://timestamp.sigstore.dev/api/v1/timestamp'

export interface ServiceChoice {
  readonly fulcioUrl?: string | undefined
  readonly rekorUrl?: string | undefined
  readonly rekorVersion?: 1 | 2 | undefined
  readonly timestampUrl?: string | undefined
}

export interface KeylessServices {
  readonly fulcio: Service
  readonly rekor: Service
  readonly rekorVersion: 1 | 2
  readonly timestamp: Service | null
  readonly isPublic: boolean
}

/**
 * Whom a keyless signature is asked from. Either everything is public or nothing is: a private certificate in the public
 * log would tell the world of it, and no root would verify the two together.
 * @throws UsageError `USAGE`
 */
export function chooseServices(choice: ServiceChoice): KeylessServices {
  const { fulcioUrl, rekorUrl, rekorVersion = 1, timestampUrl } = choice
  if ((fulcioUrl === undefined) !== (rekorUrl === undefined)) {
    const [given, missing] = fulcioUrl === undefined ? ['--rekor-url', '--fulcio-url'] : ['--fulcio-url', '--rekor-url']
    throw new UsageError('USAGE', `cannot sign with ${given} alone: the other service would be the public one`, {
      hint: `name ${missing} as well`,
    })
  }
  const fulcio = serviceOf('the certificate authority', fulcioUrl ?? PUBLIC_FULCIO, '--fulcio-url')
  // Named in full it is still the public one: that is how a newer log of it is named.
  const isPublic = fulcio.url === PUBLIC_FULCIO
  const stamped = timestampUrl ?? (isPublic && rekorVersion === 2 ? PUBLIC_TIMESTAMP : undefined)
  if (stamped === undefined && rekorVersion === 2) {
    throw new UsageError(
      'USAGE',
      'cannot sign with --rekor-version 2 and without --timestamp-url: that log tells no time, so nobody could say ' +
        'whether the certificate was valid when it was used',
      { hint: '--timestamp-url URL of an RFC 3161 timestamp authority that your trusted root names' },
    )
  }
  return {
    fulcio,
    rekor: serviceOf('the transparency log', rekorUrl ?? PUBLIC_REKOR[rekorVersion], '--rekor-url'),
    rekorVersion,
    timestamp: stamped === undefined ? null : timestampService(stamped),
    isPublic,
  }
}

export const timestampService = (url: string): Service => serviceOf('the timestamp authority', url, '--timestamp-url')
