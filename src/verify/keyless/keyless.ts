import { verify } from 'node:crypto'
import type { SignedEntity, Signer, TrustMaterial } from '@sigstore/verify'
import { PluginError, VerificationError } from '../../core/errors.ts'
import { printable } from '../../core/printable.ts'
import type { Bundle } from '../bundle.ts'
import { preAuthEncoding } from '../dsse.ts'
import { assertSigningLeaf, type Certificate, certificateInvalid, readCertificate } from './certificate.ts'
import { assertSameIdentity, type CertificateIdentity, identityOf } from './identity.ts'
import { digestFor } from './key-strength.ts'
import { assertEntries, assertLogsTrustedAt, type Logged, sentenceOf } from './log-entries.ts'
import { logInvalid, signatureInvalid, timestampInvalid } from './refusals.ts'
import { type TrustedTime, verifyEach } from './timestamp.ts'
import type { TrustedRoot } from './trusted-root.ts'

export type { TrustedTime } from './timestamp.ts'

export interface KeylessProof {
  readonly identity: CertificateIdentity
  readonly times: readonly TrustedTime[]
  /** A sentence for `--explain`. */
  readonly log: string
}

/** Each at least one: a certificate log, a signature log, a trusted time. */
const THRESHOLDS = { ctlogThreshold: 1, tlogThreshold: 1, timestampThreshold: 1 } as const

/**
 * Whose certificate signed the bundle's envelope, and when, by the word of this root alone. No clock of ours is asked: a
 * certificate lives for minutes, and what counts is that it was valid at the trusted times.
 *
 * Ours, since the library leaves it to its caller: what the leaf may be used for, one name in it, every field that no
 * signature covers, the entry's certificate, each part's period. The library's: chain, SCT, promise, Merkle path. Both
 * check the signature, the entry's content and the checkpoint.
 *
 * @throws VerificationError `CERTIFICATE_INVALID`, `LOG_INVALID`, `TIMESTAMP_INVALID`, `SIGNATURE_INVALID`. Anything else
 * that is thrown is a failure of the verifier, and a refusal too.
 */
export async function verifyKeyless(bundle: Bundle, root: TrustedRoot): Promise<KeylessProof> {
  if (bundle.material.kind !== 'certificate') throw certificateInvalid('expected a certificate, found a key')
  const leaf = readCertificate(bundle.material.der)
  assertSigningLeaf(leaf)
  const identity = identityOf(leaf)
  assertSignature(bundle, leaf)
  const logged = assertEntries(bundle, leaf.der, root)
  const times = [...(await verifyEach(bundle.timestamps, bundle.signature, [root])), ...promisedTimes(logged)]
  if (times.length === 0) throw timestampInvalid('neither a log nor a timestamp authority states one')
  assertLivedAt(leaf, times)
  assertLogsTrustedAt(
    logged,
    times.map(({ atMs }) => atMs),
  )

  const signer = await askLibrary(bundle, leaf, root)
  assertSameIdentity(identity, {
    issuer: signer.identity?.extensions?.issuer,
    identity: signer.identity?.subjectAlternativeName,
  })
  return { identity, times, log: sentenceOf(logged) }
}

/**
 * The times of a keyed bundle. No authority of a root is asked about who signed, only about when.
 * @throws VerificationError `TIMESTAMP_INVALID`
 */
export async function verifyTimestamps(bundle: Bundle, roots: readonly TrustedRoot[]): Promise<readonly TrustedTime[]> {
  return verifyEach(bundle.timestamps, bundle.signature, roots)
}

function assertSignature({ payloadType, payload, signature }: Bundle, { publicKey }: Certificate): void {
  if (verify(digestFor(publicKey), preAuthEncoding(payloadType, payload), publicKey, signature)) return
  throw signatureInvalid("it is not one that the certificate's key made over these bytes")
}

