// The author's kit, `@bulkhead/plugins/plugin`: one file that needs nothing but Node, made to be bundled into a plugin. It
// speaks `jsonrpc` (docs/jsonrpc.md) on stdin and stdout.
import { Console } from 'node:console'
import { readFileSync } from 'node:fs'
import {
  faultText,
  notificationText,
  RPC_CODES,
  RPC_METHODS,
  type RpcId,
  type RpcParams,
  readRpcMessage,
  requestText,
  resultText,
} from '../core/json-rpc.ts'
import { LineReader } from '../core/line-reader.ts'
import { RpcError } from '../core/rpc-error.ts'

export type { RpcParams } from '../core/json-rpc.ts'
export { RpcError } from '../core/rpc-error.ts'

/** The host that runs this plugin, and what it has granted. */
export interface Host {
  /** Calls a function of the host. @throws RpcError of a function that is not granted, or fails */
  call<T = unknown>(name: string, params?: RpcParams): Promise<T>
  /** Tells the host something; nobody answers. */
  notify(name: string, params?: RpcParams): void
}

export interface Context {
  readonly host: Host
  /** Aborted when the caller does not wait any more. */
  readonly signal: AbortSignal
}

/** A method: its result is the answer; an (async) generator is for callers that stream. What it throws is answered as an error. */
// biome-ignore lint/suspicious/noExplicitAny: an author types the parameters of a method as they are.
export type Method = (params: any, context: Context) => unknown

export interface ServeOptions {
  /** What `health()` of the host is told; what it throws is bad health. */
  readonly health?: (() => unknown) | undefined
}

/**
 * What the operator has set of the manifest's `config`, with its defaults; `{}` for a manifest without one. Secrets are
 * among it: they come by a file that nobody else sees, and never by the environment.
 */
export function config<T = Readonly<Record<string, string | number | boolean>>>(): T {
  const file = process.env.PLUGIN_CONFIG
  return (file === undefined ? {} : JSON.parse(readFileSync(file, 'utf8'))) as T
}

/**
 * Answers calls until the host closes this plugin's input. What is printed to the console goes to stderr from here on:
 * stdout is the channel.
 *
 * @example
 * await serve({
 *   greet: ({ name }) => `Hello, ${name}!`,
 *   async *count({ to }) { for (let i = 1; i <= to; i++) yield i },
 * })
 */
export async function serve(methods: Readonly<Record<string, Method>>, options: ServeOptions = {}): Promise<void> {
  globalThis.console = new Console({ stdout: process.stderr, stderr: process.stderr })
  const session = new Session(new Map(Object.entries(methods)), options.health ?? (() => null))
  // Not by node:readline: it takes U+2028 for the end of a line, and JSON does not.
  const reader = new LineReader({
    maxBytes: LINE_MAX_BYTES,
    onLine: (line) => session.receive(line),
    onFault: (fault) => console.error(`cannot read what the host sends: ${fault}`),
  })
  // What Node makes when it is first asked for: the first caller should not wait for it.
  void process.stdout
  for await (const chunk of process.stdin) reader.push(chunk as Buffer)
  session.end()
}

/** As much as a host can be told to send. */
const LINE_MAX_BYTES = 2 ** 28

interface AtWork {
  readonly control: AbortController
  /** Of a stream: how many more items may be sent, and who waits for more. */
  window: number
  more: (() => void) | null
}

class Session implements Host {
  readonly #methods: ReadonlyMap<string, Method>
  readonly #health: () => unknown
  readonly #atWork = new Map<RpcId, AtWork>()
  readonly #waiting = new Map<RpcId, PromiseWithResolvers<unknown>>()
  #last = 0

  constructor(methods: ReadonlyMap<string, Method>, health: () => unknown) {
    this.#methods = methods
    this.#health = health
  }

  receive(line: string): void {
    const message = readRpcMessage(line)
    switch (message.kind) {
      case 'request':
        void this.#answer(message.id, message.method, message.params)
        break
      case 'notification':
        this.#notice(message.method, message.params)
        break
      case 'result':
        this.#take(message.id)?.resolve(message.result)
        break
      case 'fault': {
        const { code, message: words, data } = message.fault
        if (message.id !== null) this.#take(message.id)?.reject(new RpcError(words, { code, data }))
        break
      }
      case 'invalid':
        console.error(`a line of the host is no message: ${message.reason}`)
    }
  }

