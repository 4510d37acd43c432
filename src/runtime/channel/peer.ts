import type { Readable, Writable } from 'node:stream'
import { CallError, type PluginError, ResourceLimitError, TimeoutError, UsageError } from '../../core/errors.ts'
import {
  CHANNEL_HINT,
  notificationText,
  RPC_METHODS,
  type RpcMessage,
  type RpcParams,
  readRpcMessage,
  requestText,
} from '../../core/json-rpc.ts'
import { type LineFault, LineReader } from '../../core/line-reader.ts'
import { printable } from '../../core/printable.ts'
import type { ChannelBounds } from './bounds.ts'
import { type CallOptions, Calls } from './calls.ts'
import { Functions, type HostFunction } from './functions.ts'
import { ItemQueue, itemOf } from './item-queue.ts'
import { Outbox } from './outbox.ts'
import { Throttle } from './throttle.ts'

export interface PeerOptions {
  readonly plugin: string
  readonly run: string
  /** What the plugin reads, and what it writes. */
  readonly stdin: Writable
  readonly stdout: Readable
  readonly bounds: ChannelBounds
  readonly functions: Readonly<Record<string, HostFunction>>
  /** Told once: the plugin broke the protocol or a bound. Nothing is read any more; whoever owns the run ends it. */
  readonly onFault: (error: PluginError) => void
  /**
   * Told once: the plugin will say no more, within a message if `isCutOff`, or read no more; mostly since it has ended, which
   * is for its run to say.
   */
  readonly onOutputEnd: (isCutOff: boolean) => void
  /** Told once: it sends more than `inboundPerSecond`. */
  readonly onFlood: () => void
}

export interface StreamOptions extends CallOptions {
  /** Items that may come before they are taken. */
  readonly window?: number | undefined
}

const MESSAGE_HINT = 'bounds.messageBytes of load allows larger ones; a stream takes many small ones'

const WINDOW = 16
const WINDOW_MAX = 4096

/** JSON-RPC 2.0 with a plugin, one message a line, both ways (docs/jsonrpc.md). Every call ends. */
export class JsonRpcPeer {
  readonly #on: PeerOptions
  readonly #outbox: Outbox
  readonly #calls: Calls
  readonly #functions: Functions
  readonly #reader: LineReader
  readonly #inbound: Throttle
  #isSilent = false
  /** Why there will be no answers any more. */
  #over: PluginError | null = null