/** A log's own time counts where it signed it, in a promise. */
function promisedTimes(logged: readonly Logged[]): readonly TrustedTime[] {
  return logged
    .filter(({ entry }) => entry.promise !== null)
    .map(({ entry, log }) => ({ atMs: Number(entry.integratedTime) * 1000, source: `log ${log.host}` }))
}

function assertLivedAt({ notBeforeMs, notAfterMs }: Certificate, times: readonly TrustedTime[]): void {
  for (const { atMs, source } of times) {
    if (notBeforeMs <= atMs && atMs <= notAfterMs) continue
    const [from, until, at] = [notBeforeMs, notAfterMs, atMs].map((ms) => new Date(ms).toISOString())
    throw certificateInvalid(`it was valid from ${from} until ${until}, and ${printable(source)} saw it used at ${at}`)
  }
}

const materials = new WeakMap<TrustedRoot, TrustMaterial>()

async function askLibrary(bundle: Bundle, leaf: Certificate, root: TrustedRoot): Promise<Signer> {
  const [{ Verifier, toSignedEntity }, { bundleFromJSON }] = await Promise.all([
    import('@sigstore/verify'),
    import('@sigstore/bundle'),
  ])
  const material = materials.get(root) ?? (await materialOf(root))
  materials.set(root, material)
  const entity = toSignedEntity(bundleFromJSON(bundle.json))
  try {
    return new Verifier(material, THRESHOLDS).verify(withDigestOf(leaf, bundle, entity))
  } catch (error) {
    throw verdictOf(error)
  }
}

/** @throws VerificationError `ROOT_INVALID` for what the library cannot read and we could. */
async function materialOf(root: TrustedRoot): Promise<TrustMaterial> {
  const [{ toTrustMaterial }, { TrustedRoot }] = await Promise.all([
    import('@sigstore/verify'),
    import('@sigstore/protobuf-specs'),
  ])
  try {
    return toTrustMaterial(TrustedRoot.fromJSON(root.json))
  } catch (error) {
    throw new VerificationError(
      'ROOT_INVALID',
      `cannot use the trusted root ${printable(root.name, 80)}: the Sigstore library cannot read it`,
      {
        hint: 'fetch the trusted_root.json of that Sigstore instance again',
        cause: error,
      },
    )
  }
}

/** The library takes SHA-256 for every key; with P-384, Sigstore signs SHA-384. */
function withDigestOf({ publicKey }: Certificate, bundle: Bundle, entity: SignedEntity): SignedEntity {
  const digest = digestFor(publicKey)
  if (digest !== 'sha384') return entity
  const { signature: content } = entity
  return {
    ...entity,
    signature: {
      signature: content.signature,
      compareSignature: (other) => content.compareSignature(other),
      compareDigest: (other) => content.compareDigest(other),
      compareSignedDigest: (other) => content.compareSignedDigest(other),
      verifySignature: (key) =>
        verify(digest, preAuthEncoding(bundle.payloadType, bundle.payload), key, bundle.signature),
    },
  }
}

/** The library's own codes in ours; what it did not plan stays what it is. */
function verdictOf(error: unknown): unknown {
  if (error instanceof PluginError || !(error instanceof Error) || !('code' in error)) return error
  const reason = printable(error.message, 200)
  switch (error.code) {
    case 'CERTIFICATE_ERROR':
    case 'PUBLIC_KEY_ERROR':
      return certificateInvalid(reason, error)
    case 'TLOG_BODY_ERROR':
    case 'TLOG_ERROR':
    case 'TLOG_INCLUSION_PROMISE_ERROR':
    case 'TLOG_INCLUSION_PROOF_ERROR':
    case 'TLOG_MISSING_INCLUSION_ERROR':
      return logInvalid(reason, error)
    case 'TIMESTAMP_ERROR':
      return timestampInvalid(reason, error)
    case 'SIGNATURE_ERROR':
      return signatureInvalid(reason)
    default:
      return error
  }
}
