import { createServer } from 'node:net'
import type { ClientDuplexStream, Server } from '@grpc/grpc-js'
import { CallError, UsageError } from '../../core/errors.ts'
import { printable } from '../../core/printable.ts'
import { type ClientClass, Connection } from './connection.ts'
import type { Identity } from './credentials.ts'
import type { GrpcLibrary } from './grpc-library.ts'
import type { HostFolder } from './host-folder.ts'
import { MessagePace } from './message-pace.ts'
import type { PluginFolder } from './plugin-folder.ts'
import { type ConnInfo, START_STREAM } from './services.ts'

/** As long as go-plugin waits for the other side, and keeps what nobody asked for. */
const PENDING_MS = 5_000
/** Announced and not yet asked for; a plugin could announce without end. */
const PENDING_MAX = 256
/**
 * Of each server of this side. gRPC keeps what has come of a message until it is whole, for each stream by itself, so these
 * two and the longest message are what a plugin can have its host keep: `HALF_SENT_BYTES`, or four messages on each connection.
 */
const CONNECTIONS_MAX = 4
const STREAMS_MAX = 128
const STREAMS_MIN = 4
const HALF_SENT_BYTES = 512 * 2 ** 20
const ID_MAX = 2 ** 32 - 1

/** A server of this process that the plugin was told of. */
export interface AcceptedServer {
  readonly id: number
  /** Ends its connections, too. */
  close(): void
}

/** A connection to a further server of the plugin. */
export interface DialledServer {
  readonly id: number
  /** A client of it. Closing the client closes no connection. */
  client<T>(Class: ClientClass<T>): T
  close(): void
}

export interface BrokerOptions {
  readonly name: string
  readonly grpc: GrpcLibrary
  readonly identity: Identity
  /** Where the plugin's sockets are. */
  readonly folder: PluginFolder
  /** Where ours are; `null`: nowhere. */
  readonly host: HostFolder | null
  readonly maxMessageBytes: number
}

/**
 * Further connections between host and plugin, each with a number that one side tells the other in messages of its own.
 * Not multiplexed: each is a socket, in the plugin's private /tmp or in the folder that it is shown.
 */
export class Broker {
  readonly #options: BrokerOptions
  readonly #stream: ClientDuplexStream<ConnInfo, ConnInfo> | null
  readonly #announced = new Map<number, { readonly info: ConnInfo; readonly timer: NodeJS.Timeout }>()
  readonly #waiting = new Map<number, (info: ConnInfo | null) => void>()
  readonly #open = new Set<{ close(): void }>()
  #lastId = 0
  #isClosed = false

