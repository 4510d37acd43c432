import type { ServiceError } from '@grpc/grpc-js'
import { CallError, PluginError, TimeoutError } from '../../core/errors.ts'
import { assertKnownOptions, assertSignal, type OptionNames } from '../../core/known-options.ts'
import type { Outcome } from '../../core/outcome.ts'
import { printable } from '../../core/printable.ts'
import type { CallOptions } from '../channel/calls.ts'
import type { Run } from '../launching/launcher.ts'
import { Broker } from './broker.ts'
import { type ClientClass, Connection } from './connection.ts'
import type { Identity } from './credentials.ts'
import { endedError, endedWithin } from './ending.ts'
import type { GrpcLibrary } from './grpc-library.ts'
import { HostFolder } from './host-folder.ts'
import { oneCall } from './one-call.ts'
import type { PluginFolder } from './plugin-folder.ts'
import { HEALTH_CHECK, HEALTH_WATCH, type Health, SHUTDOWN } from './services.ts'
import { followStdio, type PluginStdio } from './stdio-stream.ts'

/** What another process of this home needs to speak with the same run: `reattachGoPlugin`. */
export interface ReattachConfig {
  readonly protocol: 'grpc'
  readonly protocolVersion: number
  /** As the plugin sees it. */
  readonly address: string
  /** The plugin's process, as this host numbers it. */
  readonly pid: number
  readonly name: string
  readonly run: string
}

export interface GoPluginOptions {
  readonly grpc: GrpcLibrary
  readonly identity: Identity
  readonly folder: PluginFolder
  readonly reattach: ReattachConfig
  /** Reattaching is for connections in the clear: the keys of others are theirs alone. */
  readonly isMutual: boolean
  readonly maxMessageBytes: number
  /** Whose run it is to end; `null` for one that somebody else started. */
  readonly run: Run | null
}

export interface WatchOptions {
  readonly signal?: AbortSignal | undefined
  /** Default: the plugin as a whole. */
  readonly service?: string | undefined
}

const WATCH_OPTIONS: OptionNames<WatchOptions> = { signal: true, service: true }

/** The server's name of itself by go-plugin's rules. */
const SERVICE = 'plugin'
const CALL_MS = 10_000
const SHUTDOWN_MS = 2_000
/** What go-plugin gives a plugin between Shutdown and SIGKILL. */
const GRACE_MS = 2_000
/** A broken connection is seen before the process's end is. */
const END_MS = 500
/**
 * CANCELLED, INTERNAL and UNAVAILABLE: what the end of a process looks like from here. Not UNKNOWN, which is what an
 * ordinary error of a Go plugin has: nobody should wait for an end then.
 */
const BROKEN: ReadonlySet<number> = new Set([1, 13, 14])

/** A plugin of the go-plugin protocol that runs in its sandbox and is connected to. Close it, or hold it with `await using`. */
export class GoPlugin implements AsyncDisposable {
  /** The version of its own protocol, of those that were offered. */
  readonly protocolVersion: number
  /** What it writes to stdout and stderr once it serves; `null` for one that was reattached to. */
  readonly stdio: PluginStdio | null
  /** Further connections; none of a plugin that was reattached to. */
  readonly broker: Broker
  /** For another process of this home; `null` with mutual TLS, whose keys are this process's alone. */
  readonly reattach: ReattachConfig | null
  /** How its run ended; `null` for one that was reattached to. */
  readonly outcome: Promise<Outcome> | null
  readonly #options: GoPluginOptions
  readonly #connection: Connection
  readonly #host: HostFolder | null
  #closing: Promise<Outcome | null> | undefined

  private constructor(options: GoPluginOptions, connection: Connection) {
    const { reattach, isMutual, run, folder, grpc, identity, maxMessageBytes } = options
    this.#options = options
    this.#connection = connection
    this.protocolVersion = reattach.protocolVersion
    this.reattach = isMutual ? null : reattach
    this.stdio = run === null ? null : followStdio(connection)
    this.#host = run === null || run.sockets === null ? null : new HostFolder(reattach.name, run.sockets)
    this.broker = new Broker(run === null ? null : connection, {
      name: reattach.name,
      grpc,
      identity,
      folder,
      host: this.#host,
      maxMessageBytes,
    })
    this.outcome = run?.outcome ?? null
    const release = () => this.#release()
    run?.outcome.then(release, release)
  }

  /** Connects, and believes in the connection when the plugin says that it serves, in at most `withinMs`. */
  static async connect(options: GoPluginOptions, withinMs: number): Promise<GoPlugin> {
    const { folder, reattach, grpc, identity, maxMessageBytes } = options
    const socket = folder.hold(reattach.address)
    const connection = new Connection(socket, { grpc, credentials: identity.dialling, maxMessageBytes })
    try {
      await assertServing(connection, options, withinMs)
      return new GoPlugin(options, connection)
    } catch (error) {
      connection.close()
      // A run that ends at this moment takes its folders along.
      throw error instanceof PluginError ? error : await failureOf(error, 'start', options)
    }
  }

  /**
   * A client of any class of `@grpc/grpc-js`, connected. All share one connection; closing a client closes the client alone.
   * Its errors are those of gRPC: `call` makes them ours.
   */
  client<T>(Class: ClientClass<T>): T {
    return this.#connection.client(Class)
  }

