import type { Sha256 } from './digest.ts'
import type { PluginName } from './name.ts'

/**
 * A release as a registry lists it. Nothing in it is trusted: what it leads to is verified by its signatures, and refused when
 * the registry said something else than the signed manifest does.
 */
export interface ListedRelease {
  /** The registry's name in this host's configuration, or the folder or address that was named for once. */
  readonly registry: string
  readonly name: PluginName
  readonly version: string
  /** Of the tarball. */
  readonly sha256: Sha256
  /** Of the tarball. */
  readonly bytes: number
  readonly description: string | null
  /** When the registry took it in, as it says. */
  readonly listedAtMs: number | null
  /** Why nobody should choose it any more; a lock file or an exact version still may. `null`: it was not yanked. */
  readonly yanked: string | null
  /** What its users are told. */
  readonly deprecated: string | null
  readonly requires: Readonly<Record<string, string>>
  readonly engines: Readonly<Record<string, string>>
  /** `null`: every platform. */
  readonly platforms: readonly string[] | null
}
