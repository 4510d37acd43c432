import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { PluginError, StoreError } from '../../core/errors.ts'
import type { Installation } from '../../core/installation.ts'
import { type PluginName, splitName } from '../../core/name.ts'
import { assertSpeaks } from '../expected.ts'
import type { Host } from '../host.ts'
import { nameOf } from '../plugin-name.ts'
import { signedManifestOf } from '../signed-manifest.ts'

/** An installed plugin that an MCP client can start as a server. */
export interface McpServer {
  readonly name: PluginName
  readonly version: string
  /** `disabled` and `quarantined` ones are refused when they are started. */
  readonly state: Installation['state']
  /** How it is named in a client's configuration: letters, digits, hyphens and underscores; always the same, and of no other plugin. */
  readonly key: string
  /** Of the command `plugins`. They need nothing of the environment: a client hands little of it on. */
  readonly args: readonly string[]
}

export interface McpServersOptions {
  /** Told of each that cannot be looked at when all are asked for, in place of failing for all. */
  readonly onRefused?: ((error: PluginError) => void) | undefined
}

/**
 * Those with these names, or every one that speaks `mcp`.
 *
 * @throws StoreError `NOT_INSTALLED`
 * @throws UsageError `WRONG_PROTOCOL` of one that was named and speaks another protocol
 * @throws VerificationError `MODIFIED`
 */
export function mcpServers(host: Host, names: readonly string[], { onRefused }: McpServersOptions = {}): McpServer[] {
  const found =
    names.length > 0
      ? [...new Set(names.map(nameOf))].map((name) => named(host, name))
      : host.store.list().filter((installation) => speaksMcp(host, installation, onRefused))
  const home = isDefaultHome(host) ? [] : ['--home', host.layout.home]
  return found.map(({ name, version, state }) => ({
    name,
    version,
    state,
    key: keyFor(name),
    args: [...home, 'run', name],
  }))
}

/** What one of them says of itself cannot be believed: that is no reason to keep the others back. */
function speaksMcp(host: Host, installation: Installation, onRefused: McpServersOptions['onRefused']): boolean {
  try {
    return manifestOf(host, installation).protocol === 'mcp'
  } catch (error) {
    if (onRefused === undefined || !(error instanceof PluginError)) throw error
    onRefused(error)
    return false
  }
}

function named(host: Host, name: PluginName): Installation {
  const installation = host.store.find(name)
  if (installation === null)
    throw new StoreError('NOT_INSTALLED', `cannot configure ${name}: it is not installed`, { hint: 'plugins list' })
  assertSpeaks(manifestOf(host, installation), 'mcp')
  return installation
}

const manifestOf = ({ layout }: Host, installation: Installation) =>
  signedManifestOf(layout.release(installation.name, installation.version, installation.digest), installation)

/**
 * Some clients take no `/` in a name. `a-b/c` and `a/b-c` must not come to the same, whatever else is installed: whoever merges
 * the entry of one into a file would replace the other. No name has an underscore, and where none is, the first hyphen is the slash.
 */
function keyFor(name: PluginName): string {
  const { namespace, base } = splitName(name)
  return `${namespace}${namespace.includes('-') ? '_' : '-'}${base}`
}

/** Whoever starts the command with hardly any environment would come to this home: neither BULKHEAD_HOME nor XDG_DATA_HOME is there. */
function isDefaultHome({ layout, caller }: Host): boolean {
  if (caller.uid === 0) return layout.home === '/var/lib/bulkhead'
  return [homedir(), homeOfRecord()].every(
    (home) => home !== null && layout.home === join(home, '.local/share/bulkhead'),
  )
}

/** What counts where there is no HOME. */
function homeOfRecord(): string | null {
  try {
    return userInfo().homedir
  } catch {
    // A user without an entry: then it is not left to chance.
    return null
  }
}