  /**
   * One call as a promise: `kv.call((done) => client.get({ key }, done))`. It ends after `timeoutMs`, 30,000 if not said, whether
   * the plugin answers or not; 0: as long as it takes.
   *
   * @throws CallError `PLUGIN_ENDED` when the plugin is gone (`details.outcome`), `CALL_CANCELLED`, else `CALL_FAILED`
   * @throws TimeoutError `CALL_TIMEOUT`
   */
  async call<T>(
    start: (done: (error: ServiceError | null, response?: T) => void) => unknown,
    options: CallOptions = {},
  ): Promise<T> {
    try {
      return await oneCall(this.#options.reattach.name, start, options)
    } catch (error) {
      if (error instanceof PluginError) throw error
      throw await failureOf(error, 'call', this.#options)
    }
  }

  /** What the plugin says of itself. @throws CallError as `call` does */
  async health(service: string = SERVICE): Promise<Health> {
    try {
      return await this.#connection.unary(HEALTH_CHECK, service, CALL_MS)
    } catch (error) {
      throw await failureOf(error, 'ask for the health of', this.#options)
    }
  }

  /** The same now and each time it changes, until `signal`. @throws CallError as `call` does */
  async *watch(options: WatchOptions = {}): AsyncGenerator<Health> {
    const cannot = `cannot watch ${this.#options.reattach.name}`
    assertKnownOptions(options, WATCH_OPTIONS, cannot)
    const { signal, service = SERVICE } = options
    assertSignal(signal, cannot)
    if (signal?.aborted) return
    const stream = this.#connection.stream(HEALTH_WATCH, service)
    const stop = (): void => stream.cancel()
    // The loop is told by itself; what comes after it, its own cancellation, is nobody's news.
    stream.on('error', () => {})
    signal?.addEventListener('abort', stop, { once: true })
    try {
      for await (const health of stream) yield health as Health
    } catch (error) {
      if (signal?.aborted) return
      throw await failureOf(error, 'watch', this.#options)
    } finally {
      signal?.removeEventListener('abort', stop)
      stop()
    }
  }

  /**
   * Asks the plugin to shut down, waits two seconds, and ends its whole tree. Safe to call twice.
   * One that was reattached to goes on: only the connection is closed, and the answer is `null`.
   */
  close(): Promise<Outcome | null> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<Outcome | null> {
    const { run } = this.#options
    this.broker.close()
    try {
      if (run === null) return null
      await Promise.race([this.#shutDown(), run.outcome.catch(() => null)])
      await endedWithin(run, GRACE_MS)
      return await run.close()
    } finally {
      this.#release()
    }
  }

  async #shutDown(): Promise<void> {
    try {
      await this.#connection.unary(SHUTDOWN, null, SHUTDOWN_MS)
    } catch {
      // A server that stops may end this very call with an error, and one that does not stop is ended next.
    }
  }

  #release(): void {
    this.broker.close()
    this.#connection.close()
    this.stdio?.stdout.finish()
    this.stdio?.stderr.finish()
    this.#options.folder.close()
    this.#host?.close()
  }
}

/** The first call, which also is the proof of mutual TLS: in TLS 1.3 a client's own handshake ends before it is judged. */
async function assertServing(connection: Connection, options: GoPluginOptions, withinMs: number): Promise<void> {
  const { isMutual, reattach } = options
  let health: Health
  try {
    health = await connection.unary(HEALTH_CHECK, SERVICE, withinMs)
  } catch (error) {
    const failure = await failureOf(error, 'start', options)
    const { status } = failure.details
    if (status === 'DEADLINE_EXCEEDED') {
      const message = `cannot start ${reattach.name}: it does not answer at its socket`
      throw new TimeoutError('START_TIMEOUT', message, { cause: error })
    }
    if (!isMutual || status !== 'UNAVAILABLE') throw failure
    const why = printable((error as ServiceError).details ?? '', 200)
    const message = `cannot start ${reattach.name}: no connection by mutual TLS came about (${why})`
    throw new CallError('GRPC_MTLS_REFUSED', message, { cause: error })
  }
  if (health === 'SERVING') return
  throw new CallError('CALL_FAILED', `cannot start ${reattach.name}: it says of itself ${health}`, {
    details: { status: 'OK', health },
  })
}

async function failureOf(error: unknown, verb: string, { grpc, reattach, run }: GoPluginOptions) {
  const { name } = reattach
  if (error instanceof CallError) return error
  const { code: found, details } = (error ?? {}) as Partial<ServiceError>
  // An error of another library has a code of its own, or none.
  const code = typeof found === 'number' ? found : undefined
  if (run !== null && (code === undefined || BROKEN.has(code))) {
    const outcome = await endedWithin(run, END_MS)
    if (outcome !== null) return endedError(`${verb} ${name}`, outcome, { cause: error })
  }
  const status = code === undefined ? 'UNKNOWN' : (grpc.status[code] ?? 'UNKNOWN')
  const why = printable(details ?? (error instanceof Error ? error.message : String(error)), 300)
  return new CallError('CALL_FAILED', `cannot ${verb} ${name}: ${status}, ${why}`, {
    cause: error,
    details: { status },
  })
}
