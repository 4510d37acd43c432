import { CallError, PluginError, UsageError } from '../../core/errors.ts'
import { assertKnownOptions, assertListener, type OptionNames } from '../../core/known-options.ts'
import { McpChannel } from '../../runtime/channel/mcp-channel.ts'
import type { ChannelBounds, McpMessage } from '../../runtime/index.ts'
import { planLoad, SERVED_OPTIONS } from '../loaded/load-options.ts'
import type { RunEnd, ServedRun } from '../loaded/served-run.ts'
import { nameOf } from '../plugin-name.ts'
import type { Served, ServeOptions } from '../served.ts'
import type { RunningPlugin } from '../watching.ts'

/** How a server is started. All of it may be left out. */
export interface SandboxedOptions extends Omit<ServeOptions, 'protocol' | 'onTrouble'> {
  /** From the first request to the first answer, in milliseconds; 60,000. */
  readonly startTimeoutMs?: number | undefined
  readonly bounds?: Partial<ChannelBounds> | undefined
}

const SANDBOXED_OPTIONS: OptionNames<SandboxedOptions> = {
  ...SERVED_OPTIONS,
  onStderr: true,
  startTimeoutMs: true,
  bounds: true,
}

/** What a transport needs of a `PluginManager`. */
export interface ServerHost {
  serve(name: string, options: ServeOptions): Promise<Served>
  ps(name: string): Promise<readonly RunningPlugin[]>
}

/** What a server uses at this moment, and what waits for it. */
export interface ServerStats extends RunningPlugin {
  /** Requests without an answer. */
  readonly waiting: number
  readonly unreadBytes: number
}

/**
 * A `Transport` of the official MCP client that ends in a sandbox. Everything the server sends is bounded; what breaks a
 * bound or the protocol, crashes, is revoked or removed closes it: `onerror` has the reason (a PluginError), requests that
 * wait are answered with it (`data` of the error), and `onclose` comes when nothing of the server is left.
 */
export class SandboxedTransport {
  onclose: (() => void) | undefined = undefined
  onerror: ((error: Error) => void) | undefined = undefined
  onmessage: ((message: McpMessage) => void) | undefined = undefined
  readonly #host: ServerHost
  readonly #name: string
  readonly #options: SandboxedOptions
  readonly #bounds: ChannelBounds
  readonly #startTimeoutMs: number
  #starting: Promise<void> | null = null
  #closing: PluginError | null = null
  #served: ServedRun | null = null
  #channel: McpChannel | null = null
  #end: RunEnd | null = null

  /** @throws UsageError naming the option, what was expected and what was found */
  constructor(host: ServerHost, text: string, options: SandboxedOptions) {
    const name = nameOf(text)
    const cannot = `cannot start ${name}`
    assertKnownOptions(options, SANDBOXED_OPTIONS, cannot)
    assertListener(options.onStderr, 'onStderr', cannot)
    if (typeof host?.serve !== 'function')
      throw new UsageError('USAGE', `${cannot}: expected a PluginManager, as openManager() gives it`)
    const { bounds, startTimeoutMs } = planLoad(name, {
      bounds: options.bounds,
      startTimeoutMs: options.startTimeoutMs,
    })
    this.#host = host
    this.#name = name
    this.#options = options
    this.#bounds = bounds
    this.#startTimeoutMs = startTimeoutMs
  }

  /** The run, as `plugins ps` and `history` have it; `null` before it has started. */
  get run(): string | null {
    return this.#served?.run.run ?? null
  }

  /** The server's process, on this host; `null` before it has started. */
  get pid(): number | null {
    return this.#served?.pid ?? null
  }

  /** How it ended, and why; `null` until nothing of it is left. */
  get end(): RunEnd | null {
    return this.#end
  }

