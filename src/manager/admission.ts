import { setTimeout as sleep } from 'node:timers/promises'
import type { StagedTarball } from '../core/archive.ts'
import { PluginError } from '../core/errors.ts'
import { type Installation, unsignedUntilOf } from '../core/installation.ts'
import type { Permissions } from '../core/manifest.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import type { Protocol } from '../core/runtimes.ts'
import type { Check, VerifiedRelease } from '../core/verified.ts'
import type { Widening } from '../core/widening.ts'
import { change, isAtWork, WAIT_MS } from './change.ts'
import { assertClock } from './clock.ts'
import { type Agreed, agree, type Decision, isStillAgreed } from './consent.ts'
import { assertNotHeld } from './holds.ts'
import type { Host } from './host.ts'
import { type Placed, type Placement, place } from './placing.ts'
import { assertStillHere, justRemoved } from './presence.ts'
import { finishRemoval } from './recovery.ts'
import { assertOldEnough } from './release-age.ts'
import { isSameTrust } from './roots.ts'
import { scanAgain } from './scanning.ts'
import { type Switching, switchOver } from './switching.ts'
import { verifyInstalled } from './verification.ts'
import { type Admitting, allowanceOf, assertFits, examine, fitting } from './vetting.ts'

/** An update that is wider than agreed; what is installed runs on. */
export interface Waiting {
  readonly kind: 'waits'
  readonly waits: Widening
}

export type Admission =
  | { readonly kind: 'installed'; readonly report: InstallReport; readonly placed: Placed }
  | Waiting

export interface InstallReport {
  readonly name: PluginName
  readonly version: string
  readonly sha256: string
  readonly signers: readonly string[]
  readonly unsignedUntil: string | null
  readonly permissions: Permissions
  /** What it speaks, and so how it is used. */
  readonly protocol: Protocol
  readonly uid: number
  /** The version whose place it took. */
  readonly replaced: string | null
}

/** Whoever agreed was shown what it would take the place of. */
export interface Assent {
  readonly kind: 'agreed'
  readonly approval: Agreed
  readonly to: Installation | null
}

/** A release that everything was asked about, and nothing done with. */
interface Considered {
  readonly release: VerifiedRelease
  readonly checks: readonly Check[]
  readonly before: Installation | null
  readonly assent: Assent
}

/** Everything that is decided on one tarball, beforehand: nothing is brought in. @throws PluginError with the code of the verdict */
export function decideOn(host: Host, tarball: StagedTarball, options: Admitting): Promise<Assent | Waiting> {
  return admitting(host, tarball, null, options, async ({ assent }) => assent)
}

/**
 * One tarball all the way. `assent`: what was decided on it before; it stands while what it would take the place of does.
 *
 * @throws PluginError with the code of the verdict, of consent, or of what went wrong; nothing is left behind then
 */
export function admit(
  host: Host,
  tarball: StagedTarball,
  options: Admitting,
  assent: Assent | null = null,
): Promise<Admission> {
  return admitting(host, tarball, assent, options, async (considered) => {
    const placed = await carryOut(host, considered, options)
    return { kind: 'installed', report: reportOf(placed, considered.release), placed }
  })
}

async function admitting<T>(
  host: Host,
  tarball: StagedTarball,
  assent: Assent | null,
  options: Admitting,
  then: (considered: Considered) => Promise<T>,
): Promise<T | Waiting> {
  const allowance = allowanceOf(host, options)
  let agreed = assent
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
      if (agreed === null || !stands(host, agreed, release, before)) {
        const decision = await decide(host, release, options)
        if (decision.kind === 'waits') return decision
        agreed = { kind: 'agreed', approval: decision, to: before }
        // Reading takes time. What was revoked meanwhile must not take the place of what is installed.
        if (!(await isSameTrust(host, release.verified))) continue
      }
      return await then({ release, checks, before, assent: agreed })
    } catch (error) {
      // Another process was faster: wait for it, and decide again about the host as it is then.
      if (isAtWork(error) && Date.now() < deadline) continue
      if (isRefusal(error))
        host.store.note('refused', printable(tarball.source, 400), { code: error.code, sha256: tarball.sha256 })
      throw error
    }
  }
}

/** Who agreed was shown what it asks for, and what it takes the place of. When one of them is another by now, they are asked again. */
function stands(host: Host, { approval, to }: Assent, release: VerifiedRelease, before: Installation | null): boolean {
  // SQLite gives the number of a row that is gone to the next.
  const isSame = to?.id === before?.id && to?.installedAtMs === before?.installedAtMs
  return isSame && isStillAgreed(host, release, approval)
}

/** Old enough, and agreed to. A lock file was reviewed: it names the very bytes, however young they are. */
async function decide(host: Host, release: VerifiedRelease, options: Admitting): Promise<Decision> {
  if (options.byLock !== undefined) return options.byLock(release)
  assertOldEnough(host, release.verified, options)
  return agree(host, release, { ...options, source: options.listed?.registry ?? null })
}

/** Into place; or, when the very release is kept from before and is as it was signed, back to it. */
async function carryOut(host: Host, considered: Considered, options: Admitting): Promise<Placed> {
  const placement = await placementOf(host, considered, options)
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
  const { assertFits, source, asked } = placement
  const origin = { source, asked }
  const switching: Switching = { kept, before, way: 'forth', restoresData: false, approval, origin, assertFits }
  const { installation } = await switchOver(host, switching, options)
  return { installation, replaced: before, keptData: null }
}

function reportOf(
  { installation, replaced }: Placed,
  { manifest, verified: { signers } }: VerifiedRelease,
): InstallReport {
  return {
    name: installation.name,
    version: installation.version,
    sha256: installation.digest,
    signers: signers.map(({ id }) => id),
    unsignedUntil: unsignedUntilOf(installation),
    permissions: installation.consent,
    protocol: manifest.protocol,
    uid: installation.uid,
    replaced: replaced?.version ?? null,
  }
}

async function placementOf(host: Host, considered: Considered, options: Admitting): Promise<Placement> {
  const { release, checks, before, assent } = considered
  const { listed, asked = null, allowDowngrade, mayGoBack = false } = options
  return {
    release,
    checks,
    before,
    approval: assent.approval,
    source: listed?.registry ?? null,
    asked,
    allowedDowngrade: allowDowngrade === true,
    assertFits: await fitting(host, release.manifest, before, options),
    keep: host.config.keepVersions - 1,
    mayGoBack,
  }
}

/** Exit 3: a verdict about the tarball, not a failure of the host; that belongs into the trail of decisions. */
const isRefusal = (error: unknown): error is PluginError =>
  error instanceof PluginError && (error.exitCode === 3 || error.code === 'ROOT_NOT_FOUND')
