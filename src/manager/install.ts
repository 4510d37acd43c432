import { setTimeout as sleep } from 'node:timers/promises'
import type { StagedTarball } from '../core/archive.ts'
import { PluginError, StoreError, UsageError } from '../core/errors.ts'
import { type Installation, unsignedUntilOf } from '../core/installation.ts'
import { packageOf } from '../core/layout.ts'
import { type EffectiveLimits, effectiveLimits, limitContextOf } from '../core/limits.ts'
import type { Manifest, Permissions } from '../core/manifest.ts'
import type { PluginName } from '../core/name.ts'
import { agreedNetwork, effectiveNetwork, type NetworkGrant } from '../core/network.ts'
import { printable } from '../core/printable.ts'
import { withUndo } from '../core/undo.ts'
import type { Check, VerifiedRelease } from '../core/verified.ts'
import { fetchTarball } from '../registry/index.ts'
import { type Allowance, type Examination, parseAllowance } from '../verify/index.ts'
import { assertClock } from './clock.ts'
import { acceptance } from './evidence.ts'
import { type Host, nameOf } from './host.ts'
import { finishRemoval } from './recovery.ts'
import { isSameTrust } from './roots.ts'
import { scan } from './scanning.ts'

/** Everything that saying yes agrees to. */
export interface ConsentQuestion extends Pick<EffectiveLimits, 'limits' | 'cuts'> {
  readonly name: PluginName
  readonly version: string
  readonly description: string | null
  readonly signers: readonly string[]
  /** ISO 8601: nobody signed it, and it is let in by name until then; `null`: it is signed. */
  readonly unsignedUntil: string | null
  readonly permissions: Permissions
  /** What of `permissions.network` this host gives. */
  readonly network: NetworkGrant
  /** What this release asks for and the installed one did not; `null` when none is installed. */
  readonly added: Permissions | null
  /** What is installed now, and who signed that; another signer may be a takeover. */
  readonly replaces: { readonly version: string; readonly signers: readonly string[] } | null
}

export interface InstallOptions {
  /** Asked once, after everything was verified and before anything is written. */
  readonly consent: (question: ConsentQuestion) => boolean | Promise<boolean>
  readonly allowDowngrade?: boolean | undefined
  /**
   * Lets one plugin in without a signature: by its exact name, until a date or for a duration of at most 30 days, and only
   * where no rule of trust.json decides about the name. A bundle that is there is judged as ever.
   */
  readonly allowUnsigned?: { readonly name: string; readonly until: string } | undefined
}

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

/** How long an install waits for another one of the same plugin, in milliseconds. */
const WAIT_MS = 30_000

/**
 * DESIGN §4, install: thirteen steps in an order that must not change. Whatever goes wrong leaves nothing behind, and
 * never a weaker state than before.
 */
export async function install(host: Host, source: string, options: InstallOptions): Promise<InstallReport> {
  const allowance = allowanceOf(host, options)
  const tarball = await fetchTarball(source)
  let agreed: Permissions | null = null
  for (const deadline = Date.now() + WAIT_MS; ; await sleep(100)) {
    try {
      assertClock(host)
      const { verdict, checks } = await examine(host, tarball, allowance, options)
      if (!verdict.ok) throw verdict.error
      const release = verdict.value
      assertSupported(release.manifest)
      host.store.assertNew(release)
      if (agreed === null) {
        agreed = await askConsent(host, release, options)
        // Reading takes time. What was revoked meanwhile must not take the place of what is installed.
        if (!(await isSameTrust(host, release.verified))) continue
      }
      return await place(host, release, checks, agreed, options)
    } catch (error) {
      // Another process was faster: wait for it, and decide again about the host as it is then.
      if (error instanceof StoreError && error.code === 'STORE_BUSY' && Date.now() < deadline) continue
      if (isRefusal(error))
        host.store.note('refused', printable(source, 400), { code: error.code, sha256: tarball.sha256 })
      throw error
    }
  }
}

