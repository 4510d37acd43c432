import { VerificationError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import type { ReleaseStatement } from '../core/statement.ts'
import type { Signer } from '../core/verified.ts'
import type { Bundle } from './bundle.ts'
import type { KnownKey, TrustPolicy } from './policy.ts'
import type { Rule } from './policy-document.ts'
import { parseStatement, sameStatement } from './statement.ts'

/** A bundle and the key of the trust policy that its hint names. */
export interface Claim extends KnownKey {
  readonly bundle: Bundle
}

/**
 * Step 3. A name in the bundle only *selects* a key that the operator entered; it never brings one.
 * @throws VerificationError `SIGNER_NOT_TRUSTED`
 */
export function findSigners(bundles: readonly Bundle[], policy: TrustPolicy, name: PluginName | undefined): Claim[] {
  return bundles.map((bundle) => {
    if (bundle.material.kind === 'certificate') throw keyless()
    const { hint } = bundle.material
    const known = policy.keyOf(hint)
    if (known !== null) return { bundle, ...known }
    const revoked = policy.revocationOf(hint)
    throw new VerificationError(
      'SIGNER_NOT_TRUSTED',
      `cannot trust the signer ${printable(hint, 80)}: trust.json names no such key` +
        (revoked ? `; it was revoked at ${revoked.at} (${printable(revoked.reason)})` : ''),
      { hint: trustHint(name), details: { signer: printable(hint, 200) } },
    )
  })
}

/**
 * Step 5. Only for claims whose signatures were checked. All must state the same: one statement then selects the policy,
 * and no other can be in the same file.
 * @throws VerificationError `STATEMENT_INVALID`
 */
export function agreedStatement(claims: readonly Claim[]): ReleaseStatement {
  const [first, ...others] = claims
  if (first === undefined) throw new VerificationError('STATEMENT_INVALID', 'cannot find a signed statement')
  const statement = parseStatement(first.bundle.payloadType, first.bundle.payload)
  for (const { bundle, publicKey } of others) {
    // Equal bytes need no second parse: signers of one release usually sign the very same payload.
    const isSame = bundle.payloadType === first.bundle.payloadType && bundle.payload.equals(first.bundle.payload)
    if (isSame || sameStatement(statement, parseStatement(bundle.payloadType, bundle.payload))) continue
    throw new VerificationError(
      'STATEMENT_INVALID',
      `cannot accept the signed statements: expected all signers to state the same, found that ${publicKey.id} does not`,
      {
        hint: 'a further signer signs the statement of the first: its bundle goes below the first, one a line, in TARBALL.sigstore.jsonl',
      },
    )
  }
  return statement
}

/**
 * Step 5: the one rule for the stated name, and the claims of principals it lists. Others do not count.
 * @throws VerificationError `SIGNER_NOT_TRUSTED`
 */
export function countedClaims(
  claims: readonly Claim[],
  policy: TrustPolicy,
  name: PluginName,
): [Rule, readonly Claim[]] {
  const rule = policy.ruleFor(name)
  if (rule === null) {
    throw new VerificationError(
      'SIGNER_NOT_TRUSTED',
      `cannot trust anybody for ${name}: trust.json has no rule for it`,
      {
        hint: trustHint(name),
      },
    )
  }
  const counted = claims.filter(({ principal }) => rule.principals.includes(principal.id))
  if (counted.length > 0) return [rule, counted]
  const signers = claims.map(({ publicKey }) => publicKey.id).join(', ')
  const expected = rule.principals.length === 0 ? 'nobody' : `one of ${rule.principals.slice(0, 5).join(', ')}`
  throw new VerificationError(
    'SIGNER_NOT_TRUSTED',
    `cannot trust the signer of ${name}: the rule for ${rule.pattern} expects ${expected}, found ${signers}`,
    { hint: trustHint(name), details: { signers: claims.map(({ publicKey }) => publicKey.id) } },
  )
}

/**
 * Step 6: over distinct principals, so that two keys of one person are one signer.
 * @throws VerificationError `THRESHOLD_NOT_MET`
 */
export function assertThreshold(rule: Rule, counted: readonly Claim[], name: PluginName): Signer[] {
  const principals = new Set(counted.map(({ principal }) => principal.id))
  if (principals.size < rule.threshold) {
    throw new VerificationError(
      'THRESHOLD_NOT_MET',
      `cannot accept ${name}: the rule for ${rule.pattern} expects ${rule.threshold} distinct signers, found ` +
        `${principals.size} (${[...principals].join(', ')})`,
      {
        hint: 'ask for the missing signatures: each signs the same statement; their bundles go into TARBALL.sigstore.jsonl, one a line',
      },
    )
  }
  const signers = counted.map(({ principal, publicKey }) => ({ id: publicKey.id, principal: principal.id }))
  return [...new Map(signers.map((signer) => [signer.id, signer])).values()]
}

/**
 * Step 7: any revoked key among those that count refuses the release, also when others would be enough: somebody who
 * holds a revoked key took part in it.
 * @throws VerificationError `KEY_REVOKED`, `RELEASE_REVOKED`
 */
export function assertNotRevoked(counted: readonly Claim[], policy: TrustPolicy, statement: ReleaseStatement): void {
  for (const { principal, publicKey } of counted) {
    const revoked = policy.revocationOf(publicKey.id, principal.id)
    if (revoked === null) continue
    throw new VerificationError(
      'KEY_REVOKED',
      `cannot trust ${publicKey.id}: it was revoked at ${revoked.at} (${printable(revoked.reason)})`,
      { hint: 'ask the publisher for a release signed with a new key', details: { revocation: revoked } },
    )
  }
  const { name, version, sha256 } = statement
  const revoked = policy.revocationOf(`${name}@${version}`, `sha256:${sha256}`)
  if (revoked === null) return
  throw new VerificationError(
    'RELEASE_REVOKED',
    `cannot accept ${name} ${version}: it was revoked at ${revoked.at} (${printable(revoked.reason)})`,
    { hint: 'choose another version', details: { revocation: revoked } },
  )
}

/**
 * Step 7, new installs only: what was installed while a key was valid goes on running after it.
 * @throws VerificationError `KEY_EXPIRED`
 */
export function assertWithinValidity(counted: readonly Claim[], now: Date): void {
  for (const { key, publicKey } of counted) {
    const isEarly = key.validFrom !== undefined && now.getTime() < Date.parse(key.validFrom)
    const isLate = key.validUntil !== undefined && now.getTime() >= Date.parse(key.validUntil)
    if (!isEarly && !isLate) continue
    throw new VerificationError(
      'KEY_EXPIRED',
      `cannot trust ${publicKey.id}: it is valid ${isEarly ? `from ${key.validFrom}` : `until ${key.validUntil}`}, ` +
        `and it is ${now.toISOString()}`,
      { hint: isEarly ? 'is the clock of this host right?' : 'ask the publisher for a release signed with a new key' },
    )
  }
}

function keyless(): VerificationError {
  return new VerificationError(
    'SIGNER_NOT_TRUSTED',
    'cannot trust the signer: expected a key, found a certificate (keyless signing), which this version cannot verify',
    { hint: 'ask the publisher for a bundle signed with a key; keyless signatures come with a later version' },
  )
}

function trustHint(name: PluginName | undefined): string {
  const pattern = name === undefined ? 'NAMESPACE/*' : `${name.slice(0, name.indexOf('/'))}/*`
  return `if you know this signer and have its public key: plugins trust add SIGNER.pub --for '${printable(pattern)}'`
}
