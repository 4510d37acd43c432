// `@bulkhead/plugins/grpc`: a host for plugins of HashiCorp's go-plugin protocol, each in its sandbox. It starts them by
// the public manager, and speaks gRPC with them through a socket in their own private /tmp.
import { StoreError, UsageError } from './core/errors.ts'
import type { LaunchOptions, PluginManager } from './index.ts'
import {
  type GoPlugin,
  loadGrpc,
  makeCertificate,
  type OwnCertificate,
  type PluginLogEntry,
  type ReattachConfig,
  reopenGoPlugin,
  startGoPlugin,
} from './runtime/go-plugin/index.ts'

export { CallError } from './core/errors.ts'
export {
  type AcceptedServer,
  type Broker,
  type ClientClass,
  type DialledServer,
  GoPlugin,
  type Health,
  type OutputStream,
  type PluginLogEntry,
  type PluginLogLevel,
  type PluginStdio,
  type ReattachConfig,
} from './runtime/go-plugin/index.ts'

export interface LoadGoPluginOptions
  extends Pick<
    LaunchOptions,
    'args' | 'name' | 'range' | 'settings' | 'profile' | 'weaker' | 'engine' | 'env' | 'onJournal'
  > {
  /** Tells a plugin that it was started by a host and not by a person. A courtesy, and no secret: it protects nothing. */
  readonly cookie: { readonly key: string; readonly value: string }
  /** Versions of the plugin's own protocol that this host speaks; the plugin takes the highest it knows. */
  readonly protocolVersions: readonly number[]
  /** Mutual TLS with certificates of this launch alone. Refused when the plugin does not take part. Default: `false`. */
  readonly autoMtls?: boolean | undefined
  /** From its start until it serves, in milliseconds. Default: 60,000. */
  readonly startTimeoutMs?: number | undefined
  /** The longest message either way, decompressed. Default: 16 MiB. */
  readonly maxMessageBytes?: number | undefined
  /** Told each line of its standard error. */
  readonly onLog?: ((entry: PluginLogEntry) => void) | undefined
}

export type ReattachOptions = Pick<LoadGoPluginOptions, 'maxMessageBytes'>

const START_TIMEOUT_MS = 60_000
const MESSAGE_BYTES = 16 * 2 ** 20
const MESSAGE_MAX_BYTES = 2 ** 30
const VERSION_MAX = 2 ** 31 - 1

/**
 * Starts an installed plugin of `protocol: "grpc"` and connects to it.
 *
 * @example
 * await using kv = await loadGoPlugin(plugins, 'acme/kv', {
 *   cookie: { key: 'BASIC_PLUGIN', value: 'hello' },
 *   protocolVersions: [1],
 *   autoMtls: true,
 * })
 * const client = kv.client(KVClient)
 *
 * @throws UsageError for options that cannot be; whatever `PluginManager.run` throws; CallError: see docs/errors.md
 */
export async function loadGoPlugin(
  plugins: PluginManager,
  name: string,
  options: LoadGoPluginOptions,
): Promise<GoPlugin> {
  if (!Array.isArray(options?.protocolVersions) || typeof options.cookie?.key !== 'string')
    throw new UsageError('USAGE', `cannot start ${name}: expected options with cookie and protocolVersions`, {
      hint: "such as { cookie: { key: 'BASIC_PLUGIN', value: 'hello' }, protocolVersions: [1] }",
    })
  const { cookie, protocolVersions, autoMtls = false, onLog, startTimeoutMs: _, maxMessageBytes: __, ...rest } = options
  const bounds = boundsOf(name, options)
  if (protocolVersions.length === 0 || !protocolVersions.every(isVersion)) {
    throw new UsageError('USAGE', `cannot start ${name}: protocolVersions must be whole numbers, at least one`)
  }
  const grpc = await loadGrpc()
  const own = autoMtls ? makeCertificate(Date.now()) : null
  const run = await plugins.run(name, {
    ...rest,
    endWhenRefused: true,
    handshake: handshakeOf(cookie, protocolVersions, own),
    stdio: { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' },
  })
  try {
    return await startGoPlugin({ name, run, grpc, own, protocolVersions, ...bounds, onLog })
  } catch (error) {
    // How it ended is in the history; what is told is why it was ended.
    await run.close().catch(() => null)
    throw error
  }
}

/**
 * A second connection to a run that goes on, from this or another process of the same home. A run ends with the process that
 * started it, so this is no way to outlive that one. Not with mutual TLS: its keys never leave the process that made them.
 *
 * @throws StoreError `NOT_RUNNING`; CallError
 */
export async function reattachGoPlugin(
  plugins: PluginManager,
  config: ReattachConfig | null,
  options: ReattachOptions = {},
): Promise<GoPlugin> {
  if (config === null) {
    throw new UsageError(
      'USAGE',
      'cannot reattach to a plugin with autoMtls: its keys are of the process that started it',
    )
  }
  const { name, protocol, protocolVersion, run } = config
  const bounds = boundsOf(name, options)
  if (protocol !== 'grpc' || !isVersion(protocolVersion)) {
    throw new UsageError('USAGE', `cannot reattach to ${name}: expected protocol "grpc" and a version`)
  }
  const grpc = await loadGrpc()
  const live = (await plugins.ps(name)).find((one) => one.run === run)
  if (live === undefined || live.pid === null) {
    throw new StoreError('NOT_RUNNING', `cannot reattach to ${name}: run ${run} does not go on`)
  }
  return reopenGoPlugin({ config, launcherPid: live.pid, grpc, ...bounds })
}

const isVersion = (version: number): boolean => Number.isInteger(version) && version >= 0 && version <= VERSION_MAX

function handshakeOf(
  cookie: LoadGoPluginOptions['cookie'],
  protocolVersions: readonly number[],
  own: OwnCertificate | null,
): Record<string, string> {
  return {
    [cookie.key]: cookie.value,
    PLUGIN_PROTOCOL_VERSIONS: [...new Set(protocolVersions)].join(','),
    PLUGIN_UNIX_SOCKET_DIR: '/tmp',
    ...(own === null ? {} : { PLUGIN_CLIENT_CERT: own.certificate.toString('utf8') }),
  }
}

function boundsOf(
  name: string,
  { startTimeoutMs = START_TIMEOUT_MS, maxMessageBytes = MESSAGE_BYTES }: Partial<LoadGoPluginOptions>,
): { readonly startTimeoutMs: number; readonly maxMessageBytes: number } {
  const isGood = (value: number, most: number) => Number.isInteger(value) && value >= 1 && value <= most
  if (!isGood(startTimeoutMs, 3_600_000)) {
    throw new UsageError('USAGE', `cannot start ${name}: startTimeoutMs must be from 1 to 3600000 milliseconds`)
  }
  if (!isGood(maxMessageBytes, MESSAGE_MAX_BYTES)) {
    throw new UsageError('USAGE', `cannot start ${name}: maxMessageBytes must be from 1 to ${MESSAGE_MAX_BYTES}`)
  }
  return { startTimeoutMs, maxMessageBytes }
}
