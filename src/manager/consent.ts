import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type Agreement, askedBy, type ConsentWay, modest, standing, type UnaskedRun } from '../core/agreement.ts'
import { type ChosenTerms, termsFor, uncovered } from '../core/consent-terms.ts'
import { type Sha256, sha256 } from '../core/digest.ts'
import { PluginError, UsageError } from '../core/errors.ts'
import { type Installation, unsignedUntilOf } from '../core/installation.ts'
import type { EffectiveLimits } from '../core/limits.ts'
import type { Permissions } from '../core/manifest.ts'
import type { PluginName } from '../core/name.ts'
import type { NetworkGrant } from '../core/network.ts'
import { printable } from '../core/printable.ts'
import type { Protocol, Runtime } from '../core/runtimes.ts'
import type { VerifiedRelease } from '../core/verified.ts'
import { type Widening, wideningOf } from '../core/widening.ts'
import { formatWidening } from '../core/widening-text.ts'
import type { KeptApproval, NewApproval } from '../store/index.ts'
import { readSafeFile } from '../verify/index.ts'
import { agreedBefore, basisOf } from './agreed-before.ts'
import type { Host } from './host.ts'
import { whoDecides } from './who.ts'

/** Everything that saying yes agrees to. */
export interface ConsentQuestion extends Pick<EffectiveLimits, 'limits' | 'cuts'> {
  readonly name: PluginName
  readonly version: string
  /** Of the tarball: yes to these bytes is no yes to others. */
  readonly sha256: Sha256
  readonly description: string | null
  readonly signers: readonly string[]
  readonly countersigners: readonly string[]
  /** ISO 8601: nobody signed it, and it is let in by name until then; `null`: it is signed. */
  readonly unsignedUntil: string | null
  /** `recorded`: no signer says which files it has; this host lists them when it comes. */
  readonly fileList: Agreement['fileList']
  /** Types of other tools' statements that count for it. */
  readonly predicates: readonly string[]
  readonly runtime: Runtime
  readonly protocol: Protocol
  /** What it runs without being started. */
  readonly hooks: readonly UnaskedRun[]
  /** The same: under which runtime, and with how much of the host, which can be more than `limits`. */
  readonly hookPrograms: Agreement['hooks']
  readonly permissions: Permissions
  /** What of `permissions.network` this host gives. */
  readonly network: NetworkGrant
  /** What this release asks for and nobody agreed to yet; `null` when none is installed. */
  readonly added: Permissions | null
  /** The same with everything else that is wider: limits, publisher, provenance, hooks; `null` when none is installed. */
  readonly widening: Widening | null
  /** What of it no grant and no policy agrees to; `null`: only that it is installed at all. */
  readonly missing: Widening | null
  /** `--grant` flags that would agree to `missing`, each a word for a shell; `null`: none can. */
  readonly grants: readonly string[] | null
  /** What is installed now, and who signed that; another signer may be a takeover. */
  readonly replaces: { readonly version: string; readonly signers: readonly string[] } | null
}

/** `yes`: without looking, as `--yes` does; `null`: there is nobody to ask. */
export type ConsentAnswer = boolean | 'yes' | null

export interface ConsentOptions {
  /** Asked at most once, after everything was verified and before anything is written; not where nothing is wider than agreed. */
  readonly consent?: ((question: ConsentQuestion) => ConsentAnswer | Promise<ConsentAnswer>) | undefined
  /** What is agreed to beforehand, such as `network=api.example.com:443`. */
  readonly grants?: readonly string[] | undefined
  /** Nobody named it: another one needs it. What `grants` agree to was said of what was named, and not of this. */
  readonly isNeeded?: boolean | undefined
  /** A file with a policy that takes the place of `consent` in `config.json`. */
  readonly consentFile?: string | undefined
  /** `hold`: an update that is wider than agreed is no question and no error, but waits. */
  readonly mode?: 'ask' | 'hold' | undefined
  /** The registry it came from; `null`: a file. */
  readonly source?: string | null | undefined
}

/** What is handed to `approvals.keepInside` in the transaction that installs it. */
export interface Agreed extends NewApproval {
  readonly kind: 'agreed'
}

export type Decision = Agreed | { readonly kind: 'waits'; readonly waits: Widening }

/**
 * Whether this release may come in with all that it asks for, and who says so. In this order: nothing is wider than what was
 * agreed to before; `--grant`; the policy; the question.
 *
 * @throws UsageError `CONSENT_REFUSED`; `CONSENT_NEEDED` naming what nobody agreed to, when there is nobody to ask
 */
