import { UsageError } from '../core/errors.ts'
import { readSecretKey, signPayload, signPayloadWithTime } from '../verify/index.ts'
import type { ServiceChoice } from '../verify/signing/services.ts'
import type { SignOptions } from './sign.ts'

export interface KeylessOptions extends Omit<ServiceChoice, 'timestampUrl'> {
  /** A token that was given, and where it came from, for messages. Without one the environment is asked. */
  readonly identityToken?: { readonly text: string; readonly source: string } | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  /** For whom the token has to be made: `sigstore`, unless a private authority wants another. */
  readonly audience?: string | undefined
}

export interface SignerReport {
  /** `null` when it was signed keyless. */
  readonly keyId: string | null
  readonly identity: { readonly issuer: string; readonly identity: string } | null
  readonly log: { readonly url: string; readonly index: string; readonly isPublic: boolean } | null
  /** What a timestamp authority says, ISO 8601. */
  readonly timestamp: string | null
}

export interface Signed {
  /** One line of a bundle file. */
  readonly line: Buffer
  /** As `readSignatureLines` names it. */
  readonly signer: string
  readonly report: SignerReport
}

export interface Signer {
  /** `null` where only the certificate tells it. */
  readonly id: string | null
  sign(payload: Buffer): Promise<Signed>
}

/** Everything that can be wrong with how to sign is found before the tarball is read, and before anybody is asked. */
export async function signerOf(options: SignOptions, now: () => Date): Promise<Signer> {
  const { key, keyless } = options
  if ((key === undefined) === (keyless === undefined)) {
    throw new UsageError('USAGE', 'cannot sign: expected either a key or keyless signing', {
      hint: '--key FILE or --keyless',
    })
  }
  return keyless === undefined ? keyedSigner(key ?? '', options) : keylessSigner(keyless, options, now)
}

async function keyedSigner(path: string, { passphrase, timestampUrl, timeoutMs }: SignOptions): Promise<Signer> {
  const { timestampService } = await import('../verify/signing/services.ts')
  const service = timestampUrl === undefined ? null : timestampService(timestampUrl)
  const key = await readSecretKey(path, passphrase ?? (() => null))
  const { id } = key.publicKey
  const report: SignerReport = { keyId: id, identity: null, log: null, timestamp: null }
  if (service === null)
    return { id, sign: async (payload) => ({ line: signPayload(payload, key), signer: id, report }) }
  return {
    id,
    async sign(payload) {
      const { requestTimestamp } = await import('../verify/signing/timestamp.ts')
      let at: Date | null = null
      const line = await signPayloadWithTime(payload, key, async (signature) => {
        const stamp = await requestTimestamp(signature, service, timeoutMs)
        at = stamp.at
        return stamp.der
      })
      return { line, signer: id, report: { ...report, timestamp: isoOf(at) } }
    },
  }
}

async function keylessSigner(keyless: KeylessOptions, options: SignOptions, now: () => Date): Promise<Signer> {
  const [{ chooseServices }, { findIdentityToken }] = await Promise.all([
    import('../verify/signing/services.ts'),
    import('../verify/signing/token-source.ts'),
  ])
  const { timestampUrl, timeoutMs } = options
  const services = chooseServices({ ...keyless, timestampUrl })
  const { identityToken, environment, audience } = keyless
  return {
    id: null,
    async sign(payload) {
      const { signKeyless } = await import('../verify/signing/keyless.ts')
      const token = await findIdentityToken({ given: identityToken, environment, audience, timeoutMs, now: now() })
      const { line, signer, log, timestamp } = await signKeyless(payload, token, services, timeoutMs)
      const { issuer, identity } = signer
      return {
        line,
        signer: `${identity} (${issuer})`,
        report: {
          keyId: null,
          identity: { issuer, identity },
          log: { ...log, isPublic: services.isPublic },
          timestamp: isoOf(timestamp),
        },
      }
    },
  }
}

const isoOf = (date: Date | null): string | null => date?.toISOString() ?? null
