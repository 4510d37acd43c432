import type { StagedTarball } from '../core/archive.ts'
import { sha256 } from '../core/digest.ts'
import { PluginError, StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { tarballName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import type { VerifiedRelease } from '../core/verified.ts'
import { orThrow } from '../verify/index.ts'
import { assertSameRelease } from './clearance.ts'
import { type Damage, recordedIn } from './damage.ts'
import type { Host } from './host.ts'

/** Why it takes the tarball. */
export interface Need {
  readonly damage: Damage
  /** Files that no version here has as they were signed. */
  readonly lacking: readonly string[]
}

export interface TarballSources {
  readonly from?: StagedTarball | undefined
  readonly fetch?: ((installation: Installation) => Promise<StagedTarball | null>) | undefined
}

/**
 * The release once more from its tarball: the very bytes that were installed, by the same signers, good under the trust policy
 * of this moment.
 *
 * @throws StoreError `REPAIR_FAILED` naming what is needed; PluginError with the code of the verdict
 */
export async function anewFrom(
  host: Host,
  installation: Installation,
  need: Need,
  sources: TarballSources,
): Promise<VerifiedRelease> {
  const tarball = await tarballOf(installation, need, sources)
  const release = await examined(host, installation, tarball)
  assertSameRelease(installation, release.verified)
  assertSameSigners(installation, release)
  assertSameReviewers(host, installation, release)
  return withItsList(host, installation, release)
}

async function tarballOf(
  installation: Installation,
  need: Need,
  { from, fetch }: TarballSources,
): Promise<StagedTarball> {
  if (from?.sha256 === installation.digest) return from
  // What is refused as it is would be refused again: nobody fetches for that.
  if (need.damage.kind === 'refused') throw need.damage.reason
  const fetched = fetch === undefined ? null : await fetchedBy(fetch, installation)
  if (fetched?.sha256 === installation.digest) return fetched
  throw lacks(installation, need, fetched === null ? null : `the registry gave sha256:${fetched.sha256}`)
}

async function fetchedBy(fetch: NonNullable<TarballSources['fetch']>, installation: Installation) {
  try {
    return await fetch(installation)
  } catch (error) {
    if (!(error instanceof PluginError) || error.code === 'INTERRUPTED') throw error
    const { name, version } = installation
    const rule = `cannot repair ${name} ${version}: its tarball cannot be fetched: ${error.message}`
    throw new StoreError('REPAIR_FAILED', rule, { cause: error, hint: hintFor(installation) })
  }
}

/** What let it in lets it in again: an older version, too, and one without a signature until its time is over. */
async function examined(host: Host, installation: Installation, tarball: StagedTarball): Promise<VerifiedRelease> {
  const { name, version, unsignedUntilMs } = installation
  const verifier = host.verifier()
  const wanted = { name, version, allowDowngrade: true }
  const { verdict } =
    unsignedUntilMs === null
      ? await verifier.examine(tarball, wanted)
      : await verifier.examineUnsigned(tarball, { name, untilMs: unsignedUntilMs }, wanted)
  return orThrow(verdict)
}

/** Another bundle about the same bytes may be good as well; whose word it is was agreed to when it was installed. */
function assertSameSigners({ name, version, signers }: Installation, { verified }: VerifiedRelease): void {
  const now = verified.signers.map(({ id }) => id)
  if (now.length === signers.length && now.every((id) => signers.includes(id))) return
  throw new StoreError(
    'REPAIR_FAILED',
    `cannot repair ${name} ${version}: it was installed as signed by ${listed(signers)}, and this bundle is signed by ${listed(now)}`,
    { hint: `to have it by these: plugins remove ${name} (its data stays), then install it` },
  )
}

/** Who looked at it was agreed to as well. More than those may have, by now. */
function assertSameReviewers({ store }: Host, installation: Installation, { verified }: VerifiedRelease): void {
  const { name, version, digest } = installation
  const agreed = store.approvals.of(name, digest)?.agreement ?? store.verdicts.of(name, version).install
  const now = verified.countersigners.map(({ id }) => id)
  const lost = (agreed?.countersigners ?? []).map(({ id }) => id).filter((id) => !now.includes(id))
  if (lost.length === 0) return
  throw new StoreError(
    'REPAIR_FAILED',
    `cannot repair ${name} ${version}: it was installed as countersigned by ${listed(lost)}, which this bundle is not`,
    { hint: `to have it without: plugins remove ${name} (its data stays), then install it` },
  )
}

const listed = (ids: readonly string[]): string => (ids.length === 0 ? 'nobody' : ids.join(', '))

/** A list that was recorded at install says when that was; of a new one the database knows nothing. */
function withItsList({ layout }: Host, installation: Installation, release: VerifiedRelease): VerifiedRelease {
  const { name, version, digest, filesDigest } = installation
  if (release.recorded === null && filesDigest === null) return release
  if (release.recorded !== null && sha256(release.recorded) === filesDigest) return release
  // @throws `MODIFIED`: then it is gone, and only an install writes another one.
  return { ...release, recorded: recordedIn(layout.release(name, version, digest), installation) }
}

const NAMED = 3

function lacks(installation: Installation, need: Need, fetched: string | null): StoreError {
  const { name, version, digest } = installation
  const found = fetched === null ? '' : `, and ${fetched}`
  return new StoreError(
    'REPAIR_FAILED',
    `cannot repair ${name} ${version}: ${reasonOf(need)}; needed is the tarball sha256:${digest}${found}`,
    { hint: hintFor(installation), details: { lacking: need.lacking.slice(0, LACKING_MAX) } },
  )
}

const LACKING_MAX = 1000

function reasonOf({ damage, lacking }: Need): string {
  if (damage.kind === 'evidence' || damage.kind === 'refused') {
    return printable(damage.reason.message.replace(/^cannot [^:]*: /, ''), 400)
  }
  const named = lacking.slice(0, NAMED).map((path) => printable(path, 80))
  const more = lacking.length > NAMED ? ` and ${lacking.length - NAMED} more` : ''
  return `no version here has ${named.join(', ')}${more} as signed`
}

const hintFor = ({ name, version }: Installation): string =>
  `plugins repair ${name} --from ${tarballName(name, version)}`