export async function agree(
  host: Host,
  release: VerifiedRelease,
  options: ConsentOptions & { readonly mode?: 'ask' | undefined },
): Promise<Agreed>
export async function agree(host: Host, release: VerifiedRelease, options: ConsentOptions): Promise<Decision>
export async function agree(host: Host, release: VerifiedRelease, options: ConsentOptions): Promise<Decision> {
  const plea = pleaOf(host, release)
  const { agreement, wanted, installed, basis } = plea
  const agreed = (way: ConsentWay, by: string | null = null): Agreed => {
    const { name, version, sha256: digest } = release.verified.statement
    return { kind: 'agreed', name, version, sha256: digest, way, who: whoDecides(host), agreement, by, basis }
  }
  if (installed !== null && wanted === null) return agreed('unchanged')
  const grants = options.grants ?? []
  const left = grants.length === 0 ? wanted : await afterGrants(wanted, grants, options.isNeeded === true)
  if (grants.length > 0 && left === null) return agreed('granted')
  const policy = await policyFor(host, plea.name, options)
  const missing = left === null || policy === null ? left : uncovered(left, policy.terms)
  if (policy !== null && missing === null) return agreed('policy', `${policy.source}, ${policy.pattern}`)
  if (installed !== null && wanted !== null && options.mode === 'hold') {
    const { version, sha256: digest } = release.verified.statement
    const source = options.source ?? null
    host.store.approvals.wait({ name: plea.name, version, sha256: digest, source, widening: wanted })
    return { kind: 'waits', waits: wanted }
  }
  return agreed(await ask(release, plea, missing, options))
}

/** What would be asked, of a release that nobody is about to install. */
export function previewOf(host: Host, release: VerifiedRelease): ConsentQuestion {
  const plea = pleaOf(host, release)
  return questionOf(release, plea, plea.wanted, null)
}

/** A lock file that was reviewed agrees to one release, with these permissions. */
export function agreedByLock(host: Host, release: Vetted, permissions: Permissions, lockFile: string): Agreed {
  const { manifest, verified } = release
  const { agreement } = askedOf(host, release)
  const { name, version, sha256: digest } = verified.statement
  // What the operator's own policy adds to the list of the network stays, at the ports of what the lock file grants: it adds
  // nothing to a list of nothing. What the lock file leaves out does not stay.
  const ports = new Set(permissions.network.map(portOf))
  const network = agreement.permissions.network.filter(
    (to) => permissions.network.includes(to) || (!manifest.permissions.network.includes(to) && ports.has(portOf(to))),
  )
  return {
    kind: 'agreed',
    name,
    version,
    sha256: digest,
    way: 'lock',
    who: whoDecides(host),
    agreement: { ...agreement, permissions: { ...permissions, network } },
    by: printable(lockFile, 400),
    basis: null,
  }
}

/**
 * Whether what was agreed to is what this release asks for, and what that was compared with is what was agreed to last. The same
 * bytes may come with another bundle, and the policy may count other signers of the same one.
 */
export function isStillAgreed(host: Host, release: VerifiedRelease, { agreement, basis }: Agreed): boolean {
  const now = askedOf(host, release).agreement
  // An allowance for some days ends a moment later each time it is read.
  const bySigned = (one: Agreement) => ({ ...one, unsignedUntil: one.unsignedUntil !== null })
  return basisOf(host, release.manifest.name) === basis && isDeepStrictEqual(bySigned(now), bySigned(agreement))
}

function askedOf({ config }: Host, { manifest, verified }: Vetted): ReturnType<typeof askedBy> {
  const unsignedUntil = unsignedUntilOf({ unsignedUntilMs: verified.unsigned?.untilMs ?? null })
  return askedBy(config, manifest, { ...verified, unsignedUntil })
}

const portOf = (to: string): string => to.slice(to.lastIndexOf(':'))

/** What is to be known of a release to agree to it. */
type Vetted = Pick<VerifiedRelease, 'manifest' | 'verified'>

/** What a release asks for, beside what was agreed to. */
interface Plea extends ReturnType<typeof askedBy> {
  readonly name: PluginName
  readonly installed: Installation | null
  /** What is wider than what was agreed to; where none is installed, than a release that asks for nothing. */
  readonly wanted: Widening | null
  readonly basis: number | null
}

function pleaOf(host: Host, release: VerifiedRelease): Plea {
  const { name } = release.manifest
  const asked = askedOf(host, release)
  // What was removed is installed anew: taking it away took back what had been agreed to.
  const installed = host.store.find(name)
  if (installed === null) {
    const before = { ...modest(host.config, name, asked.agreement), ...ownersOfData(host, name) }
    const wanted = wideningOf(before, asked.agreement)
    return { ...asked, name, installed, wanted, basis: basisOf(host, name) }
  }
  const before = agreedBefore(host, installed, asked.agreement)
  const wanted = wideningOf(standing(host.config, name, before.agreement), asked.agreement)
  return { ...asked, name, installed, wanted, basis: before.basis }
}

/** Data that a removal left is its publisher's: whoever takes it over as another one is asked about, as at an update. */
function ownersOfData(host: Host, name: PluginName): Partial<Pick<Agreement, 'signers'>> {
  if (!existsSync(host.layout.data(name))) return {}
  const owner = lastInstalled(host, name) ?? host.store.approvals.latest(name)
  return owner === null ? {} : { signers: owner.agreement.signers }
}

