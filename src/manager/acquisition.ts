import { PluginError } from '../core/errors.ts'
import type { ListedRelease } from '../core/listed-release.ts'
import type { PluginName } from '../core/name.ts'
import { type Present, type Resolution, resolve, type Wanted } from '../core/resolution.ts'
import type { Catalog } from '../registry/index.ts'
import { unsupportedHere } from './engines.ts'
import type { Host } from './host.ts'
import { listedAgeVerdict } from './release-age.ts'
import type { AdmitOptions } from './vetting.ts'

/** What decides which releases come into question. */
export interface ChoiceOptions {
  readonly signal?: AbortSignal | undefined
  /** Why what is wanted may not wait until it is old enough. */
  readonly securityUpdate?: string | undefined
  /** Names that are wanted by an exact version may be gone back from, or be younger than others. */
  readonly isExact?: boolean | undefined
  /** What is installed, when it was looked at already. */
  readonly present?: readonly Present[] | undefined
}

/**
 * Which releases are to come in, those they need among them, what is needed first: by what registries list, by what is installed
 * and held here, and by what this host can run.
 *
 * @throws PluginError `DEPENDENCY_…`; RegistryError when the registry of a plugin that is wanted cannot be asked or has none
 */
export async function choose(
  host: Host,
  catalog: Catalog,
  wanted: readonly Wanted[],
  options: ChoiceOptions = {},
): Promise<Resolution<ListedRelease>> {
  const isWanted = new Set<string>(wanted.map(({ name }) => name))
  return resolve({
    wanted,
    installed: options.present ?? presentOn(host),
    locked: new Map(),
    candidates: (name) => listedOf(catalog, name, { isWanted: isWanted.has(name), signal: options.signal }),
    unusable: await unusableHere(host, isWanted, options),
  })
}

/** Why a release that is listed would not be taken here, in a few words, or `null`; what is said of `isWanted` is told by `options`. */
export async function unusableHere(
  host: Host,
  isWanted: ReadonlySet<string> = new Set(),
  options: Pick<ChoiceOptions, 'isExact' | 'securityUpdate'> = {},
): Promise<(release: ListedRelease) => string | null> {
  const unsupported = await unsupportedHere(host)
  const left = new Map<string, ReadonlyMap<string, number>>()
  const leftOf = (name: PluginName) => {
    const known = left.get(name) ?? host.store.releases.left(name)
    left.set(name, known)
    return known
  }
  return (release) =>
    unsupported(release) ??
    (options.isExact === true && isWanted.has(release.name) ? null : gone(leftOf(release.name), release)) ??
    (options.securityUpdate !== undefined && isWanted.has(release.name) ? null : young(host, release))
}

/**
 * What was said past a guard was said of what was named. What that needs is its publisher's choice: it comes by the rules of
 * everything else.
 */
export const ofNeeded = <O extends AdmitOptions>(options: O): O => ({
  ...options,
  isNeeded: true,
  allowDowngrade: false,
  securityUpdate: undefined,
})

export function presentOn({ store }: Pick<Host, 'store'>): Present[] {
  const held = new Set(store.holds.list().map(({ name }) => name))
  return store.list().map(({ name, version, requires }) => ({ name, version, requires, held: held.has(name) }))
}

async function listedOf(
  catalog: Catalog,
  name: PluginName,
  { isWanted, signal }: { readonly isWanted: boolean; readonly signal: AbortSignal | undefined },
): Promise<readonly ListedRelease[]> {
  try {
    return await catalog.releases(name, { signal })
  } catch (error) {
    const isNowhere =
      error instanceof PluginError && (error.code === 'RELEASE_NOT_FOUND' || error.code === 'REGISTRY_NOT_FOUND')
    // What another one needs and nobody lists may be installed here from a file; the resolver knows what to say if it is not.
    if (isNowhere && !isWanted) return []
    throw error
  }
}

function gone(left: ReadonlyMap<string, number>, { version }: ListedRelease): string | null {
  const atMs = left.get(version)
  return atMs === undefined ? null : `was rolled back from on ${new Date(atMs).toISOString().slice(0, 10)}`
}

function young(host: Host, release: ListedRelease): string | null {
  return listedAgeVerdict(host, release)?.kind === 'too-young' ? 'has not been out for long enough' : null
}
