import type {
  Channel,
  ChannelCredentials,
  Client,
  ClientDuplexStream,
  ClientOptions,
  ClientReadableStream,
  ServiceError,
} from '@grpc/grpc-js'
import { CallError } from '../../core/errors.ts'
import type { GrpcLibrary } from './grpc-library.ts'
import type { HeldSocket } from './plugin-folder.ts'
import type { Method } from './services.ts'

/** Any client class of `@grpc/grpc-js`: generated, or of `makeClientConstructor`. */
export type ClientClass<T> = new (address: string, credentials: ChannelCredentials, options?: object) => T

export interface ConnectionOptions {
  readonly grpc: GrpcLibrary
  readonly credentials: ChannelCredentials
  /** The longest message either way, decompressed. */
  readonly maxMessageBytes: number
}

/** What a client takes for a channel; the library's own class is another, private type. */
type ChannelLike = NonNullable<ClientOptions['channelOverride']>

/** Node's own memory is at stake: a server of the plugin's may send headers, settings and streams as it likes. */
const sessionMemoryMib = (maxMessageBytes: number): number => 16 + 4 * Math.ceil(maxMessageBytes / 2 ** 20)

/** One connection to one server of a plugin, shared by all clients that are made of it. */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #socket: HeldSocket
  readonly #channel: Channel
  readonly #own: Client
  readonly #calls = new OpenCalls()
  #isClosed = false

  constructor(socket: HeldSocket, options: ConnectionOptions) {
    const { grpc, credentials, maxMessageBytes } = options
    this.#options = options
    this.#socket = socket
    this.#channel = new grpc.Channel(`unix:${socket.path}`, credentials, {
      // Not of the process-wide pool, which goes by the path: its number is soon another plugin's socket.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_http_proxy': 0,
      'grpc.default_authority': 'localhost',
      'grpc.ssl_target_name_override': 'localhost',
      'grpc.max_receive_message_length': maxMessageBytes,
      'grpc.max_send_message_length': maxMessageBytes,
      'grpc-node.max_session_memory': sessionMemoryMib(maxMessageBytes),
    })
    this.#own = this.client(grpc.Client)
  }

  /** A client whose calls go over this connection. Closing it closes the client alone. */
  client<T>(Class: ClientClass<T>): T {
    const channel = new LentChannel(this.#channel, this.#calls, () => this.#isClosed)
    return new Class('unix:plugin', this.#options.credentials, { channelOverride: channel })
  }

  unary<Request, Response>(
    { path, encode, decode }: Method<Request, Response>,
    request: Request,
    deadlineMs: number,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, response?: Response) =>
        error === null ? resolve(response as Response) : reject(error)
      this.#own.makeUnaryRequest(path, encode, decode, request, { deadline: Date.now() + deadlineMs }, done)
    })
  }

  stream<Request, Response>(
    { path, encode, decode }: Method<Request, Response>,
    request: Request,
  ): ClientReadableStream<Response> {
    return this.#own.makeServerStreamRequest(path, encode, decode, request)
  }

  duplex<Request, Response>({
    path,
    encode,
    decode,
  }: Method<Request, Response>): ClientDuplexStream<Request, Response> {
    return this.#own.makeBidiStreamRequest(path, encode, decode)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    // The library lets those that have begun go on, over a connection that then nobody ends.
    this.#calls.endAll(this.#options.grpc.status.UNAVAILABLE)
    this.#channel.close()
    this.#socket.close()
  }
}

type Call = ReturnType<ChannelLike['createCall']>

/** Calls that have begun and not ended. */
class OpenCalls {
  readonly #calls = new Set<Call>()

  /** Counts one from its start to its end. */
  follow(call: Call): Call {
    const start = call.start.bind(call)
    call.start = (metadata, listener) => {
      this.#calls.add(call)
      start(metadata, {
        onReceiveMetadata: (received) => listener.onReceiveMetadata(received),
        onReceiveMessage: (message) => listener.onReceiveMessage(message),
        onReceiveStatus: (status) => {
          this.#calls.delete(call)
          listener.onReceiveStatus(status)
        },
      })
    }
    return call
  }

  endAll(status: number): void {
    for (const call of [...this.#calls]) call.cancelWithStatus(status, 'the connection was closed')
  }
}

/** The shared channel as one client has it. */
class LentChannel implements ChannelLike {
  readonly #channel: ChannelLike
  readonly #calls: OpenCalls
  readonly #isGone: () => boolean
  #isClosed = false

  constructor(channel: ChannelLike, calls: OpenCalls, isGone: () => boolean) {
    this.#channel = channel
    this.#calls = calls
    this.#isGone = isGone
  }

  close(): void {
    this.#isClosed = true
  }

  getTarget(): string {
    return this.#channel.getTarget()
  }

  getConnectivityState(tryToConnect: boolean) {
    return this.#channel.getConnectivityState(tryToConnect)
  }

  watchConnectivityState(...args: Parameters<ChannelLike['watchConnectivityState']>): void {
    this.#channel.watchConnectivityState(...args)
  }

  getChannelzRef() {
    return this.#channel.getChannelzRef()
  }

  createCall(...args: Parameters<ChannelLike['createCall']>) {
    if (this.#isClosed || this.#isGone()) {
      throw new CallError('PLUGIN_ENDED', 'cannot call a plugin: the connection was closed')
    }
    return this.#calls.follow(this.#channel.createCall(...args))
  }
}
