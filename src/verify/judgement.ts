import { VerificationError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import type { ReleaseStatement } from '../core/statement.ts'
import type { Signer } from '../core/verified.ts'
import { idsOf, keyHint, seenAtMs, type Witness } from './claims.ts'
import type { TrustPolicy } from './policy.ts'
import type { Revocation, Rule } from './policy-document.ts'
import { shellWord } from './shell-word.ts'

/** Whose word counts under the one rule for a name: as signers, and as countersigners. */
export interface Counted {
  readonly rule: Rule
  readonly signers: readonly Witness[]
  readonly countersigners: readonly Witness[]
}

const shownIds = (witnesses: readonly Witness[]): string =>
  witnesses.map(({ signer }) => printable(signer.id, 300)).join(', ')

/**
 * Step 5: the one rule for the stated name, and what is signed by principals it lists, as a kind it accepts. Other
 * signatures do not count. A countersignature never counts as a signature, whoever made it.
 * @throws VerificationError `SIGNER_NOT_TRUSTED`, `PREDICATE_NOT_ACCEPTED`
 */
export function countedBy(policy: TrustPolicy, witnesses: readonly Witness[], name: PluginName): Counted {
  const rule = policy.ruleFor(name)
  if (rule === null) {
    throw new VerificationError(
      'SIGNER_NOT_TRUSTED',
      `cannot trust anybody for ${name}: trust.json has no rule for it`,
      { hint: keyHint(name) },
    )
  }
  const countersigners = witnesses.filter(
    ({ attestation, signer }) =>
      attestation.kind === 'countersignature' && rule.countersigners?.includes(signer.principal.id) === true,
  )
  const publishing = witnesses.filter(({ attestation }) => attestation.kind !== 'countersignature')
  const listed = publishing.filter(({ signer }) => rule.principals.includes(signer.principal.id))
  const signers = listed.filter(({ attestation }) => isAccepted(rule, attestation))
  if (signers.length > 0) {
    assertOwnStatement(publishing, signers, rule, name)
    return { rule, signers, countersigners }
  }
  if (listed.length > 0) throw notAccepted(rule, listed, name)
  const expected = rule.principals.length === 0 ? 'nobody' : `one of ${rule.principals.slice(0, 5).join(', ')}`
  const found = publishing.length === 0 ? `only a countersignature (${shownIds(witnesses)})` : shownIds(publishing)
  throw new VerificationError(
    'SIGNER_NOT_TRUSTED',
    `cannot trust the signer of ${name}: the rule for ${rule.pattern} expects ${expected}, found ${found}`,
    { hint: keyHint(name), details: { signers: witnesses.map(({ signer }) => printable(signer.id, 600)) } },
  )
}

/**
 * A statement of ours says which files there are. Beside one of another tool, anybody whom this host knows for other names
 * could add theirs: it would speak for a publisher who said nothing of files, and no revocation of its signer be asked for.
 */
function assertOwnStatement(
  publishing: readonly Witness[],
  signers: readonly Witness[],
  { pattern }: Rule,
  name: PluginName,
): void {
  const isRelease = ({ attestation }: Witness) => attestation.kind === 'release'
  const releases = publishing.filter(isRelease)
  if (releases.length === 0 || signers.some(isRelease)) return
  throw new VerificationError(
    'SIGNER_NOT_TRUSTED',
    `cannot trust the statement about ${name}: the rule for ${pattern} does not list who signed it (${shownIds(releases)})`,
    { hint: keyHint(name), details: { signers: releases.map(({ signer }) => printable(signer.id, 600)) } },
  )
}

const isAccepted = ({ predicates = [] }: Rule, attestation: Witness['attestation']): boolean =>
  attestation.kind === 'release' ||
  (attestation.kind === 'foreign' && predicates.includes(attestation.statement.predicateType))

function notAccepted(rule: Rule, listed: readonly Witness[], name: PluginName): VerificationError {
  const found = listed.flatMap(({ attestation }) =>
    attestation.kind === 'foreign' ? [attestation.statement.predicateType] : [],
  )
  const types = found.map((type) => printable(type, 300))
  return new VerificationError(
    'PREDICATE_NOT_ACCEPTED',
    `cannot accept ${name}: the rule for ${rule.pattern} accepts ` +
      `${['our own statements', ...(rule.predicates ?? [])].join(', ')}, found ${types.join(', ')}`,
    {
      hint: `a statement of another tool counts where a rule accepts its type: plugins trust add … --predicate ${shellWord(found[0] ?? '', 'TYPE')}`,
      details: { predicates: types },
    },
  )
}

const principalsOf = (witnesses: readonly Witness[]): ReadonlySet<string> =>
  new Set(witnesses.map(({ signer }) => signer.principal.id))

/** By credential, each once. */
export const signersOf = (witnesses: readonly Witness[]): readonly Signer[] => [
  ...new Map(
    witnesses.map(({ signer }) => [signer.id, { id: signer.id, kind: signer.kind, principal: signer.principal.id }]),
  ).values(),
]

/** Types of other tools' statements among these, each once and in order. */
export const predicatesOf = (witnesses: readonly Witness[]): readonly string[] =>
  [
    ...new Set(
      witnesses.flatMap(({ attestation }) =>
        attestation.kind === 'foreign' ? [attestation.statement.predicateType] : [],
      ),
    ),
  ].sort()

/** The latest moment that third parties tell of any of these signatures; `null`: of none. */
export function lastSeenAtMs(witnesses: readonly Witness[]): number | null {
  const moments = witnesses.flatMap((witness) => seenAtMs(witness) ?? [])
  return moments.length === 0 ? null : Math.max(...moments)
}

/**
 * Step 6: over distinct principals, so that two keys of one person are one signer.
 * @throws VerificationError `THRESHOLD_NOT_MET`
 */
export function assertThreshold({ rule, signers }: Counted, name: PluginName): string {
  const principals = principalsOf(signers)
  const needed = `${rule.threshold} needed signer${rule.threshold === 1 ? '' : 's'}`
  if (principals.size >= rule.threshold) return `${principals.size} of ${needed}`
  throw new VerificationError(
    'THRESHOLD_NOT_MET',
    `cannot accept ${name}: the rule for ${rule.pattern} expects ${rule.threshold} distinct signers, found ` +
      `${principals.size} (${[...principals].join(', ')})`,
    { hint: 'ask for the missing signatures: plugins sign TARBALL --key KEY adds one to the bundle' },
  )
}

/**
 * Step 6, for those who review and do not publish.
 * @throws VerificationError `COUNTERSIGNATURE_MISSING`
 */
export function assertCountersigned({ rule, countersigners }: Counted, name: PluginName): string | null {
  if (rule.countersignatures === undefined) return null
  const principals = principalsOf(countersigners)
  if (principals.size >= rule.countersignatures) {
    return `${principals.size} of ${rule.countersignatures} needed: ${[...principals].join(', ')}`
  }
  const expected = rule.countersigners?.slice(0, 5).join(', ') || 'nobody'
  throw new VerificationError(
    'COUNTERSIGNATURE_MISSING',
    `cannot accept ${name}: the rule for ${rule.pattern} expects ${rule.countersignatures} of ${expected} to countersign, ` +
      `found ${principals.size}`,
    { hint: 'ask them to look at the release; they sign with: plugins sign TARBALL --key KEY --countersign' },
  )
}

/**
 * Step 7: any revoked credential among those that count refuses the release, also when others would be enough: somebody
 * who holds a revoked key took part in it.
 * @throws VerificationError `KEY_REVOKED`, `RELEASE_REVOKED`
 */
export async function assertNotRevoked(
  { signers, countersigners }: Pick<Counted, 'signers' | 'countersigners'>,
  policy: TrustPolicy,
  statement: ReleaseStatement,
): Promise<string> {
  let spared = ''
  for (const witness of [...signers, ...countersigners]) {
    const ids = idsOf(witness)
    const at = seenAtMs(witness)
    const revoked = policy.revocationOf(ids, at)
    if (revoked !== null) throw revokedSigner(witness, revoked, at)
    const since = policy.revocationOf(ids)
    if (since !== null && at !== null) {
      spared = `; ${printable(witness.signer.id, 300)} is revoked since ${since.since}, and signed at ${new Date(at).toISOString()}`
    }
  }
  const { name, version } = statement
  const revoked = await policy.releaseRevocationOf(statement)
  if (revoked === null) return `neither a signer nor the release is revoked${spared}`
  const whole = revoked.target === `${name}@${version}` || revoked.target.startsWith('sha256:')
  throw new VerificationError(
    'RELEASE_REVOKED',
    `cannot accept ${name} ${version}: ${whole ? 'it' : printable(revoked.target)} was revoked at ${revoked.at} (${printable(revoked.reason)})`,
    { hint: 'choose another version', details: { revocation: revoked } },
  )
}

function revokedSigner({ signer }: Witness, revoked: Revocation, at: number | null): VerificationError {
  const id = printable(signer.id, 300)
  const when =
    revoked.since === undefined
      ? `it was revoked at ${revoked.at}`
      : `it counts as compromised since ${revoked.since}, and ${at === null ? 'no trusted timestamp says when it signed' : `it signed at ${new Date(at).toISOString()}`}`
  return new VerificationError('KEY_REVOKED', `cannot trust ${id}: ${when} (${printable(revoked.reason)})`, {
    hint: 'ask the publisher for a release signed with a new key',
    details: { revocation: revoked },
  })
}

/**
 * Step 7, new installs only: what was installed while a credential was valid goes on running after it.
 * @throws VerificationError `KEY_EXPIRED`
 */
export function assertWithinValidity({ signers, countersigners }: Counted, now: Date): void {
  for (const { signer } of [...signers, ...countersigners]) {
    const { validFrom, validUntil } = signer.window
    const isEarly = validFrom !== undefined && now.getTime() < Date.parse(validFrom)
    const isLate = validUntil !== undefined && now.getTime() >= Date.parse(validUntil)
    if (!isEarly && !isLate) continue
    throw new VerificationError(
      'KEY_EXPIRED',
      `cannot trust ${printable(signer.id, 300)}: it is valid ${isEarly ? `from ${validFrom}` : `until ${validUntil}`}, ` +
        `and it is ${now.toISOString()}`,
      { hint: isEarly ? 'is the clock of this host right?' : 'ask the publisher for a release signed with a new key' },
    )
  }
}
