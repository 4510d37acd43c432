import { PluginError, StoreError } from '../core/errors.ts'
import type { ListedRelease } from '../core/listed-release.ts'
import type { PluginName } from '../core/name.ts'
import { newestFirst } from '../core/release-choice.ts'
import type { ResolutionStep } from '../core/resolution.ts'
import type { Catalog } from '../registry/index.ts'
import { choose, unusableHere } from './acquisition.ts'
import { openCatalog } from './catalog.ts'
import type { Host } from './host.ts'
import { nameOf } from './plugin-name.ts'

export interface OfferOptions {
  /** The name of a configured registry, a folder or an address, in the place of all that are configured. */
  readonly registry?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** One version, as its registry tells of it. */
export interface OfferedRelease extends Omit<ListedRelease, 'name' | 'registry'> {
  /** Why it would not be taken here unless it is named, or not at all; `null`: nothing is known against it. */
  readonly unusable: string | null
}

/** What the registry that serves a name lists of it. */
export interface PluginOffer {
  readonly name: PluginName
  /** The version that is installed here; `null`: none. */
  readonly installed: string | null
  readonly registry: string
  /** Always: it is the registry's word alone. Installing asks for signatures. */
  readonly isVerified: false
  /** The version that `install NAME` would come to, or `update NAME` of what is installed; `null`: there is none. */
  readonly version: string | null
  /** Why it is not the newest that is listed, or none. */
  readonly reason: string | null
  /** What would come with it, what is needed first. */
  readonly brings: readonly { readonly name: PluginName; readonly version: string; readonly bytes: number }[]
  /** Newest first. */
  readonly releases: readonly OfferedRelease[]
}

/**
 * What there is to be had of a plugin, whether it is installed or not. Nothing is fetched but the index.
 *
 * @throws StoreError `NOT_INSTALLED`: neither is it here, nor does a registry of this host list it; RegistryError
 * `REGISTRY_NOT_FOUND`, `RELEASE_NOT_FOUND` when a registry was named, `REGISTRY_UNREACHABLE`, `REGISTRY_INVALID`
 */
export async function offer(host: Host, text: string, options: OfferOptions = {}): Promise<PluginOffer> {
  const name = nameOf(text)
  const catalog = await openCatalog(host, options.registry ?? null)
  const listed = await newestFirst(await listedBy(host, catalog, name, options))
  const [first] = listed
  if (first === undefined) throw new TypeError(`a registry that lists ${name} lists a version of it`)
  const unusable = await unusableHere(host)
  return {
    name,
    installed: host.store.find(name)?.version ?? null,
    registry: first.registry,
    isVerified: false,
    ...(await chosen(host, catalog, name, options)),
    releases: listed.map(({ name: _, registry: __, ...release }) => ({
      ...release,
      unusable: unusable({ ...release, name, registry: first.registry }),
    })),
  }
}

async function listedBy(host: Host, catalog: Catalog, name: PluginName, options: OfferOptions) {
  try {
    return await catalog.releases(name, options)
  } catch (error) {
    const isNowhere =
      error instanceof PluginError && (error.code === 'RELEASE_NOT_FOUND' || error.code === 'REGISTRY_NOT_FOUND')
    if (!isNowhere || options.registry !== undefined || host.store.find(name) !== null) throw error
    throw new StoreError('NOT_INSTALLED', `cannot show ${name}: it is not installed, and ${reasonIn(error)}`, {
      cause: error,
      hint: error.hint ?? 'plugins list',
    })
  }
}

/** As an installation by this name would choose, and what it would say where it cannot. */
async function chosen(
  host: Host,
  catalog: Catalog,
  name: PluginName,
  { signal }: OfferOptions,
): Promise<Pick<PluginOffer, 'version' | 'reason' | 'brings'>> {
  try {
    const { steps } = await choose(host, catalog, [{ name, range: null }], { signal })
    const own = steps.find((step) => step.name === name)
    const others = steps.filter((step) => step.name !== name)
    return {
      version: own?.version ?? null,
      reason: own?.passedOver[0]?.reason ?? null,
      brings: others.flatMap(brought),
    }
  } catch (error) {
    if (!(error instanceof PluginError) || signal?.aborted === true) throw error
    return { version: null, reason: reasonIn(error), brings: [] }
  }
}

/** Without what was asked for: that is said already. */
const reasonIn = ({ message }: PluginError): string => message.replace(/^cannot [^:]*: /, '')

const brought = ({ name, version, candidate }: ResolutionStep<ListedRelease>): PluginOffer['brings'] =>
  candidate === null ? [] : [{ name, version, bytes: candidate.bytes }]