  constructor(options: PeerOptions) {
    const { bounds, plugin, run, stdin, stdout } = options
    this.#on = options
    this.#outbox = new Outbox(stdin, bounds.outboxBytes)
    this.#calls = new Calls(plugin, bounds.callsMax)
    // Two at their longest: what is at work is held as values, which take many times as much.
    this.#functions = new Functions(options.functions, run, 2 * bounds.messageBytes)
    this.#inbound = new Throttle({ stdout, perSecond: bounds.inboundPerSecond, onFlood: options.onFlood })
    this.#reader = new LineReader({
      maxBytes: bounds.messageBytes,
      onLine: (line) => this.#receive(readRpcMessage(line), line),
      onBlank: () => this.#inbound.count(0),
      onFault: (fault) => this.#fail(this.#lineError(fault)),
    })
    stdout.on('data', (chunk: Buffer) => this.#reader.push(chunk))
    // After an error a stream is closed too.
    stdout.on('error', () => {})
    stdout.on('close', () => this.#onOutputEnd(this.#reader.end()))
    // It does not read any more: nothing can be asked of it.
    stdin.on('close', () => this.#onOutputEnd(false))
  }

  /** Calls that wait for an answer. */
  get pending(): number {
    return this.#calls.size
  }

  /** Resolves as soon as no call waits for an answer, however they ended. */
  whenIdle(): Promise<void> {
    return this.#calls.whenNone()
  }

  /** Calls that the plugin has not answered, whether somebody still waits for them or not. */
  get unanswered(): number {
    return this.#calls.unanswered
  }

  /** There will be no answers any more, or nothing can be asked any more. */
  get isOver(): boolean {
    return this.#over !== null || this.#outbox.isClosed
  }

  /** Bytes of calls that the plugin has not read. */
  get unreadBytes(): number {
    return this.#outbox.bytes
  }

  /** @throws PluginError; never anything else, and never never */
  async call(method: string, params?: RpcParams, options: CallOptions = {}): Promise<unknown> {
    return this.#open(method, params, options, null).answer
  }

  /** @throws ResourceLimitError `PLUGIN_BUSY`, `MESSAGE_TOO_LARGE`; CallError of a plugin that has ended */
  notify(method: string, params?: RpcParams): void {
    if (this.#over !== null) throw this.#over
    this.#put(method, () => notificationText(method, params))
  }

  /**
   * An answer in items. The plugin sends no more of them than are taken; leaving the loop ends it there too.
   * `timeoutMs` bounds the time to each item, not to the last.
   */
  async *stream(
    method: string,
    params?: RpcParams,
    { timeoutMs = 0, signal, window = WINDOW }: StreamOptions = {},
  ): AsyncGenerator<unknown, void, void> {
    if (!Number.isInteger(window) || window < 1 || window > WINDOW_MAX)
      throw new UsageError('USAGE', `cannot stream with a window of ${window}: expected 1 to ${WINDOW_MAX}`)
    const queue = new ItemQueue(window)
    const asked = { method, ...(params === undefined ? {} : { params }), window }
    const onItem = (item: () => unknown): void => {
      if (!queue.put(item)) this.#fail(this.#invalid('it sent more items of a stream than were asked for'))
    }
    const { id, answer } = this.#open(RPC_METHODS.stream, asked, { signal }, onItem, method)
    answer.then(
      () => queue.end(null),
      (error: Error) => queue.end(error),
    )
    let owed = 0
    try {
      for (;;) {
        const next = await this.#inTime(queue.next(), method, timeoutMs)
        if (next === null) return
        yield next.item
        if (++owed < window / 2) continue
        queue.grant(owed)
        if (!queue.hasEnded && this.#over === null) this.notify(RPC_METHODS.more, { id, count: owed })
        owed = 0
      }
    } finally {
      if (this.#calls.abandon(id)) this.#tellCancelled(id)
    }
  }

  /** Ends every call. The plugin sees the end of its input, which is how it is asked to end. */
  close(error: PluginError): void {
    if (this.#over !== null) return
    this.#over = error
    this.#functions.endAll()
    this.#calls.endAll(error)
    this.#outbox.end()
    // What still comes is let go of unread, so that a plugin that has much to say can end.
    this.#reader.end()
    this.#inbound.drain()
  }

  #open(
    method: string,
    params: RpcParams | undefined,
    options: CallOptions,
    onItem: ((item: () => unknown) => void) | null,
    named = method,
  ) {
    if (this.#over !== null) throw this.#over
    return this.#calls.wait(named, options, (id) => this.#put(method, () => requestText(id, method, params)), {
      onAbandoned: (id) => this.#tellCancelled(id),
      onItem,
    })
  }

  #put(method: string, textOf: () => string): void {
    const { plugin, bounds } = this.#on
    let text: string
    try {
      text = textOf()
    } catch (error) {
      throw new UsageError(
        'USAGE',
        `cannot send ${method} to ${plugin}: its parameters are no object and no array, or have no JSON`,
        { cause: error },
      )
    }
    // In UTF-8 a text is at least as long as it has characters, and at most three times that.
    if (text.length * 3 > bounds.messageBytes && Buffer.byteLength(text) > bounds.messageBytes) {
      throw new ResourceLimitError(
        'MESSAGE_TOO_LARGE',
        `cannot send ${method} to ${plugin}: the message has more than ${bounds.messageBytes} bytes`,
        { hint: MESSAGE_HINT },
      )
    }
    if (this.#outbox.put(text)) return
    // Mostly it has just ended, and its run has not said so yet.
    if (this.#outbox.isClosed)
      throw new CallError('PLUGIN_ENDED', `cannot send ${method} to ${plugin}: it does not read any more`)
    throw new ResourceLimitError(
      'PLUGIN_BUSY',
      `cannot send ${method} to ${plugin}: it has not read ${this.#outbox.bytes} bytes of what was sent before`,
    )
  }

  #tellCancelled(id: number): void {
    if (this.#over !== null) return
    const { lateInARow, isStalled } = this.#calls
    const what = isStalled
      ? 'it has not answered thousands of calls'
      : `it has answered none of the last ${lateInARow} calls in time`
    if (isStalled || lateInARow >= this.#on.bounds.lateInARow)
      this.#fail(new TimeoutError('CALL_TIMEOUT', `cannot go on with ${this.#on.plugin}: ${what}`))
    // If it does not even read, it will not learn; the answer is not waited for all the same.
    else this.#outbox.put(notificationText(RPC_METHODS.cancel, { id }))
  }

  #receive(message: RpcMessage, line: string): void {
    switch (message.kind) {
      case 'result':
        if (!this.#calls.answered(message.id, message.result)) this.#fail(this.#unasked(message.id))
        break
      case 'fault':
        if (!this.#calls.failed(message.id, message.fault)) this.#fail(this.#unasked(message.id))
        break
      case 'request':
        void this.#serve(message.id, message.method, message.params, line.length)
        break
      case 'notification':
        this.#notice(message.method, message.params, line)
        break
      case 'invalid':
        this.#fail(this.#invalid(`it sent a line that is no message: ${message.reason}`))
    }
  }

  async #serve(id: number | string, method: string, params: unknown, length: number): Promise<void> {
    this.#inbound.count(length)
    const answer = await this.#functions.answer(id, method, params, length)
    if (this.#over !== null) return
    const isTooLarge = Buffer.byteLength(answer) > this.#on.bounds.messageBytes
    if (isTooLarge) this.#fail(this.#tooLarge(`the answer of ${method} for it is`))
    else if (!this.#outbox.put(answer)) this.#fail(this.#unread())
  }

  #notice(method: string, params: unknown, line: string): void {
    if (method === RPC_METHODS.item) {
      const { id, item } = (params ?? {}) as { id?: unknown; item?: unknown }
      const became = this.#calls.item(id, itemOf(item, line))
      if (became === 'unknown') this.#fail(this.#invalid('it sent an item of no stream'))
      // Those that were asked for are bounded by that.
      if (became === 'late') this.#inbound.count(line.length)
      return
    }
    this.#inbound.count(line.length)
    if (method === RPC_METHODS.cancel) this.#functions.cancel((params as { id?: unknown } | undefined)?.id)
    else void this.#functions.notice(method, params, line.length)
  }

  async #inTime<T>(next: Promise<T>, method: string, timeoutMs: number): Promise<T> {
    if (timeoutMs <= 0) return next
    const late = Promise.withResolvers<never>()
    const what = `cannot wait any longer for ${method} of ${this.#on.plugin}: no item in ${timeoutMs} ms`
    const timer = setTimeout(() => {
      this.#calls.countLate()
      late.reject(new TimeoutError('CALL_TIMEOUT', what))
    }, timeoutMs)
    try {
      return await Promise.race([next, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  #onOutputEnd(isCutOff: boolean): void {
    if (this.#over !== null || this.#isSilent) return
    this.#isSilent = true
    this.#on.onOutputEnd(isCutOff)
  }

  #fail(error: PluginError): void {
    if (this.#over !== null) return
    this.close(error)
    this.#on.onFault(error)
  }

  #invalid(what: string): CallError {
    return new CallError('MESSAGE_INVALID', `cannot go on with ${this.#on.plugin}: ${what}`, { hint: CHANNEL_HINT })
  }

  #unasked(id: unknown): CallError {
    return this.#invalid(`it answered a call that was not made, or answered it twice (id ${idText(id)})`)
  }

  #unread(): ResourceLimitError {
    return new ResourceLimitError('PLUGIN_BUSY', `cannot go on with ${this.#on.plugin}: it calls and reads no answers`)
  }

  #tooLarge(what: string): ResourceLimitError {
    const { plugin, bounds } = this.#on
    return new ResourceLimitError(
      'MESSAGE_TOO_LARGE',
      `cannot go on with ${plugin}: ${what} larger than ${bounds.messageBytes} bytes`,
      { hint: MESSAGE_HINT },
    )
  }

  #lineError(fault: LineFault): PluginError {
    switch (fault) {
      case 'too-large':
        return this.#tooLarge('it sent a message that is')
      case 'not-utf8':
        return this.#invalid('it sent a line that is not UTF-8')
    }
  }
}

/** The plugin's own text. */
const idText = (id: unknown): string => (typeof id === 'string' ? `"${printable(id, 80)}"` : String(id))
