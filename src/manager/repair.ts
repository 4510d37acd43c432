import type { StagedTarball } from '../core/archive.ts'
import { PluginError, StoreError, VerificationError } from '../core/errors.ts'
import type { Installation, InstallationState } from '../core/installation.ts'
import { packageOf } from '../core/layout.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import type { Differences, Judged, UnpackedTree } from '../store/index.ts'
import { type ChangeOptions, change, type Steps } from './change.ts'
import { assertClock } from './clock.ts'
import { type Damage, damageOf } from './damage.ts'
import { freshen } from './freshening.ts'
import type { Host } from './host.ts'
import { neighbours } from './neighbours.ts'
import { nameOf } from './plugin-name.ts'
import { isStillHere } from './presence.ts'
import { anewFrom } from './repair-tarball.ts'

export interface RepairOptions extends ChangeOptions {
  /** The tarball of a release that is damaged. */
  readonly from?: StagedTarball | undefined
  /** Gets it from where it came from; `null`: it came from a file, or is not there any more. */
  readonly fetch?: ((installation: Installation) => Promise<StagedTarball | null>) | undefined
  /** Says what would be done. */
  readonly dryRun?: boolean | undefined
}

/** What has become of one version. */
export interface RepairedRelease {
  readonly name: PluginName
  readonly version: string
  readonly state: InstallationState
  /** `repairable`: a dry run says so. */
  readonly outcome: 'good' | 'repaired' | 'repairable' | 'failed'
  /** Where its files are from: what is here, or its tarball. */
  readonly by: 'files' | 'tarball' | null
  readonly found: Differences
  readonly error: PluginError | null
}

export interface RepairReport {
  readonly isDryRun: boolean
  readonly releases: readonly RepairedRelease[]
  /** Folders that no row speaks of. Nothing is ever adopted; `gc` removes them. */
  readonly strangers: readonly { readonly name: PluginName; readonly version: string; readonly path: string }[]
  /** What has no name of ours. */
  readonly foreign: readonly string[]
}

const NOTHING: Differences = { modified: [], missing: [], extra: [] }

/**
 * Looks at every file of what is installed and kept, and puts right what is not as it was signed. What stays in quarantine stays
 * there until `enable` lets it out. One that cannot be repaired does not keep the others.
 *
 * @throws StoreError `NOT_INSTALLED`; what could not be repaired is in the report
 */
export async function repair(host: Host, text: string | null, options: RepairOptions = {}): Promise<RepairReport> {
  assertClock(host)
  const name = text === null ? null : nameOf(text)
  const names = name === null ? host.store.names() : [name]
  const versions = names.flatMap((one) => versionsOf(host, one))
  if (name !== null && versions.length === 0) {
    throw new StoreError('NOT_INSTALLED', `cannot repair ${name}: it is not installed`, { hint: 'plugins list' })
  }
  if (options.from !== undefined) assertIsOfOne(options.from, versions)
  const releases: RepairedRelease[] = []
  for (const installation of versions) {
    const repaired = await repairOne(host, installation, options)
    // Nothing is to be told of what another process has removed meanwhile.
    if (repaired.outcome !== 'failed' || isStillHere(host, installation)) releases.push(repaired)
  }
  const repaired = releases.filter(({ outcome }) => outcome === 'repaired').map((one) => one.name)
  for (const one of new Set(repaired)) await freshen(host, one)
  const { releasesWithoutRow, foreign } = await host.store.inventory({
    layout: host.layout,
    nowMs: Date.now(),
    isBusy: (one) => host.store.changes.of(one) !== null,
    ...(name === null ? {} : { only: name }),
  })
  const strangers = releasesWithoutRow.map(({ name, version, path }) => ({ name, version, path }))
  return { isDryRun: options.dryRun === true, releases, strangers, foreign }
}

const versionsOf = ({ store }: Host, name: PluginName): Installation[] => {
  const active = store.find(name)
  return [...(active === null ? [] : [active]), ...store.kept(name)]
}

function assertIsOfOne({ source, sha256 }: StagedTarball, versions: readonly Installation[]): void {
  if (versions.some(({ digest }) => digest === sha256)) return
  const wanted = versions.map(({ name, version, digest }) => `${name} ${version} is sha256:${digest}`)
  throw new VerificationError(
    'DIGEST_MISMATCH',
    `cannot repair from ${printable(source, 400)}: it is sha256:${sha256}, and nothing here was installed from it`,
    { details: { wanted: wanted.slice(0, WANTED_MAX) } },
  )
}

const WANTED_MAX = 20