  call<T>(name: string, params?: RpcParams): Promise<T> {
    const id = ++this.#last
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(id, waiting)
    send(requestText(id, name, params))
    return waiting.promise as Promise<T>
  }

  notify(name: string, params?: RpcParams): void {
    send(notificationText(name, params))
  }

  /** Nobody is there any more. */
  end(): void {
    for (const { control } of this.#atWork.values()) control.abort()
    for (const { reject } of this.#waiting.values()) reject(new RpcError('the host has closed the channel'))
    this.#waiting.clear()
  }

  async #answer(id: RpcId, method: string, params: unknown): Promise<void> {
    try {
      const text = resultText(id, await this.#work(id, method, params))
      send(text)
    } catch (error) {
      // For whoever reads the log: the caller has the sentence, and not where it came from.
      if (!(error instanceof RpcError)) console.error(error)
      send(faultText(id, faultFor(error)))
    } finally {
      this.#atWork.delete(id)
    }
  }

  #work(id: RpcId, method: string, params: unknown): unknown {
    if (method === RPC_METHODS.health) return this.#health()
    const work: AtWork = { control: new AbortController(), window: 0, more: null }
    this.#atWork.set(id, work)
    const context: Context = { host: this, signal: work.control.signal }
    if (method !== RPC_METHODS.stream) return this.#one(this.#method(method)(params ?? {}, context))
    const asked = (params ?? {}) as { method?: unknown; params?: unknown; window?: unknown }
    work.window = typeof asked.window === 'number' ? asked.window : 1
    return this.#stream(id, work, this.#method(String(asked.method))(asked.params ?? {}, context))
  }

  /** An answer; a generator has no JSON, and would come to `{}`. */
  async #one(made: unknown): Promise<unknown> {
    const result = await made
    if (!isIterable(result) || typeof (result as { next?: unknown }).next !== 'function') return result
    await (result as { return?: () => unknown }).return?.()
    throw new RpcError('this method answers in items: stream it', { code: RPC_CODES.invalidRequest })
  }

  async #stream(id: RpcId, work: AtWork, made: unknown): Promise<null> {
    const items = await made
    if (!isIterable(items)) throw new RpcError('this method does not stream', { code: RPC_CODES.invalidRequest })
    const { signal } = work.control
    for await (const item of items) {
      while (work.window === 0 && !signal.aborted) await new Promise<void>((resolve) => (work.more = resolve))
      // Leaving the loop ends the generator, with its `finally`.
      if (signal.aborted) throw new RpcError('it was cancelled', { code: RPC_CODES.cancelled })
      work.window--
      send(notificationText(RPC_METHODS.item, { id, item: item ?? null }))
    }
    return null
  }

  #notice(method: string, params: unknown): void {
    const { id, count } = (params ?? {}) as { id?: RpcId; count?: unknown }
    const work = id === undefined ? undefined : this.#atWork.get(id)
    if (method === RPC_METHODS.cancel) work?.control.abort()
    if (method === RPC_METHODS.more && typeof count === 'number' && work !== undefined) work.window += count
    if (method === RPC_METHODS.cancel || method === RPC_METHODS.more) {
      work?.more?.()
      return
    }
    const told = this.#methods.get(method)
    const context: Context = { host: this, signal: new AbortController().signal }
    // JSON-RPC 2.0, section 4.1: whoever notifies learns nothing; whoever reads the log does.
    void (async () => told?.(params ?? {}, context))().catch((error) => console.error(error))
  }

  #method(name: string): Method {
    const method = this.#methods.get(name)
    if (method !== undefined) return method
    throw new RpcError('no such method', { code: RPC_CODES.methodNotFound })
  }

  #take(id: RpcId): PromiseWithResolvers<unknown> | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }
}

const send = (text: string): void => void process.stdout.write(text)

/** The host is told in full: it is the one that must find out. */
function faultFor(error: unknown): { code: number; message: string; data?: unknown } {
  if (error instanceof RpcError) {
    const { code, message, data } = error
    return { code, message, ...(data === undefined ? {} : { data }) }
  }
  return { code: RPC_CODES.failed, message: error instanceof Error ? error.message : String(error) }
}

const isIterable = (value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> =>
  typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
