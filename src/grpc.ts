// `@bulkhead/plugins/grpc`: a host for plugins of HashiCorp's go-plugin protocol, each in its sandbox. It starts them by
// the public manager, and speaks gRPC with them through a socket in their own private /tmp.
import { StoreError, UsageError } from './core/errors.ts'
import { assertKnownOptions, assertListener, type OptionNames } from './core/known-options.ts'
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
import { refusalOfRun } from './runtime/refused-runs.ts'

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
  type WatchOptions,
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

const LOAD_OPTIONS: OptionNames<LoadGoPluginOptions> = {
  args: true,
  name: true,
  range: true,
  settings: true,
  profile: true,
  weaker: true,
  engine: true,
  env: true,
  onJournal: true,
  cookie: true,
  protocolVersions: true,
  autoMtls: true,
  startTimeoutMs: true,
  maxMessageBytes: true,
  onLog: true,
}
const COOKIE: OptionNames<LoadGoPluginOptions['cookie']> = { key: true, value: true }
const REATTACH_OPTIONS: OptionNames<ReattachOptions> = { maxMessageBytes: true }

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
  assertLoadable(`cannot start ${name}`, options)
  const { cookie, protocolVersions, autoMtls = false, onLog, startTimeoutMs: _, maxMessageBytes: __, ...rest } = options
  const bounds = boundsOf(`cannot start ${name}`, options)
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
    throw refusalOfRun(run) ?? error
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
  assertKnownOptions(options, REATTACH_OPTIONS, 'cannot reattach to a plugin')
  if (config === null) {
    throw new UsageError(
      'USAGE',
      'cannot reattach to a plugin with autoMtls: its keys are of the process that started it',
    )
  }
  assertReattachable(config)
  const { name, run } = config
  const bounds = boundsOf(`cannot reattach to ${name}`, options)
  const grpc = await loadGrpc()
  const live = (await plugins.ps(name)).find((one) => one.run === run)
  if (live === undefined || live.pid === null) {
    throw new StoreError('NOT_RUNNING', `cannot reattach to ${name}: run ${run} does not go on`)
  }
  return reopenGoPlugin({ config, launcherPid: live.pid, grpc, ...bounds })
}

function assertLoadable(cannot: string, options: LoadGoPluginOptions): void {
  const refuse = (why: string) =>
    new UsageError('USAGE', `${cannot}: ${why}`, {
      hint: "such as { cookie: { key: 'BASIC_PLUGIN', value: 'hello' }, protocolVersions: [1] }",
    })
  if (!Array.isArray(options?.protocolVersions) || typeof options.cookie !== 'object' || options.cookie === null)
    throw refuse('expected options with cookie and protocolVersions')
  assertKnownOptions(options, LOAD_OPTIONS, cannot)
  const { cookie, protocolVersions, autoMtls, onLog, onJournal } = options
  assertKnownOptions(cookie, COOKIE, cannot, 'cookie.')
  if (typeof cookie.key !== 'string' || typeof cookie.value !== 'string')
    throw refuse('expected cookie.key and cookie.value to be texts')
  if (protocolVersions.length === 0 || !protocolVersions.every(isVersion))
    throw refuse('protocolVersions must be whole numbers, at least one')
  // Anything else that is meant for a yes would leave the connection in the clear.
  if (autoMtls !== undefined && typeof autoMtls !== 'boolean')
    throw refuse(`expected autoMtls to be true or false, found ${autoMtls === null ? 'null' : `a ${typeof autoMtls}`}`)
  assertListener(onLog, 'onLog', cannot)
  assertListener(onJournal, 'onJournal', cannot)
}

/** It may have come from another process, as JSON. */
function assertReattachable(config: ReattachConfig): void {
  const { protocol, protocolVersion, address, pid, name, run } = (config ?? {}) as Partial<ReattachConfig>
  const isText = [name, run, address].every((text) => typeof text === 'string')
  if (isText && protocol === 'grpc' && isVersion(protocolVersion) && Number.isInteger(pid)) return
  throw new UsageError('USAGE', 'cannot reattach to a plugin: expected what `reattach` of a loaded plugin is')
}

const isVersion = (version: unknown): version is number =>
  typeof version === 'number' && Number.isInteger(version) && version >= 0 && version <= VERSION_MAX

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
  cannot: string,
  { startTimeoutMs = START_TIMEOUT_MS, maxMessageBytes = MESSAGE_BYTES }: Partial<LoadGoPluginOptions>,
): { readonly startTimeoutMs: number; readonly maxMessageBytes: number } {
  const isGood = (value: number, most: number) => Number.isInteger(value) && value >= 1 && value <= most
  if (!isGood(startTimeoutMs, 3_600_000)) {
    throw new UsageError('USAGE', `${cannot}: startTimeoutMs must be from 1 to 3600000 milliseconds`)
  }
  if (!isGood(maxMessageBytes, MESSAGE_MAX_BYTES)) {
    throw new UsageError('USAGE', `${cannot}: maxMessageBytes must be from 1 to ${MESSAGE_MAX_BYTES}`)
  }
  return { startTimeoutMs, maxMessageBytes }
}
