import { type Installation, unsignedUntilOf } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import type { Host } from './host.ts'
import { type Quarantine, quarantineOf } from './quarantine.ts'

/** One line of `plugins list`. */
export interface InstalledPlugin {
  readonly name: PluginName
  readonly version: string
  readonly state: Installation['state']
  readonly sha256: string
  readonly signers: readonly string[]
  /** ISO 8601: let in without a signature, by name, until then; `null`: it is signed. */
  readonly unsignedUntil: string | null
  readonly uid: number
  readonly installedAtMs: number
  /** Why it was put away, and since when; `null` of what was not. */
  readonly quarantine: Quarantine | null
  /** The registry it came from; `null`: a file. */
  readonly source: string | null
  /** Versions that can be gone back to, the one that was left last first. */
  readonly kept: readonly string[]
  /** It stays at this version: no update touches it. */
  readonly held: boolean
}

/** Everything that is settled here, by name. */
export function installedPlugins(host: Pick<Host, 'store'>): InstalledPlugin[] {
  const kept = host.store.keptVersions()
  const held = new Set<string>(host.store.holds.list().map((hold) => hold.name))
  return host.store.list().map((installation) => {
    const { name } = installation
    return shown(host, installation, kept.get(name) ?? [], held.has(name))
  })
}

export function installedPlugin(host: Pick<Host, 'store'>, installation: Installation): InstalledPlugin {
  const { name } = installation
  const kept = host.store.kept(name).map(({ version }) => version)
  return shown(host, installation, kept, host.store.holds.of(name) !== null)
}

function shown(
  host: Pick<Host, 'store'>,
  installation: Installation,
  kept: readonly string[],
  held: boolean,
): InstalledPlugin {
  const { name, version, state, digest, signers, uid, installedAtMs, source } = installation
  const quarantine = quarantineOf(host, installation)
  const unsignedUntil = unsignedUntilOf(installation)
  return {
    name,
    version,
    state,
    sha256: digest,
    signers,
    unsignedUntil,
    uid,
    installedAtMs,
    quarantine,
    source,
    kept,
    held,
  }
}