/** Steps 12 and 13: unpack, let the operator's scanners look, rename into place, one transaction. */
async function place(
  host: Host,
  release: VerifiedRelease,
  checks: readonly Check[],
  consent: Permissions,
  options: InstallOptions,
): Promise<InstallReport> {
  const { store, trees } = host
  const { statement, signers } = release.verified
  const seen = store.history(statement.name).highWater
  const { installation, replaced } = await withUndo(async (undo) => {
    const begun = store.begin(release, consent, seen)
    undo.add(() => store.forget(begun))

    const tree = await trees.unpack(release)
    undo.add(() => trees.discard(tree))

    await scan(host, release, tree)

    await trees.promote(tree, begun)
    undo.add(() => trees.remove(begun))

    const path = host.layout.release(begun.name, begun.version, begun.digest)
    const seal = await trees.seal(packageOf(path), statement.files)
    const highWater = await newest(seen, statement.version)
    const allowedDowngrade = options.allowDowngrade === true
    return store.settle(begun, { seal, highWater, allowedDowngrade, verdict: acceptance(release.verified, checks) })
  })
  // The new release stands whatever happens now: what it replaced is finished by the next command if not here.
  if (replaced !== null) await finishRemoval(host, replaced).catch(() => store.abandon(replaced))
  return {
    name: installation.name,
    version: installation.version,
    sha256: installation.digest,
    signers: signers.map(({ id }) => id),
    unsignedUntil: unsignedUntilOf(installation),
    permissions: consent,
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

async function askConsent(host: Host, release: VerifiedRelease, options: InstallOptions): Promise<Permissions> {
  const { manifest, verified } = release
  const before = host.store.find(manifest.name)
  const { limits, cuts } = limitsOf(host, manifest)
  const network = networkOf(host, manifest, null)
  const asked = { ...manifest.permissions, network: agreedNetwork(manifest.permissions.network, network) }
  const isAgreed = await options.consent({
    name: manifest.name,
    version: manifest.version,
    description: manifest.description ?? null,
    signers: verified.signers.map(({ id }) => id),
    unsignedUntil: unsignedUntilOf({ unsignedUntilMs: verified.unsigned?.untilMs ?? null }),
    permissions: manifest.permissions,
    network,
    added: before === null ? null : widening(before, asked),
    replaces: before === null ? null : { version: before.version, signers: before.signers },
    limits,
    cuts,
  })
  if (isAgreed) return asked
  throw new UsageError('CONSENT_REFUSED', `cannot install ${manifest.name} ${manifest.version}: it was declined`)
}

function widening(before: Installation, asked: Permissions): Permissions {
  const added = (key: keyof Permissions) => asked[key].filter((value) => !before.consent[key].includes(value))
  return { network: added('network'), read: added('read'), env: added('env') }
}

/** What this host would give the plugin today. */
export function limitsOf({ config }: Host, manifest: Manifest): EffectiveLimits {
  return effectiveLimits(manifest.limits, limitContextOf(config, manifest))
}

/** Who this host would let it reach today, of what was agreed to; `null`: that is what is being asked. */
export function networkOf({ config }: Host, manifest: Manifest, agreed: readonly string[] | null): NetworkGrant {
  return effectiveNetwork(config, manifest, { agreed })
}

/** `linux/amd64` here, `x64` in Node. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'linux/amd64', arm64: 'linux/arm64' }

/** Before anything is written: a plugin that can never run here is not installed here. */
function assertSupported({ name, version, platforms }: Manifest): void {
  const here = ARCHITECTURES[process.arch]
  if (platforms !== undefined && (here === undefined || !platforms.some((platform) => platform === here))) {
    throw new PluginError(
      'PLATFORM_UNSUPPORTED',
      `cannot install ${name} ${version}: it is made for ${platforms.join(', ')}, this host is ${here ?? process.arch}`,
    )
  }
}

async function newest(seen: string | null, version: string): Promise<string> {
  if (seen === null) return version
  const { default: compare } = await import('semver/functions/compare-build.js')
  return compare(version, seen) > 0 ? version : seen
}

/** Exit 3: a verdict about the tarball, not a failure of the host; that belongs into the trail of decisions. */
const isRefusal = (error: unknown): error is PluginError =>
  error instanceof PluginError && (error.exitCode === 3 || error.code === 'ROOT_NOT_FOUND')
