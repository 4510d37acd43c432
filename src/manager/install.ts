import { setTimeout as sleep } from 'node:timers/promises'
import type { StagedTarball } from '../core/archive.ts'
import { assertGoTogether, assertHasWhatItNeeds, assertStillSatisfied } from '../core/dependents.ts'
import { PluginError, StoreError } from '../core/errors.ts'
import { type Installation, unsignedUntilOf } from '../core/installation.ts'
import { type EffectiveLimits, effectiveLimits, limitContextOf } from '../core/limits.ts'
import type { ListedRelease } from '../core/listed-release.ts'
import type { Manifest, Permissions } from '../core/manifest.ts'
import type { PluginName } from '../core/name.ts'
import { effectiveNetwork, type NetworkGrant } from '../core/network.ts'
import { printable } from '../core/printable.ts'
import type { Check, VerifiedRelease } from '../core/verified.ts'
import { versionRules } from '../core/version-range.ts'
import type { Widening } from '../core/widening.ts'
import { assertAsListed, fetchTarball } from '../registry/index.ts'
import { type Allowance, type Examination, parseAllowance } from '../verify/index.ts'
import { type ChangeOptions, change, WAIT_MS } from './change.ts'
import { assertClock } from './clock.ts'
import { type Agreed, agree, type ConsentOptions, type ConsentQuestion, type Decision, previewOf } from './consent.ts'
import { assertSupportedHere } from './engines.ts'
import { assertNotHeld } from './holds.ts'
import { type Host, nameOf } from './host.ts'
import { type Placed, type Placement, place } from './placing.ts'
import { assertStillHere, justRemoved } from './presence.ts'
import { finishRemoval } from './recovery.ts'
import { assertOldEnough } from './release-age.ts'
import { isSameTrust } from './roots.ts'
import { scanAgain } from './scanning.ts'
import { switchOver } from './switching.ts'
import { verifyInstalled } from './verification.ts'

export interface InstallOptions extends ChangeOptions, Omit<ConsentOptions, 'mode' | 'source' | 'isNeeded'> {
  /** Why it may not wait until it has been out for as long as this host asks; recorded. */
  readonly securityUpdate?: string | undefined
  readonly allowDowngrade?: boolean | undefined
  /**
   * Lets one plugin in without a signature: by its exact name, until a date or for a duration of at most 30 days, and only
   * where no rule of trust.json decides about the name. A bundle that is there is judged as ever.
   */
  readonly allowUnsigned?: { readonly name: string; readonly until: string } | undefined
}

/** How a release that a registry lists is let in. */
export interface AdmitOptions extends InstallOptions, Pick<ConsentOptions, 'mode' | 'isNeeded'> {
  /** What it was chosen by; without it, it came as a file. */
  readonly listed?: ListedRelease | undefined
  /** The range of versions that was asked for. */
  readonly asked?: string | null | undefined
  /** Of what is here: what is removed meanwhile does not come back by it. */
  readonly isUpdate?: boolean | undefined
  /** Others that the same command brings in another version. */
  readonly besides?: readonly string[] | undefined
  /** Agrees in the place of everybody, or throws. A lock file goes together; each of its plugins alone need not, on the way. */
  readonly byLock?: ((release: VerifiedRelease) => Agreed) | undefined
}

export type Admission =
  | { readonly kind: 'installed'; readonly report: InstallReport }
  /** An update that is wider than agreed; what is installed runs on. */
  | { readonly kind: 'waits'; readonly waits: Widening }

export interface InstallReport {
  readonly name: PluginName
  readonly version: string
  readonly sha256: string
  readonly signers: readonly string[]
  readonly unsignedUntil: string | null
  readonly permissions: Permissions
  readonly uid: number
  /** The version whose place it took. */
  readonly replaced: string | null
}

/**
 * DESIGN §4, install: thirteen steps in an order that must not change. Whatever goes wrong leaves nothing behind, and
 * never a weaker state than before.
 */
