import { setTimeout as sleep } from 'node:timers/promises'
import type { StagedTarball } from '../core/archive.ts'
import { PluginError, StoreError, UsageError } from '../core/errors.ts'
import { type Installation, unsignedUntilOf } from '../core/installation.ts'
import { type EffectiveLimits, effectiveLimits, limitContextOf } from '../core/limits.ts'
import type { Manifest, Permissions } from '../core/manifest.ts'
import type { PluginName } from '../core/name.ts'
import { agreedNetwork, effectiveNetwork, type NetworkGrant } from '../core/network.ts'
import { printable } from '../core/printable.ts'
import type { VerifiedRelease } from '../core/verified.ts'
import { fetchTarball } from '../registry/index.ts'
import { type Allowance, type Examination, parseAllowance } from '../verify/index.ts'
import { type ChangeOptions, WAIT_MS } from './change.ts'
import { assertClock } from './clock.ts'
import { assertSupportedHere } from './engines.ts'
import { type Host, nameOf } from './host.ts'
import { type Placed, type Placement, place } from './placing.ts'
import { finishRemoval } from './recovery.ts'
import { isSameTrust } from './roots.ts'
import { switchOver } from './switching.ts'
import { verifyInstalled } from './verification.ts'

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

export interface InstallOptions extends ChangeOptions {
  /** Asked once, after everything was verified and before anything is written. */
  readonly consent: (question: ConsentQuestion) => boolean | Promise<boolean>
  readonly allowDowngrade?: boolean | undefined
  /**
   * Lets one plugin in without a signature: by its exact name, until a date or for a duration of at most 30 days, and only
   * where no rule of trust.json decides about the name. A bundle that is there is judged as ever.
   */
  readonly allowUnsigned?: { readonly name: string; readonly until: string } | undefined
  /** Where the tarball was fetched from, to be updated from there; without it, it is a file. */
  readonly registry?: string | undefined
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

/**
 * DESIGN §4, install: thirteen steps in an order that must not change. Whatever goes wrong leaves nothing behind, and
 * never a weaker state than before.
 */
export async function install(host: Host, source: string, options: InstallOptions): Promise<InstallReport> {
  return admit(host, await fetchTarball(source), options)
}

/** The same for a tarball that was read already, or fetched. */
export async function admit(host: Host, tarball: StagedTarball, options: InstallOptions): Promise<InstallReport> {
  const allowance = allowanceOf(host, options)
  let agreed: { readonly permissions: Permissions; readonly to: Installation | null } | null = null
  for (const deadline = Date.now() + WAIT_MS; ; await sleep(100)) {
    try {
      assertClock(host)
      const { verdict, checks } = await examine(host, tarball, allowance, options)
      if (!verdict.ok) throw verdict.error
      const release = verdict.value
      await assertSupportedHere(host, release.manifest)
      host.store.assertNew(release)
      const before = host.store.find(release.manifest.name)
      // Who agreed was shown what it takes the place of. When that is another one by now, they are asked again.
      if (agreed === null || agreed.to?.id !== before?.id) {
        agreed = { permissions: await askConsent(host, release, before, options), to: before }
        // Reading takes time. What was revoked meanwhile must not take the place of what is installed.
        if (!(await isSameTrust(host, release.verified))) continue
      }
      const placed = await bring(
        host,
        {
          release,
          checks,
          consent: agreed.permissions,
          before,
          source: options.registry ?? null,
          allowedDowngrade: options.allowDowngrade === true,
        },
        options,
      )
      return reportOf(placed, release)
    } catch (error) {
      // Another process was faster: wait for it, and decide again about the host as it is then.
      if (error instanceof StoreError && error.code === 'STORE_BUSY' && Date.now() < deadline) continue
      if (isRefusal(error))
        host.store.note('refused', printable(tarball.source, 400), { code: error.code, sha256: tarball.sha256 })
      throw error
    }
  }
}

/** Into place; or, when the very release is kept from before and is as it was signed, back to it. */
async function bring(host: Host, placement: Placement, options: InstallOptions): Promise<Placed> {
  const { release, before, consent, also } = placement
  const { name } = release.manifest
  const kept = host.store.kept(name).find(({ digest }) => digest === release.verified.statement.sha256)
  if (kept === undefined || before === null) return place(host, placement, options)
  const { error } = await verifyInstalled(host, kept)
  if (error !== null) {
    await finishRemoval(host, host.store.drop(kept))
    return place(host, placement, options)
  }
  const switching = { kept, before, isRollback: false, restoresData: false, consent, also }
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

async function askConsent(
  host: Host,
  release: VerifiedRelease,
  before: Installation | null,
  options: InstallOptions,
): Promise<Permissions> {
  const { manifest, verified } = release
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

/** Exit 3: a verdict about the tarball, not a failure of the host; that belongs into the trail of decisions. */
const isRefusal = (error: unknown): error is PluginError =>
  error instanceof PluginError && (error.exitCode === 3 || error.code === 'ROOT_NOT_FOUND')
