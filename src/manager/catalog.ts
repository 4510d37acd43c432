import { resolve } from 'node:path'
import type { StagedTarball } from '../core/archive.ts'
import type { RegistryConfig } from '../core/config.ts'
import { PluginError, RegistryError, UsageError } from '../core/errors.ts'
import type { ListedRelease } from '../core/listed-release.ts'
import { printable } from '../core/printable.ts'
import { REGISTRY_NAME, readAddress } from '../core/registry-address.ts'
import { Catalog, type FetchOptions, openRegistry } from '../registry/index.ts'
import { type Host, readConfig } from './host.ts'

/**
 * The releases that this host can get. `registry`: the name of a configured one, a folder or an address, in the place of all
 * that are configured.
 * @throws RegistryError `REGISTRY_NOT_FOUND`; UsageError for what is no address
 */
export async function openCatalog({ layout, caller }: Host, registry: string | null = null): Promise<Catalog> {
  const { registries } = await readConfig(layout, caller.uid)
  const asked = registry === null ? registries : [registryFor(registry, registries)]
  const options = { downloads: layout.downloads, uid: caller.uid }
  return new Catalog(asked, (config) => openRegistry(config, options))
}

/** Bytes that are not the listed ones were put there by somebody: that belongs into the trail as any other refusal. */
export async function fetchListed(
  { store }: Pick<Host, 'store'>,
  catalog: Catalog,
  listed: ListedRelease,
  options: FetchOptions,
): Promise<StagedTarball> {
  try {
    return await catalog.fetch(listed, options)
  } catch (error) {
    if (error instanceof PluginError && error.exitCode === 3) {
      const { name, version, sha256, registry } = listed
      store.note('refused', name, { version, sha256, registry, code: error.code })
    }
    throw error
  }
}

/** One that is configured keeps its namespaces: by its name nobody means more of it than its operator did. */
function registryFor(text: string, registries: readonly RegistryConfig[]): RegistryConfig {
  if (REGISTRY_NAME.test(text)) {
    const found = registries.find(({ name }) => name === text)
    if (found !== undefined) return found
    throw registryNotFound('use', text, registries)
  }
  const reading = readAddress(absolute(text))
  if (!reading.ok) {
    const isOnlyPlain = readAddress(absolute(text), true).ok
    const extras = isOnlyPlain ? { hint: 'plugins registry add NAME URL --insecure, then --registry NAME' } : {}
    throw new UsageError('USAGE', `cannot use registry "${printable(text)}": ${reading.fault}`, extras)
  }
  const { address } = reading
  const name = address.kind === 'folder' ? address.path : address.url
  return { name, address, namespaces: ['*/*'], insecure: false, tokenFile: null }
}

/** A path as somebody typed it; what has a scheme is none. */
export const absolute = (text: string): string => (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(text) ? text : resolve(text))

export function registryNotFound(
  verb: string,
  name: string,
  registries: readonly { readonly name: string }[],
): RegistryError {
  const names = registries.map((one) => one.name)
  const found =
    names.length === 0 ? 'none is configured' : `there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`
  return new RegistryError('REGISTRY_NOT_FOUND', `cannot ${verb} registry ${printable(name, 80)}: ${found}`, {
    hint: 'plugins registry list; a folder of the working directory is written ./NAME',
  })
}