export async function install(host: Host, source: string, options: InstallOptions): Promise<InstallReport> {
  const admitted = await admit(host, await fetchTarball(source), { ...options, mode: 'ask' })
  if (admitted.kind === 'installed') return admitted.report
  throw new TypeError('an installation that asks does not wait')
}

/** The same for a tarball that was fetched. */
export async function admit(host: Host, tarball: StagedTarball, options: AdmitOptions): Promise<Admission> {
  const allowance = allowanceOf(host, options)
  let agreed: { readonly approval: Agreed; readonly to: Installation | null } | null = null
  for (const deadline = Date.now() + WAIT_MS; ; await sleep(100)) {
    try {
      assertClock(host)
      const { verdict, checks } = await examine(host, tarball, allowance, options)
      if (!verdict.ok) throw verdict.error
      const release = verdict.value
      await assertFits(host, release, options)
      host.store.assertNew(release)
      const before = host.store.find(release.manifest.name)
      if (before === null && options.isUpdate === true) throw justRemoved(release.manifest, 'update')
      // A lock file has its own word about what is held.
      if (before !== null && options.byLock === undefined) assertNotHeld(host, before, 'update')
      // Who agreed was shown what it takes the place of. When that is another one by now, they are asked again.
      if (agreed === null || agreed.to?.id !== before?.id) {
        const decision = await decide(host, release, options)
        if (decision.kind === 'waits') return decision
        agreed = { approval: decision, to: before }
        // Reading takes time. What was revoked meanwhile must not take the place of what is installed.
        if (!(await isSameTrust(host, release.verified))) continue
      }
      const stillFits = await fitting(host, release.manifest, options)
      const placed = await bring(
        host,
        placementOf(release, checks, agreed.approval, before, stillFits, options),
        options,
      )
      return { kind: 'installed', report: reportOf(placed, release) }
    } catch (error) {
      // Another process was faster: wait for it, and decide again about the host as it is then.
      if (error instanceof StoreError && error.code === 'STORE_BUSY' && Date.now() < deadline) {
        // No wider than what was agreed to then may be wider than what was agreed to meanwhile.
        if (agreed?.approval.way === 'unchanged') agreed = null
        continue
      }
      if (isRefusal(error))
        host.store.note('refused', printable(tarball.source, 400), { code: error.code, sha256: tarball.sha256 })
      throw error
    }
  }
}

/** Old enough, and agreed to. A lock file was reviewed: it names the very bytes, however young they are. */
async function decide(host: Host, release: VerifiedRelease, options: AdmitOptions): Promise<Decision> {
  if (options.byLock !== undefined) return options.byLock(release)
  assertOldEnough(host, release.verified, options)
  return agree(host, release, { ...options, source: options.listed?.registry ?? null })
}

/** What an install would come to and would ask; nothing is written. @throws PluginError with the code of the verdict */
export async function preview(host: Host, source: string, options: InstallOptions): Promise<ConsentQuestion> {
  assertClock(host)
  const { verdict } = await examine(host, await fetchTarball(source), allowanceOf(host, options), options)
  if (!verdict.ok) throw verdict.error
  const release = verdict.value
  await assertFits(host, release, options)
  host.store.assertNew(release)
  assertOldEnough(host, release.verified, options)
  return previewOf(host, release)
}

/** This host can run it, and it goes together with what is here. What a registry or a lock file named was chosen so. */
async function assertFits(host: Host, { manifest }: VerifiedRelease, { listed, byLock }: AdmitOptions): Promise<void> {
  if (listed !== undefined) assertAsListed(listed, manifest)
  await assertSupportedHere(host, manifest)
  if (listed !== undefined || byLock !== undefined) return
  const present = host.store.list()
  await assertHasWhatItNeeds(present, manifest)
  await assertStillSatisfied(present, manifest.name, manifest.version)
}