  /** Of the client: starts the server. @throws PluginError with the reason why it may not run, or did not start; once only */
  async start(): Promise<void> {
    if (this.#starting !== null || this.#closing !== null)
      throw new UsageError('USAGE', `cannot start ${this.#name}: its transport was started before`)
    this.#starting = this.#start()
    try {
      await this.#starting
    } catch (error) {
      // So that the client is free for another transport.
      this.#tell(() => this.onclose?.())
      throw error
    }
  }

  /** Of the client. @throws PluginError `PLUGIN_BUSY`, `MESSAGE_TOO_LARGE`, or what ended the server; then it was not sent */
  async send(message: McpMessage): Promise<void> {
    if (this.#channel === null)
      throw this.#closing ?? new UsageError('USAGE', `cannot send to ${this.#name}: its transport was not started`)
    this.#channel.send(message)
  }

  /** Ends the input of the server, then the server, then all it has started, and waits until that is done. Safe to call twice. */
  async close(): Promise<void> {
    const isFirst = this.#closing === null
    this.#closing ??= new CallError('PLUGIN_CLOSED', `cannot go on with ${this.#name}: its host has closed it`)
    if (this.#starting === null) {
      if (isFirst) this.#tell(() => this.onclose?.())
      return
    }
    // Why it did not start, `start` has told.
    await this.#starting.catch(() => {})
    await this.#served?.close(this.#closing)
  }

  /** What it uses now, as the kernel counts it; `null` when it does not run. */
  async stats(): Promise<ServerStats | null> {
    const [running] = (await this.#host.ps(this.#name)).filter(({ run }) => run === this.run)
    if (running === undefined || this.#channel === null) return null
    return { ...running, waiting: this.#channel.pending, unreadBytes: this.#channel.unreadBytes }
  }

  async #start(): Promise<void> {
    const { args, name, profile, weaker, env, engine, range, settings, onStderr } = this.#options
    const known = { args, name, profile, weaker, env, engine, range, settings, onStderr }
    const onTrouble = (error: PluginError): void => this.#tell(() => this.onerror?.(error))
    const { served, limitMs } = await this.#host.serve(this.#name, { ...known, protocol: 'mcp', onTrouble })
    if (this.#closing !== null) {
      await served.kill(this.#closing)
      throw this.#closing
    }
    this.#served = served
    this.#channel = this.#channelTo(served, limitMs)
    served.whenOver((why) => this.#over(why))
    void served.ended.then((end) => {
      this.#end = end
      this.#tell(() => this.onclose?.())
    })
  }

  #channelTo(served: ServedRun, limitMs: number): McpChannel {
    const { stdin, stdout } = served
    const bounds = this.#bounds
    return new McpChannel({
      plugin: this.#name,
      stdin,
      stdout,
      bounds,
      limitMs,
      startTimeoutMs: this.#startTimeoutMs,
      onMessage: (message) => this.#receive(message),
      onFault: (error) => void served.kill(error),
      onOutputEnd: async (isCutOff) => {
        const silence = await served.silence(isCutOff)
        if (silence !== null) await served.kill(silence)
      },
      onFlood: () => {
        const what = `it sends more than ${bounds.inboundPerSecond} messages a second, and has to wait`
        const error = new CallError('RATE_LIMITED', `cannot keep up with ${this.#name}: ${what}`)
        this.#tell(() => this.onerror?.(error))
      },
    })
  }

  /** A client that throws must not end what reads from the server. */
  #receive(message: McpMessage): void {
    try {
      this.onmessage?.(message)
    } catch (error) {
      const fault = error instanceof Error ? error : new PluginError('INTERNAL', `cannot take a message: ${error}`)
      this.#tell(() => this.onerror?.(fault))
    }
  }

  #over(why: PluginError): void {
    const isAsked = this.#closing !== null
    this.#closing ??= why
    this.#channel?.close(why)
    // That its host has closed it is no error.
    if (!isAsked) this.#tell(() => this.onerror?.(why))
  }

  /** What the host throws when it is told is its own fault, and comes out as such: it must not keep a server from being ended. */
  #tell(host: () => void): void {
    try {
      host()
    } catch (error) {
      process.nextTick(() => {
        throw error
      })
    }
  }
}
