import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import { latestFor } from '../core/release-choice.ts'
import type { Catalog } from '../registry/index.ts'
import { type ChoiceOptions, choose, presentOn } from './acquisition.ts'
import { openCatalog } from './catalog.ts'
import { failureOf } from './examination.ts'
import type { Host } from './host.ts'
import { nameOf } from './plugin-name.ts'

export interface OutdatedOptions {
  readonly registry?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** One installed plugin against what its registry lists. */
export interface OutdatedPlugin {
  readonly name: PluginName
  readonly version: string
  /** The registry it came from; `null`: a file, and an update has to be told where to look. */
  readonly source: string | null
  /** What an update would go to; `null`: it stays. */
  readonly update: string | null
  /** The newest there is; `null`: the registry was not asked, or could not be. */
  readonly newest: string | null
  /** Why it would not go to the newest. */
  readonly reason: string | null
  readonly held: boolean
  /** The version that waits for somebody to agree. */
  readonly waits: string | null
  readonly deprecated: string | null
}

/** So many registries' answers are waited for at once. */
const AT_ONCE = 8

/** Every plugin that came from a registry, or those that are named; none of them is changed. */
export async function outdated(
  host: Host,
  names: readonly string[],
  options: OutdatedOptions = {},
): Promise<OutdatedPlugin[]> {
  const catalog = await openCatalog(host, options.registry ?? null)
  const wanted = new Set<string>(names.map(nameOf))
  const present = host.store
    .list()
    .filter(({ name, source }) =>
      wanted.size > 0 ? wanted.has(name) : source !== null || options.registry !== undefined,
    )
  const results: OutdatedPlugin[] = new Array(present.length)
  const next = present.entries()
  const waiting = new Map(host.store.approvals.waiting().map((one) => [one.name as string, one.version]))
  const shared = { present: presentOn(host), signal: options.signal }
  const work = async () => {
    for (const [at, installation] of next)
      results[at] = await look(host, catalog, installation, waiting.get(installation.name) ?? null, shared)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return results
}

async function look(
  host: Host,
  catalog: Catalog,
  { name, version, source }: Installation,
  waits: string | null,
  shared: ChoiceOptions,
): Promise<OutdatedPlugin> {
  const hold = host.store.holds.of(name)
  const told = { name, version, source, held: hold !== null, waits, deprecated: null }
  try {
    const releases = await catalog.releases(name, shared)
    const newest = (await latestFor(releases, null))?.version ?? null
    const deprecated = releases.find((one) => one.version === version)?.deprecated ?? null
    if (hold !== null)
      return {
        ...told,
        deprecated,
        update: null,
        newest,
        reason: hold.reason === null ? 'held' : `held: ${hold.reason}`,
      }
    const step = await stepOf(host, catalog, name, shared)
    const update = step?.candidate === null ? null : (step?.version ?? null)
    const passed = step?.passedOver.find((one) => one.version === newest)?.reason ?? null
    return { ...told, deprecated, update, newest, reason: passed }
  } catch (thrown) {
    if (shared.signal?.aborted === true) throw thrown
    return { ...told, update: null, newest: null, reason: failureOf(thrown, name).message }
  }
}

async function stepOf(host: Host, catalog: Catalog, name: PluginName, shared: ChoiceOptions) {
  const { steps } = await choose(host, catalog, [{ name, range: null }], shared)
  return steps.find((step) => step.name === name)
}
