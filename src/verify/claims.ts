import { VerificationError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import { type Attestation, parseAttestation } from './attestation.ts'
import type { Bundle } from './bundle.ts'
import { preAuthEncoding } from './dsse.ts'
import { verifySignature, verifyThoroughly } from './ed25519.ts'
import type { CertificateIdentity } from './keyless/identity.ts'
import type { KeylessProof, TrustedTime } from './keyless/keyless.ts'
import type { TrustedRoot } from './keyless/trusted-root.ts'
import type { KnownIdentity, KnownKey, KnownSigner, TrustPolicy } from './policy.ts'
import { wholeIds } from './revocation-target.ts'
import type { Roots } from './roots.ts'
import { shellWord } from './shell-word.ts'

/** A bundle, and the key or identity of the trust policy that it names. Nothing of it is proven yet. */
export interface Claim {
  readonly bundle: Bundle
  readonly signer: KnownSigner
}

/** A claim whose signature was checked, and when trusted third parties saw it. */
export interface Proof extends Claim {
  readonly times: readonly TrustedTime[]
  /** What a transparency log says of it; `null` for a key. */
  readonly log: string | null
  /** Who was asked for that. */
  readonly roots: readonly TrustedRoot[]
}

/** A proof, and what it states. */
export interface Witness extends Proof {
  readonly attestation: Attestation
}

/** The latest moment a trusted third party saw it at: nobody can have signed it after the earliest, or before it was seen. */
export const seenAtMs = ({ times }: Proof): number | null =>
  times.length === 0 ? null : Math.max(...times.map(({ atMs }) => atMs))

/** The ids that a revocation of this signer may name. */
export const idsOf = ({ signer }: Claim): readonly string[] => [signer.id, ...wholeIds(signer.principal)]

/**
 * Step 3. What a bundle says of its signer only *selects* a key or identity that the operator entered; it never brings one.
 * @throws VerificationError `SIGNER_NOT_TRUSTED`, `CERTIFICATE_INVALID`
 */
export async function findSigners(
  bundles: readonly Bundle[],
  policy: TrustPolicy,
  name: PluginName | undefined,
): Promise<Claim[]> {
  const claims: Claim[] = []
  for (const bundle of bundles) {
    const { material } = bundle
    const signer =
      material.kind === 'key'
        ? findKey(material.hint, policy, name)
        : findIdentity(await identityIn(material.der), policy, name)
    claims.push({ bundle, signer })
  }
  return claims
}

async function identityIn(der: Buffer): Promise<CertificateIdentity> {
  // Loaded for certificates alone: whoever trusts keys never pays for it.
  const { readIdentity } = await import('./keyless/identity.ts')
  return readIdentity(der)
}

function findKey(hint: string, policy: TrustPolicy, name: PluginName | undefined): KnownKey {
  const known = policy.keyOf(hint)
  if (known !== null) return known
  throw untrusted(hint, `the signer ${printable(hint, 80)}: trust.json names no such key`, policy, keyHint(name))
}

function findIdentity(found: CertificateIdentity, policy: TrustPolicy, name: PluginName | undefined): KnownIdentity {
  const { issuer, identity } = found
  // Nobody has verified the certificate yet: its words are its own.
  const shown = `of a certificate that says ${printable(identity, 300)}, by ${printable(issuer, 200)}`
  const known = policy.identityOf(issuer, identity)
  if (known === null) {
    const id = `${issuer} ${identity}`
    throw untrusted(
      id,
      `the signer ${shown} (not verified): trust.json names no such identity`,
      policy,
      identityHint(found, name),
    )
  }
  assertSameNumbers(known, found)
  return known
}

/** A name can be given up and taken by somebody else; the numbers behind it are given once. */
function assertSameNumbers({ identity, id }: KnownIdentity, found: CertificateIdentity): void {
  for (const [key, what] of [
    ['repositoryId', 'repository'],
    ['ownerId', 'owner'],
  ] as const) {
    if (identity[key] === undefined || identity[key] === found[key]) continue
    throw new VerificationError(
      'SIGNER_NOT_TRUSTED',
      `cannot trust the signer ${printable(id, 300)}: expected the ${what} number ${identity[key]}, ` +
        `found ${found[key] === null ? 'none' : printable(found[key], 40)}`,
      {
        hint: `somebody else may have taken over that ${what}'s name: ask the publisher before anything is changed`,
        details: { signer: printable(id, 600), [key]: printable(found[key] ?? '', 40) },
      },
    )
  }
}

function untrusted(id: string, what: string, policy: TrustPolicy, hint: string): VerificationError {
  const revoked = policy.revocationOf([id])
  const was = revoked ? `; it was revoked at ${revoked.at} (${printable(revoked.reason)})` : ''
  return new VerificationError('SIGNER_NOT_TRUSTED', `cannot trust ${what}${was}`, {
    hint,
    details: { signer: printable(id, 600), ...(revoked ? { revocation: revoked } : {}) },
  })
}

const patternHint = (name: PluginName | undefined): string =>
  printable(name === undefined ? 'NAMESPACE/*' : `${name.slice(0, name.indexOf('/'))}/*`)

export const keyHint = (name: PluginName | undefined): string =>
  `if you know this signer and have its public key: plugins trust add SIGNER.pub --for '${patternHint(name)}'`

const identityHint = ({ issuer, identity }: CertificateIdentity, name: PluginName | undefined): string =>
  `if you know that this is the publisher: plugins trust add --keyless --issuer ${shellWord(issuer, 'URL')} ` +
  `--identity ${shellWord(identity, 'SAN')} --for '${patternHint(name)}'`

/** How a claim is proven: at install by two verifiers and every timestamp, before a run by what decides there. */
export interface Proving {
  readonly source: string
  readonly roots: Roots
  readonly thorough: boolean
  /** Whether any revocation asks when the signer of a claim has signed. */
  readonly asksWhen: (claim: Claim) => boolean
}

/**
 * Step 4: the signature over the bytes, with the key or certificate of the signer that was found.
 * @throws VerificationError `SIGNATURE_INVALID`, `CERTIFICATE_INVALID`, `LOG_INVALID`, `TIMESTAMP_INVALID`, `ROOT_NOT_FOUND`
 */
export async function prove(claim: Claim, proving: Proving): Promise<Proof> {
  const { signer } = claim
  if (signer.kind === 'keyless') return proveIdentity(claim, signer, proving)
  const message = preAuthEncoding(claim.bundle.payloadType, claim.bundle.payload)
  const check = proving.thorough ? verifyThoroughly : verifySignature
  if (!(await check(signer.publicKey, message, claim.bundle.signature))) {
    throw new VerificationError(
      'SIGNATURE_INVALID',
      `cannot trust ${printable(proving.source)}: its signature is not one that ${signer.id} made over these bytes`,
      { hint: 'the bundle was changed or damaged: fetch tarball and bundle again' },
    )
  }
  // A run asks the clocks of others only where something hangs on the answer.
  const isAsked = claim.bundle.timestamps.length > 0 && (proving.thorough || proving.asksWhen(claim))
  if (!isAsked) return { ...claim, times: [], log: null, roots: [] }
  const { verifyTimestamps } = await import('./keyless/keyless.ts')
  const roots = await proving.roots.all()
  return { ...claim, times: await verifyTimestamps(claim.bundle, roots), log: null, roots }
}

async function proveIdentity(claim: Claim, signer: KnownIdentity, { roots }: Proving): Promise<Proof> {
  const root = await roots.find(signer.root)
  const { verifyKeyless } = await import('./keyless/keyless.ts')
  const { identity, times, log } = await verifyKeyless(claim.bundle, root)
  assertSameIdentity(signer, identity)
  return { ...claim, times, log: `${log}, by the root ${root.name}`, roots: [root] }
}

/** Asked again of what was verified: what selected the signer was read from bytes that nobody had vouched for. */
function assertSameIdentity(signer: KnownIdentity, found: KeylessProof['identity']): void {
  const { issuer, identity } = signer.identity
  if (found.issuer !== issuer || found.identity !== identity) {
    throw new VerificationError(
      'VERIFIER_ERROR',
      `cannot verify a certificate: expected ${printable(signer.id, 300)}, found ` +
        `${printable(found.issuer, 200)} ${printable(found.identity, 300)} once it was verified`,
      { hint: 'report this: two readers of one certificate disagree' },
    )
  }
  assertSameNumbers(signer, found)
}

/** Step 5, and no sooner: no parser meets a payload that nobody vouched for. @throws VerificationError `STATEMENT_INVALID` */
export const witnessOf = (proof: Proof): Witness => ({
  ...proof,
  attestation: parseAttestation(proof.bundle.payloadType, proof.bundle.payload),
})
