import { type Dependent, dependentsOf } from '../core/dependents.ts'
import { PluginError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { EffectiveLimits } from '../core/limits.ts'
import type { Manifest, Permissions } from '../core/manifest.ts'
import type { NetworkGrant } from '../core/network.ts'
import type { WaitingUpdate } from '../store/index.ts'
import { type Hold, holdOf } from './holds.ts'
import type { Host } from './host.ts'
import { limitsOf, networkOf } from './install.ts'
import { type InstalledPlugin, installedPlugin } from './installed.ts'
import { unlessRemoved } from './presence.ts'
import { signedManifestOf } from './signed-manifest.ts'

/** What `plugins info` shows. */
export interface PluginInfo extends InstalledPlugin, Pick<EffectiveLimits, 'limits' | 'cuts'> {
  readonly description: string | null
  readonly license: string | null
  readonly runtime: string
  readonly protocol: string
  readonly permissions: Permissions
  /** What can be set of it. */
  readonly config: Manifest['config']
  /** Names of those that this host's `config.json` sets. */
  readonly set: readonly string[]
  /** What of `permissions.network` this host gives. */
  readonly network: NetworkGrant
  /** Other plugins that it needs. */
  readonly requires: Readonly<Record<string, string>>
  /** Installed plugins that need it. */
  readonly neededBy: readonly Dependent[]
  /** The range of versions that was asked for; `null`: whichever was the newest, or what another one needed. */
  readonly asked: string | null
  /** Who holds it at its version; `null`: nobody. */
  readonly hold: Hold | null
  /** An update that waits for somebody to agree. */
  readonly waits: WaitingUpdate | null
  /** The release's folder. */
  readonly path: string
}

function manifestOf(host: Host, path: string, installation: Installation): Manifest {
  try {
    return signedManifestOf(path, installation)
  } catch (error) {
    throw unlessRemoved(host, installation, 'show', error)
  }
}

/** A row of another plugin that makes no sense is told where that one is asked about. */
function readable({ store }: Host): Installation[] {
  return store.names().flatMap((name) => {
    try {
      return store.find(name) ?? []
    } catch (error) {
      if (error instanceof PluginError && error.code === 'STORE_UNREADABLE') return []
      throw error
    }
  })
}

export function infoOf(host: Host, installation: Installation): PluginInfo {
  const path = host.layout.release(installation.name, installation.version, installation.digest)
  const manifest = manifestOf(host, path, installation)
  return {
    ...installedPlugin(host, installation),
    ...limitsOf(host, manifest),
    description: manifest.description ?? null,
    license: manifest.license ?? null,
    runtime: manifest.entry.runtime,
    protocol: manifest.protocol,
    permissions: installation.consent,
    config: manifest.config,
    set: Object.keys(host.config.plugins[installation.name]?.settings ?? {}),
    network: networkOf(host, manifest, installation.consent.network),
    requires: installation.requires,
    neededBy: dependentsOf(readable(host), installation.name),
    asked: installation.asked,
    hold: holdOf(host, installation.name),
    waits: host.store.approvals.waiting(installation.name)[0] ?? null,
    path,
  }
}