  /**
   * `connection`: the first one to the plugin; `null` for any other. A plugin has one stream of announcements, and takes its
   * whole broker down when a second one ends.
   */
  constructor(connection: Connection | null, options: BrokerOptions) {
    this.#options = options
    this.#stream = connection?.duplex(START_STREAM) ?? null
    if (this.#stream === null) {
      this.#isClosed = true
      return
    }
    const pace = new MessagePace(this.#stream)
    this.#stream.on('data', (info: ConnInfo) => {
      this.#take(info)
      pace.count(info.address.length)
    })
    // The plugin has no broker, or has gone: whoever waits for it is told so.
    this.#stream.on('error', () => this.#end())
    this.#stream.once('end', () => this.#end())
  }

  /** A number that this side has not given yet. */
  nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }

  /**
   * Serves what `register` adds, on a socket of its own, and tells the plugin of it.
   *
   * @throws CallError `GRPC_BROKER_FAILED`
   */
  async accept(id: number, register: (server: Server) => void): Promise<AcceptedServer> {
    const { name, grpc, identity, host, maxMessageBytes } = this.#options
    if (typeof register !== 'function')
      throw new UsageError(
        'USAGE',
        `cannot serve ${name}: expected a function that adds services, found ${typeof register}`,
      )
    this.#assertUsable(id)
    if (host === null) throw this.#failure(id, 'its run has no folder for sockets of this process')
    const server = new grpc.Server({
      'grpc.max_receive_message_length': maxMessageBytes,
      'grpc.max_send_message_length': maxMessageBytes,
      'grpc.max_concurrent_streams': streamsOf(maxMessageBytes),
    })
    register(server)
    const injector = server.createConnectionInjector(identity.serving)
    const listener = createServer((socket) => injector.injectConnection(socket))
    listener.maxConnections = CONNECTIONS_MAX
    const address = await host.listen(listener)
    // Of single connections: they end, and the next one is another.
    listener.on('error', () => {})
    const accepted = {
      id,
      close: () => {
        if (!this.#open.delete(accepted)) return
        listener.close()
        injector.destroy()
        server.forceShutdown()
      },
    }
    this.#open.add(accepted)
    try {
      this.#assertUsable(id)
      this.#stream?.write({ serviceId: id, network: 'unix', address })
    } catch (error) {
      accepted.close()
      throw error
    }
    return accepted
  }

  /**
   * Connects to the server that the plugin announced under a number, or does so within five seconds.
   *
   * @throws CallError `GRPC_BROKER_FAILED`, `GRPC_ADDRESS_REFUSED`
   */
  async dial(id: number): Promise<DialledServer> {
    this.#assertUsable(id)
    const { name, grpc, identity, folder, maxMessageBytes } = this.#options
    const info = await this.#announcement(id)
    if (info === null) throw this.#failure(id, 'the plugin did not announce it within 5 seconds')
    if (info.network !== 'unix') {
      throw this.#failure(id, `${name} listens on "${printable(info.network, 40)}", expected unix`)
    }
    const socket = folder.hold(info.address)
    const connection = new Connection(socket, { grpc, credentials: identity.dialling, maxMessageBytes })
    const dialled = {
      id,
      client: <T>(Class: ClientClass<T>) => connection.client(Class),
      close: () => {
        if (this.#open.delete(dialled)) connection.close()
      },
    }
    this.#open.add(dialled)
    return dialled
  }

  /** Ends every server and connection that came of it. */
  close(): void {
    this.#end()
    this.#stream?.cancel()
    for (const one of [...this.#open]) one.close()
  }

  #take(info: ConnInfo): void {
    const id = info.serviceId
    const waiting = this.#waiting.get(id)
    if (waiting !== undefined) {
      waiting(info)
      return
    }
    // The first one counts, and those that are kept are bounded.
    if (this.#announced.has(id) || this.#announced.size >= PENDING_MAX) return
    const timer = setTimeout(() => this.#announced.delete(id), PENDING_MS).unref()
    this.#announced.set(id, { info, timer })
  }

  #announcement(id: number): Promise<ConnInfo | null> {
    const kept = this.#announced.get(id)
    if (kept !== undefined) {
      clearTimeout(kept.timer)
      this.#announced.delete(id)
      return Promise.resolve(kept.info)
    }
    if (this.#waiting.has(id)) throw this.#failure(id, 'somebody waits for it already')
    const { promise, resolve } = Promise.withResolvers<ConnInfo | null>()
    const timer = setTimeout(() => this.#waiting.get(id)?.(null), PENDING_MS)
    this.#waiting.set(id, (info) => {
      clearTimeout(timer)
      this.#waiting.delete(id)
      resolve(info)
    })
    return promise
  }

  #end(): void {
    this.#isClosed = true
    for (const tell of [...this.#waiting.values()]) tell(null)
    for (const { timer } of this.#announced.values()) clearTimeout(timer)
    this.#announced.clear()
  }

  #assertUsable(id: number): void {
    if (!Number.isInteger(id) || id < 0 || id > ID_MAX) throw this.#failure(id, 'a number has 32 bits')
    if (this.#isClosed) throw this.#failure(id, 'the plugin has no broker, was closed, or was reattached to')
  }

  #failure(id: number, why: string): CallError {
    const message = `cannot connect to server ${id} of ${this.#options.name}: ${why}`
    return new CallError('GRPC_BROKER_FAILED', message)
  }
}

/** More calls at once wait on the plugin's side: HTTP/2, SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113, 6.5.2). */
function streamsOf(maxMessageBytes: number): number {
  const each = Math.floor(HALF_SENT_BYTES / CONNECTIONS_MAX / maxMessageBytes)
  return Math.min(STREAMS_MAX, Math.max(STREAMS_MIN, each))
}
