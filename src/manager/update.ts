import { type PluginError, StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { ListedRelease } from '../core/listed-release.ts'
import type { PluginName } from '../core/name.ts'
import type { PassedOver, Resolution, ResolutionStep, Wanted } from '../core/resolution.ts'
import type { Widening } from '../core/widening.ts'
import type { Catalog } from '../registry/index.ts'
import { choose, ofNeeded } from './acquisition.ts'
import { type Arrival, bringTogether, type Coming } from './bringing.ts'
import { openCatalog } from './catalog.ts'
import { failureOf } from './examination.ts'
import { assertNotHeld } from './holds.ts'
import type { Host } from './host.ts'
import { nameOf } from './plugin-name.ts'
import type { AdmitOptions } from './vetting.ts'

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
  /** What it asks for and nobody agreed to; `null` of one that waits: it goes together with one that does. */
  readonly widening: Widening | null
  readonly error: PluginError | null
  readonly passedOver: readonly PassedOver[]
}

/**
 * Named plugins, chosen together and decided on before the first is brought in; those that need each other go together or stay.
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
    if (installation === null || isDone(results.get(name))) continue
    if (installation.source === null && options.registry === undefined) continue
    for (const result of await updateOne(host, catalog, installation, options)) {
      // What another one needs is looked at with it, too. That it would have waited with that one tells nothing of it alone.
      const known = results.get(result.name)
      if (known !== undefined && !isDone(result) && (isDone(known) || result.outcome === 'current')) continue
      results.set(result.name, result)
    }
  }
  return [...results.values()]
}

const isDone = (result: UpdateResult | undefined): boolean =>
  result !== undefined && ['updated', 'installed', 'planned'].includes(result.outcome)

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

/** What is needed first; a result for each, whatever is done to it. */
async function bringAll(
  host: Host,
  catalog: Catalog,
  { steps }: Resolution<ListedRelease>,
  options: UpdateOptions,
): Promise<UpdateResult[]> {
  const besides = steps.flatMap(({ name, candidate }) => (candidate === null ? [] : [name]))
  const coming = steps.flatMap((step) => comingOf(host, step, { ...options, besides }))
  const arrivals = options.dryRun === true ? [] : await bringTogether(host, catalog, coming)
  const became = new Map(coming.map(({ candidate: { name } }, at) => [name, arrivals[at] ?? null]))
  return steps.map((step) => resultFor(step, became.get(step.name) ?? null))
}

function comingOf(
  host: Host,
  { name, from, candidate, neededBy }: ResolutionStep<ListedRelease>,
  options: UpdateOptions & Pick<AdmitOptions, 'besides'>,
): Coming[] {
  if (candidate === null) return []
  const before = host.store.find(name)?.asked ?? null
  const isNeeded = neededBy.length > 0
  const asked = isNeeded ? before : (options.to ?? before)
  const isUpdate = from !== null && !isNeeded
  return [{ candidate, options: { ...(isNeeded ? ofNeeded(options) : options), listed: candidate, asked, isUpdate } }]
}

/** `arrival` of what comes; `null`: nothing was to be done. */
function resultFor(
  { name, version, from, candidate, passedOver }: ResolutionStep<ListedRelease>,
  arrival: Arrival | null,
): UpdateResult {
  const told = { name, from, passedOver, reason: passedOver[0]?.reason ?? null }
  if (candidate === null) return resultOf({ ...told, to: null, outcome: 'current' })
  const to = version
  switch (arrival?.kind) {
    case undefined:
      return resultOf({ ...told, to, outcome: 'planned' })
    case 'waits':
      return resultOf({ ...told, to, outcome: 'waits', widening: arrival.waits })
    case 'stays':
      return resultOf({ ...told, to, outcome: 'waits', reason: `goes together with ${arrival.for}, which waits` })
    case 'here':
      return resultOf({ ...told, to: null, outcome: 'current', reason: 'another process has just brought it in' })
    case 'installed':
      return resultOf({ ...told, to, outcome: from === null ? 'installed' : 'updated' })
  }
}

function resultOf(
  result: Pick<UpdateResult, 'name' | 'from' | 'to' | 'outcome' | 'reason'> & Partial<UpdateResult>,
): UpdateResult {
  return { widening: null, error: null, passedOver: [], ...result }
}

function found({ store }: Host, text: string): Installation {
  const name = nameOf(text)
  const installation = store.find(name)
  if (installation !== null) return installation
  throw new StoreError('NOT_INSTALLED', `cannot update ${name}: it is not installed`, {
    hint: `plugins install ${name}`,
  })
}

function assertUpdatable(host: Host, installation: Installation, { registry }: UpdateOptions): void {
  assertNotHeld(host, installation, 'update')
  const { name, source } = installation
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