/** What was removed, and not what was agreed to last: that may have been gone back from. */
function lastInstalled({ store }: Host, name: PluginName): KeptApproval | null {
  const version = store.events.latest(name, ['removing'])?.details.version
  const removed = typeof version === 'string' ? store.releases.find(name, version) : null
  return removed === null ? null : store.approvals.of(name, removed.sha256)
}

async function afterGrants(
  wanted: Widening | null,
  grants: readonly string[],
  isNeeded: boolean,
): Promise<Widening | null> {
  const { parseGrants } = await import('../core/grants.ts')
  const terms = parseGrants(grants)
  // Whoever published what was named chooses what it needs: that may come, but be given nothing in its name.
  return wanted === null || isNeeded ? wanted : uncovered(wanted, terms)
}

/** A file that is named stands instead of `config.json`: two policies are never added up. */
async function policyFor(
  { config, caller }: Host,
  name: PluginName,
  { consentFile }: ConsentOptions,
): Promise<(ChosenTerms & { readonly source: string }) | null> {
  if (consentFile === undefined) {
    const chosen = termsFor(config.consent, name)
    return chosen === null ? null : { ...chosen, source: 'config.json' }
  }
  const { CONSENT_MAX_BYTES, parseConsentPolicy } = await import('../core/consent-policy.ts')
  const shown = printable(consentFile, 400)
  // It decides what is agreed to, as config.json does, so nobody else may be able to write it.
  const bytes = readSafeFile(resolve(consentFile), caller.uid, CONSENT_MAX_BYTES)
  if (bytes === null) throw new PluginError('FILE_UNREADABLE', `cannot open ${shown}: it is not there`)
  const chosen = termsFor(parseConsentPolicy(bytes, shown), name)
  return chosen === null ? null : { ...chosen, source: `${shown} (sha256:${sha256(bytes)})` }
}

async function ask(
  release: VerifiedRelease,
  plea: Plea,
  missing: Widening | null,
  { consent }: ConsentOptions,
): Promise<ConsentWay> {
  const { grantsFor } = await import('../core/grants.ts')
  const grants = missing === null ? [] : grantsFor(missing)
  const question = questionOf(release, plea, missing, grants)
  if (consent !== undefined && typeof consent !== 'function')
    throw new UsageError('USAGE', `cannot ask whether to install ${question.name}: expected consent as a function`, {
      hint: `${AGREEING} agrees to what it asks for`,
    })
  const answer = consent === undefined ? null : await consent(question)
  if (answer === null) throw consentNeeded(question, consent === undefined)
  if (answer !== false) return answer === 'yes' ? 'yes' : 'asked'
  const { name, version } = release.manifest
  throw new UsageError('CONSENT_REFUSED', `cannot install ${name} ${version}: it was declined`)
}

function questionOf(
  { manifest, verified }: VerifiedRelease,
  { agreement, cuts, network, installed, wanted }: Plea,
  missing: Widening | null,
  grants: readonly string[] | null,
): ConsentQuestion {
  return {
    name: manifest.name,
    version: manifest.version,
    sha256: verified.statement.sha256,
    description: manifest.description ?? null,
    signers: agreement.signers.map(({ id }) => id),
    countersigners: agreement.countersigners.map(({ id }) => id),
    unsignedUntil: agreement.unsignedUntil,
    fileList: agreement.fileList,
    predicates: agreement.predicates,
    runtime: agreement.runtime,
    protocol: agreement.protocol,
    hooks: agreement.hooks.map(({ hook }) => hook),
    hookPrograms: agreement.hooks,
    permissions: manifest.permissions,
    network,
    added: installed === null ? null : (wanted?.permissions ?? { network: [], read: [], env: [] }),
    widening: installed === null ? null : wanted,
    missing,
    grants,
    replaces: installed === null ? null : { version: installed.version, signers: installed.signers },
    limits: agreement.limits,
    cuts,
  }
}

/** How a host application agrees. */
const AGREEING = '`consent: () => true`'

function consentNeeded({ name, version, missing, grants }: ConsentQuestion, isAlone: boolean): UsageError {
  const why = isAlone ? 'there is nobody to ask' : 'there is no terminal'
  const what = missing === null ? '' : `, and nobody has agreed to: ${formatWidening(missing)}`
  const flags = grants === null || grants.length === 0 ? '' : `; ${flagsOf(grants)} to no more than that`
  return new UsageError('CONSENT_NEEDED', `cannot ask whether to install ${name} ${version}: ${why}${what}`, {
    hint: `--yes${isAlone ? `, in a host application ${AGREEING},` : ''} agrees to what it asks for${flags}`,
    details: { missing, grants },
  })
}

/** A list of hundreds is no hint any more; `details` has it. */
const flagsOf = (grants: readonly string[]): string =>
  grants.length > 20 ? '--consent FILE' : grants.map((grant) => `--grant ${grant}`).join(' ')