/** For the transaction that ends it: what it needs may be gone by then, who needs it come in, and a newer version come and gone. */
async function fitting(host: Host, { name, version, requires }: Manifest, options: AdmitOptions) {
  const { byLock, besides, allowDowngrade } = options
  const rules = await versionRules()
  return () => {
    const { highWater } = host.store.history(name)
    if (allowDowngrade !== true && highWater !== null && rules.compare(highWater, version) > 0) {
      throw new StoreError(
        'STORE_BUSY',
        `cannot install ${name} ${version}: another process has just had ${highWater}`,
        {
          hint: 'try again',
        },
      )
    }
    if (byLock === undefined) assertGoTogether(host.store.list(), { name, version, requires }, rules, besides)
  }
}

function placementOf(
  release: VerifiedRelease,
  checks: readonly Check[],
  approval: Agreed,
  before: Installation | null,
  assertFits: Placement['assertFits'],
  { listed, asked = null, allowDowngrade }: AdmitOptions,
): Placement {
  const source = listed?.registry ?? null
  return { release, checks, approval, before, source, asked, allowedDowngrade: allowDowngrade === true, assertFits }
}

/** Into place; or, when the very release is kept from before and is as it was signed, back to it. */
async function bring(host: Host, placement: Placement, options: InstallOptions): Promise<Placed> {
  const { release, before, approval } = placement
  const { name } = release.manifest
  const kept = host.store.kept(name).find(({ digest }) => digest === release.verified.statement.sha256)
  if (kept === undefined || before === null) return place(host, placement, options)
  const { error } = await verifyInstalled(host, kept)
  if (error !== null) {
    await change(host, name, 'gc', options, () => {
      assertStillHere(host, kept, 'install')
      return finishRemoval(host, host.store.drop(kept))
    })
    return place(host, placement, options)
  }
  await scanAgain(host, release)
  const switching = { kept, before, isRollback: false, restoresData: false, approval, assertFits: placement.assertFits }
  const { installation } = await switchOver(host, switching, options)
  return { installation, replaced: before }
}

function reportOf({ installation, replaced }: Placed, { verified: { signers } }: VerifiedRelease): InstallReport {
  return {
    name: installation.name,
    version: installation.version,
    sha256: installation.digest,
    signers: signers.map(({ id }) => id),
    unsignedUntil: unsignedUntilOf(installation),
    permissions: installation.consent,
    uid: installation.uid,
    replaced: replaced?.version ?? null,
  }
}

function allowanceOf({ now }: Host, { allowUnsigned }: InstallOptions): Allowance | null {
  return allowUnsigned === undefined ? null : parseAllowance(nameOf(allowUnsigned.name), allowUnsigned.until, now())
}

/** Steps 2 to 10. */
function examine(
  host: Host,
  tarball: StagedTarball,
  allowance: Allowance | null,
  { allowDowngrade }: InstallOptions,
): Promise<Examination<VerifiedRelease>> {
  const verifier = host.verifier()
  if (allowance === null) return verifier.examine(tarball, { allowDowngrade })
  return verifier.examineUnsigned(tarball, allowance, { allowDowngrade })
}

/** What this host would give the plugin today. */
export function limitsOf({ config }: Host, manifest: Manifest): EffectiveLimits {
  return effectiveLimits(manifest.limits, limitContextOf(config, manifest))
}

/** Who this host would let it reach today, of what was agreed to; `null`: that is what is being asked. */
export function networkOf({ config }: Host, manifest: Manifest, agreed: readonly string[] | null): NetworkGrant {
  return effectiveNetwork(config, manifest, { agreed })
}

/** Exit 3: a verdict about the tarball, not a failure of the host; that belongs into the trail of decisions. */
const isRefusal = (error: unknown): error is PluginError =>
  error instanceof PluginError && (error.exitCode === 3 || error.code === 'ROOT_NOT_FOUND')
