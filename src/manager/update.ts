import type { StagedTarball } from '../core/archive.ts'
import { type PluginError, StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { ListedRelease } from '../core/listed-release.ts'
import type { PluginName } from '../core/name.ts'
import type { PassedOver, Resolution, ResolutionStep, Wanted } from '../core/resolution.ts'
import type { Widening } from '../core/widening.ts'
import type { Catalog } from '../registry/index.ts'
import { choose, ofNeeded } from './acquisition.ts'
import { fetchListed, openCatalog } from './catalog.ts'
import { failureOf } from './examination.ts'
import { type Host, nameOf } from './host.ts'
import { type Admission, type AdmitOptions, admit } from './install.ts'

export interface UpdateOptions extends AdmitOptions {
  /** The name of a configured registry, a folder or an address, in the place of all that are configured. */
  readonly registry?: string | undefined
  /** The range of versions to go to. */
  readonly to?: string | undefined
  /** Says what would be done; nothing is fetched. */
  readonly dryRun?: boolean | undefined
}

/** What became of one plugin. */
export interface UpdateResult {
  readonly name: PluginName
  /** `null`: it was not installed, and came because another one needs it. */
  readonly from: string | null
  /** `null`: there is nothing newer. */
  readonly to: string | null
  readonly outcome: 'updated' | 'installed' | 'current' | 'held' | 'waits' | 'failed' | 'planned'
  /** Why it was not updated, or not to the newest. */
  readonly reason: string | null
  /** What it asks for and nobody agreed to. */
  readonly widening: Widening | null
  readonly error: PluginError | null
  readonly passedOver: readonly PassedOver[]
}

/**
 * Named plugins, all or none of them chosen together; the first that cannot be brought in ends it, those before it stand.
 *
 * @throws StoreError `NOT_INSTALLED`, `WRONG_STATE` of one that is held or came from a file; PluginError of choice, registry or
 * verdict
 */
export async function update(host: Host, names: readonly string[], options: UpdateOptions): Promise<UpdateResult[]> {
  const present = names.map((text) => found(host, text))
  for (const one of present) assertUpdatable(host, one, options)
  const catalog = await openCatalog(host, options.registry ?? null)
  const { exact, wanted } = await wishes(present, options.to)
  const chosen = await choose(host, catalog, wanted, { ...options, isExact: exact })
  return bringAll(host, catalog, chosen, options)
}

/** Every plugin that came from a registry, each on its own: what one of them does to its update, the others are updated. */
export async function updateAll(host: Host, options: UpdateOptions): Promise<UpdateResult[]> {
  const catalog = await openCatalog(host, options.registry ?? null)
  const results = new Map<string, UpdateResult>()
  for (const { name } of host.store.list()) {
    const installation = host.store.find(name)
    if (installation === null || results.has(name) || (installation.source === null && options.registry === undefined))
      continue
    for (const result of await updateOne(host, catalog, installation, options)) {
      // What another one needs is looked at with it, too: nothing more became of it, or it came for that one.
      if (result.outcome === 'current' && results.has(result.name)) continue
      results.set(result.name, result)
    }
  }
  return [...results.values()]
}

async function updateOne(
  host: Host,
  catalog: Catalog,
  installation: Installation,
  options: UpdateOptions,
): Promise<UpdateResult[]> {
  const { name, version } = installation
  const hold = host.store.holds.of(name)
  if (hold !== null) return [resultOf({ name, from: version, to: null, outcome: 'held', reason: hold.reason })]
  try {
    const chosen = await choose(host, catalog, [{ name, range: null }], options)
    return await bringAll(host, catalog, chosen, options)
  } catch (thrown) {
    if (options.signal?.aborted === true) throw thrown
    // What was removed meanwhile is none of everything any more.
    if (host.store.find(name) === null) return []
    const error = failureOf(thrown, name)
    return [resultOf({ name, from: version, to: null, outcome: 'failed', reason: error.message, error })]
  }
}

/** What is needed first. */
async function bringAll(
  host: Host,
  catalog: Catalog,
  { steps }: Resolution<ListedRelease>,
  options: UpdateOptions,
): Promise<UpdateResult[]> {
  const results: UpdateResult[] = []
  const besides = steps.flatMap(({ name, candidate }) => (candidate === null ? [] : [name]))
  for (const step of steps) {
    const result = await bring(host, catalog, step, { ...options, besides })
    results.push(result)
    // What waits is not there for what needs it.
    if (result.outcome === 'waits') break
  }
  return results
}

async function bring(
  host: Host,
  catalog: Catalog,
  { name, version, from, candidate, passedOver, neededBy }: ResolutionStep<ListedRelease>,
  options: UpdateOptions,
): Promise<UpdateResult> {
  const told = { name, from, passedOver, reason: passedOver[0]?.reason ?? null }
  if (candidate === null) return resultOf({ ...told, to: null, outcome: 'current' })
  if (options.dryRun === true) return resultOf({ ...told, to: version, outcome: 'planned' })
  const tarball = await fetchListed(host, catalog, candidate, options)
  const asked =
    neededBy.length > 0 ? (host.store.find(name)?.asked ?? null) : (options.to ?? host.store.find(name)?.asked ?? null)
  const isUpdate = from !== null && neededBy.length === 0
  const said = neededBy.length > 0 ? ofNeeded(options) : options
  const admitted = await admitOnce(host, tarball, { ...said, listed: candidate, asked, isUpdate })
  if (admitted === null) return resultOf({ ...told, to: null, outcome: 'current', reason: BY_ANOTHER })
  if (admitted.kind === 'waits') return resultOf({ ...told, to: version, outcome: 'waits', widening: admitted.waits })
  return resultOf({ ...told, to: version, outcome: from === null ? 'installed' : 'updated' })
}

const BY_ANOTHER = 'another process has just brought it in'

/** `null`: somebody else was faster with the very same release. It was not here when it was chosen. */
async function admitOnce(host: Host, tarball: StagedTarball, options: AdmitOptions): Promise<Admission | null> {
  try {
    return await admit(host, tarball, options)
  } catch (error) {
    if (error instanceof StoreError && error.code === 'ALREADY_INSTALLED') return null
    throw error
  }
}

function resultOf(
  result: Pick<UpdateResult, 'name' | 'from' | 'to' | 'outcome' | 'reason'> & Partial<UpdateResult>,
): UpdateResult {
  return { widening: null, error: null, passedOver: [], ...result }
}

function found({ store }: Host, text: string): Installation {
  const installation = store.find(nameOf(text))
  if (installation !== null) return installation
  throw new StoreError('NOT_INSTALLED', `cannot update ${nameOf(text)}: it is not installed`, { hint: 'plugins list' })
}

function assertUpdatable({ store }: Host, { name, version, source }: Installation, { registry }: UpdateOptions): void {
  const hold = store.holds.of(name)
  if (hold !== null) {
    throw new StoreError('WRONG_STATE', `cannot update ${name}: it is held at ${version}`, {
      hint: `plugins unhold ${name}`,
    })
  }
  if (source !== null || registry !== undefined) return
  throw new StoreError('WRONG_STATE', `cannot update ${name}: it came from a file, not from a registry`, {
    hint: `plugins install X.tgz, or plugins update ${name} --registry R`,
  })
}

async function wishes(present: readonly Installation[], to: string | undefined) {
  const { parseRequest } = await import('../core/request.ts')
  const { SEMVER } = await import('../core/name.ts')
  const exact = to !== undefined && SEMVER.test(to)
  const wanted: Wanted[] = []
  for (const { name } of present) {
    const range = to === undefined ? null : (await parseRequest(`${name}@${to}`)).range
    wanted.push({ name, range, exact })
  }
  return { exact, wanted }
}
