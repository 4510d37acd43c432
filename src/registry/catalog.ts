import type { StagedTarball } from '../core/archive.ts'
import type { RegistryConfig } from '../core/config.ts'
import { PluginError, RegistryError } from '../core/errors.ts'
import type { ListedRelease } from '../core/listed-release.ts'
import type { PluginName } from '../core/name.ts'
import { patternsFor } from '../core/name-pattern.ts'
import { printable } from '../core/printable.ts'
import { ranked } from './ranking.ts'
import type { AskOptions, FetchOptions, ListedPlugin, Registry } from './registry.ts'

export interface FoundPlugin extends ListedPlugin {
  readonly registry: string
}

export interface SearchReport {
  /** The best first. */
  readonly found: readonly FoundPlugin[]
  /** How many there are beyond the limit. */
  readonly more: number
  /** Those that could not be asked, and why. */
  readonly failed: readonly { readonly registry: string; readonly error: PluginError }[]
}

export interface SearchOptions extends AskOptions {
  readonly limit?: number | undefined
}

const LIMIT = 50

/**
 * All registries of a host as one. A plugin comes from the first registry whose patterns match its name and from no other: not
 * when that one has no such plugin, not when it has an older version, and not when it cannot be reached. Else whoever can
 * publish to a public registry could take the name of a private plugin.
 */
export class Catalog {
  readonly #registries: readonly RegistryConfig[]
  readonly #open: (config: RegistryConfig) => Promise<Registry>
  readonly #opened = new Map<string, Promise<Registry>>()

  constructor(registries: readonly RegistryConfig[], open: (config: RegistryConfig) => Promise<Registry>) {
    this.#registries = registries
    this.#open = open
  }

  /**
   * What its registry lists of a plugin; not in an order of versions.
   * @throws RegistryError `REGISTRY_NOT_FOUND` (none serves the name), `RELEASE_NOT_FOUND` (it has no such plugin),
   * `REGISTRY_UNREACHABLE`, `REGISTRY_INVALID`
   */
  async releases(name: PluginName, options: AskOptions = {}): Promise<readonly ListedRelease[]> {
    const config = this.#serving(name)
    if (config === undefined) throw this.#unserved(name)
    const registry = await this.#registry(config)
    const releases = await registry.releases(name, options)
    if (releases !== null && releases.length > 0) return releases
    throw new RegistryError(
      'RELEASE_NOT_FOUND',
      `cannot find ${name}: registry ${shown(registry.name)} has no such plugin`,
      {
        hint: `plugins search ${name.slice(name.indexOf('/') + 1)}`,
        details: { name, range: null, versions: [] },
      },
    )
  }

  /** Asks all of them at once. What another registry serves is not shown: it could not be installed from there. */
  async search(text: string, { limit = LIMIT, signal }: SearchOptions = {}): Promise<SearchReport> {
    const asked = await Promise.all(
      this.#registries.map(async (config) => {
        try {
          const plugins = await (await this.#registry(config)).plugins({ signal })
          const own = plugins.filter(({ name }) => this.#serving(name) === config)
          return { found: own.map((plugin) => ({ registry: config.name, ...plugin })), failed: [] }
        } catch (error) {
          if (!(error instanceof PluginError)) throw error
          return { found: [], failed: [{ registry: config.name, error }] }
        }
      }),
    )
    const all = ranked(
      asked.flatMap(({ found }) => found),
      text,
    )
    return {
      found: all.slice(0, limit),
      more: Math.max(0, all.length - limit),
      failed: asked.flatMap(({ failed }) => failed),
    }
  }

  /**
   * The tarball of a release and its bundle, in memory. Its bytes are the listed ones; whether those are any good is the
   * verifier's to say.
   */
  async fetch(release: ListedRelease, options: FetchOptions = {}): Promise<StagedTarball> {
    const config = this.#serving(release.name)
    if (config === undefined) throw this.#unserved(release.name)
    if (config.name !== release.registry) {
      throw new RegistryError(
        'REGISTRY_NOT_FOUND',
        `cannot fetch ${release.name} from registry ${shown(release.registry)}: ${shown(config.name)} serves it now`,
        { hint: 'plugins registry list' },
      )
    }
    return (await this.#registry(config)).fetch(release, options)
  }

  #serving(name: PluginName): RegistryConfig | undefined {
    const patterns: readonly string[] = patternsFor(name)
    return this.#registries.find(({ namespaces }) => namespaces.some((pattern) => patterns.includes(pattern)))
  }

  #registry(config: RegistryConfig): Promise<Registry> {
    const known = this.#opened.get(config.name)
    if (known !== undefined) return known
    const opened = this.#open(config)
    this.#opened.set(config.name, opened)
    return opened
  }

  #unserved(name: PluginName): RegistryError {
    const none = this.#registries.length === 0
    const names = this.#registries.map((one) => `${shown(one.name)} (${one.namespaces.slice(0, 5).join(', ')})`)
    const found = none ? 'no registry is configured' : `no registry serves it, of ${names.join(', ')}`
    return new RegistryError('REGISTRY_NOT_FOUND', `cannot look for ${name}: ${found}`, {
      hint: 'plugins registry add NAME URL, or --registry URL for one command',
    })
  }
}

const shown = (name: string): string => printable(name, 200)
