import { verify, X509Certificate } from 'node:crypto'
import type { Witness } from '@sigstore/sign'
import { VerificationError } from '../../core/errors.ts'
import { PAYLOAD_TYPE } from '../../core/statement.ts'
import { type Bundle, parseBundles } from '../bundle.ts'
import { preAuthEncoding } from '../dsse.ts'
import { type CertificateIdentity, readIdentity } from '../keyless/identity.ts'
import { certifiedBy } from './certificate-authority.ts'
import type { IdentityToken } from './identity-token.ts'
import { ANSWER_MS, RETRIES, RETRY_AFTER_MS, reasonOf, type Service, signingFailed } from './service.ts'
import type { KeylessServices } from './services.ts'
import { requestTimestamp } from './timestamp.ts'

export interface KeylessSignature {
  /** One line of a bundle file. */
  readonly line: Buffer
  readonly signer: CertificateIdentity
  readonly log: { readonly url: string; readonly index: string }
  readonly timestamp: Date | null
}

/**
 * Signs a payload with a key that is forgotten at once: Fulcio certifies it for ten minutes, Rekor logs what it signed.
 * The token leaves this process for Fulcio alone.
 * @throws FetchError `SIGNING_FAILED`, naming the service
 */
export async function signKeyless(
  payload: Buffer,
  token: IdentityToken,
  services: KeylessServices,
  timeoutMs: number = ANSWER_MS,
): Promise<KeylessSignature> {
  // 291 files of libraries: nobody else pays for them.
  const [{ DSSEBundleBuilder, RekorWitness }, { bundleToJSON }] = await Promise.all([
    import('@sigstore/sign'),
    import('@sigstore/bundle'),
  ])
  const http = { timeout: timeoutMs, retry: { retries: RETRIES, minTimeout: RETRY_AFTER_MS, maxTimeout: 2_000 } }
  const { fulcio, rekor, rekorVersion, timestamp } = services
  /** Says whose failure it was. The library's own error is dropped here, for it can quote the token. */
  const named = async <T>(service: Service, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw signingFailed(service, reasonOf(error, timeoutMs, token.reveal()))
    }
  }
  const log = new RekorWitness({ ...http, rekorBaseURL: rekor.url, majorApiVersion: rekorVersion })
  let stampedAt: Date | null = null
  const witnesses: Witness[] = [
    { testify: (content, key) => named(rekor, () => log.testify(content, key)) },
    ...(timestamp === null
      ? []
      : [
          {
            testify: async (content) => {
              const signature = content.$case === 'dsseEnvelope' ? content.dsseEnvelope.signatures[0]?.sig : undefined
              const stamp = await requestTimestamp(signature ?? Buffer.alloc(0), timestamp, timeoutMs)
              stampedAt = stamp.at
              return { rfc3161Timestamps: [{ signedTimestamp: stamp.der }] }
            },
          } satisfies Witness,
        ]),
  ]
  const builder = new DSSEBundleBuilder({
    signer: certifiedBy(fulcio, token, timeoutMs),
    witnesses,
    certificateChain: false,
  })
  const built = await builder.create({ data: payload, type: PAYLOAD_TYPE })
  const line = Buffer.from(`${JSON.stringify(bundleToJSON(built))}\n`)
  const { bundle, signer } = readBack(line, services)
  return { line, signer, log: { url: rekor.url, index: `${bundle.entries[0]?.index}` }, timestamp: stampedAt }
}

/**
 * What we write, we must accept: the line keeps the rules of a bundle, has its evidence, and its certificate is for the
 * key that signed. A service that answers with something else is found out before anything is written.
 */
function readBack(line: Buffer, { fulcio, rekor, rekorVersion }: KeylessServices) {
  let bundle: Bundle | undefined
  try {
    ;[bundle] = parseBundles(line)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    throw signingFailed(rekor, `and ${fulcio.name} gave what is no valid bundle (${error.message})`)
  }
  if (bundle?.material.kind !== 'certificate') throw signingFailed(fulcio, 'gave no certificate')
  const [entry, ...more] = bundle.entries
  if (entry === undefined || more.length > 0 || entry.proof === null) {
    throw signingFailed(rekor, 'gave no proof that the signature is in the log')
  }
  if (rekorVersion === 1 && entry.promise === null)
    throw signingFailed(rekor, 'gave no promise, which carries the time')
  const { der } = bundle.material
  const signed = preAuthEncoding(bundle.payloadType, bundle.payload)
  if (!isSignedUnder(der, signed, bundle.signature)) throw signingFailed(fulcio, 'gave a certificate for another key')
  return { bundle, signer: identityOf(der, fulcio) }
}

function isSignedUnder(der: Buffer, signed: Buffer, signature: Buffer): boolean {
  try {
    return verify('sha256', signed, new X509Certificate(der).publicKey, signature)
  } catch {
    return false // no certificate at all: refused in the same words
  }
}

function identityOf(der: Buffer, fulcio: Service): CertificateIdentity {
  try {
    return readIdentity(der)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    throw signingFailed(fulcio, `gave a certificate that cannot be used (${error.message})`)
  }
}