async function repairOne(host: Host, installation: Installation, options: RepairOptions): Promise<RepairedRelease> {
  const { name, version, state } = installation
  const told = { name, version, state, by: null, found: NOTHING, error: null }
  try {
    const damage = await damageOf(host, installation)
    if (damage.kind === 'none') return { ...told, outcome: 'good' }
    const found = foundIn(damage)
    if (options.dryRun === true) return { ...told, found, ...(await planned(host, installation, damage, options)) }
    return await change(host, name, 'repair', options, (steps) => putRight(host, installation, steps, options))
  } catch (error) {
    if (!(error instanceof PluginError) || error.code === 'INTERRUPTED') throw error
    return { ...told, outcome: 'failed', error }
  }
}

const foundIn = (damage: Damage): Differences => (damage.kind === 'files' ? damage.found : NOTHING)

async function planned(host: Host, installation: Installation, damage: Damage, options: RepairOptions) {
  assertNotRunning(host, installation)
  const beside = await neighbours(host, installation.name)
  const lacking = damage.kind === 'files' ? await host.trees.lacking(damage.judged, beside) : []
  if (damage.kind === 'files' && lacking.length === 0) return { outcome: 'repairable', by: 'files' } as const
  await anewFrom(host, installation, { damage, lacking }, options)
  return { outcome: 'repairable', by: 'tarball' } as const
}

/** The new tree is made beside the old one, looked at, and takes its place as a whole. Nothing of the plugin starts meanwhile. */
async function putRight(
  host: Host,
  before: Installation,
  steps: Steps,
  options: RepairOptions,
): Promise<RepairedRelease> {
  const { store, trees, layout } = host
  const installation = store.at(before.id)
  // Its row goes before its files do: what is made anew for one that is on its way out would be nobody's.
  if (installation === null || !isStillHere(host, before)) {
    throw new StoreError('WRONG_STATE', `cannot repair ${before.name} ${before.version}: it was removed meanwhile`)
  }
  const { name, version, state } = installation
  const told = { name, version, state, error: null }
  // Again, now that nobody else changes it.
  const damage = await damageOf(host, installation)
  if (damage.kind === 'none') return { ...told, outcome: 'good', by: null, found: NOTHING }
  const { tree, by, judged } = await makeTree(host, installation, damage, steps, options)
  await assertWhole(host, installation, tree, judged)
  steps.proceed()
  store.changes.quieten(steps.change, () => assertNotRunning(host, installation))
  await trees.replace(tree, installation)
  const { files } = judged.verified.statement
  const seal = await trees.seal(packageOf(layout.release(name, version, installation.digest)), files)
  if (seal !== null) store.reseal(installation, seal)
  const found = foundIn(damage)
  const counts = Object.fromEntries(Object.entries(found).map(([what, paths]) => [what, paths.length]))
  const reason = damage.kind === 'files' ? {} : { reason: printable(damage.reason.message, 600) }
  store.note('repaired', name, { version, sha256: installation.digest, by, ...counts, ...reason })
  return { ...told, outcome: 'repaired', by, found }
}

interface Made {
  readonly tree: UnpackedTree
  readonly by: 'files' | 'tarball'
  readonly judged: Judged
}

/** Of what this host still has as it was signed, and else of the tarball. */
async function makeTree(
  host: Host,
  installation: Installation,
  damage: Exclude<Damage, { kind: 'none' }>,
  steps: Steps,
  options: RepairOptions,
): Promise<Made> {
  const beside = await neighbours(host, installation.name)
  const onStage = (folder: string) => steps.note('make its files anew', { undo: 'discard', folder })
  const lacking = damage.kind === 'files' ? await host.trees.lacking(damage.judged, beside) : []
  if (damage.kind === 'files' && lacking.length === 0) {
    return { tree: await host.trees.restore(damage.judged, beside, { onStage }), by: 'files', judged: damage.judged }
  }
  const release = await anewFrom(host, installation, { damage, lacking }, options)
  const { onProgress } = options
  return { tree: await host.trees.unpack(release, { beside, onProgress, onStage }), by: 'tarball', judged: release }
}

async function assertWhole(host: Host, { name, version }: Installation, tree: UnpackedTree, judged: Judged) {
  const found = await host.trees.recheck(tree, judged)
  const wrong = [...found.modified, ...found.missing, ...found.extra]
  if (wrong.length === 0) return
  throw new StoreError(
    'REPAIR_FAILED',
    `cannot repair ${name} ${version}: what was made anew is not what was signed (${wrong.slice(0, 3).join(', ')})`,
    { hint: 'is the disk failing?', details: { ...found } },
  )
}

/** Its tree is what it runs from. */
function assertNotRunning({ store }: Host, { name, version }: Installation): void {
  const running = store.runs.open().filter(({ run, alive }) => alive && run.name === name && run.version === version)
  if (running.length === 0) return
  throw new StoreError(
    'WRONG_STATE',
    `cannot repair ${name} ${version}: it is running (${running.length} at the moment)`,
    { hint: `end it first: plugins stop ${name}`, details: { pids: running.map(({ pid }) => pid) } },
  )
}
