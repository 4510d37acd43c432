import type { StagedTarball } from '../core/archive.ts'
import type { ListedRelease } from '../core/listed-release.ts'
import type { PluginName } from '../core/name.ts'
import type { OnProgress } from '../core/progress.ts'

export interface AskOptions {
  /** What it is aborted with is thrown as it is. */
  readonly signal?: AbortSignal | undefined
}

export interface FetchOptions extends AskOptions {
  readonly onProgress?: OnProgress | undefined
}

/** One plugin of a registry, as a search finds it. */
export interface ListedPlugin {
  readonly name: PluginName
  /** The newest that anybody should choose. */
  readonly version: string
  readonly description: string | null
}

/** One source of releases. It lists, and it hands out bytes; nobody believes it either. */
export interface Registry {
  /** As the configuration calls it; the address, when it was named for one command. */
  readonly name: string
  /** @throws RegistryError `REGISTRY_UNREACHABLE`, `REGISTRY_INVALID` */
  plugins(options?: AskOptions): Promise<readonly ListedPlugin[]>
  /** `null`: it has no such plugin. @throws RegistryError `REGISTRY_UNREACHABLE`, `REGISTRY_INVALID` */
  releases(name: PluginName, options?: AskOptions): Promise<readonly ListedRelease[] | null>
  /** The bytes of a release it listed. @throws FetchError `DOWNLOAD_FAILED`; RegistryError `REGISTRY_MISMATCH` */
  fetch(release: ListedRelease, options?: FetchOptions): Promise<StagedTarball>
}
