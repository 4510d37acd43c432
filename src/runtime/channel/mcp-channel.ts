import type { Readable, Writable } from 'node:stream'
import { CallError, type PluginError, ResourceLimitError, TimeoutError, UsageError } from '../../core/errors.ts'
import {
  CHANNEL_HINT,
  faultText,
  notificationText,
  RPC_CODES,
  type RpcId,
  type RpcMessage,
  readRpcLine,
  rpcMessageOf,
} from '../../core/json-rpc.ts'
import { type LineFault, LineReader } from '../../core/line-reader.ts'
import { printable } from '../../core/printable.ts'
import { Asked } from './asked.ts'
import { AT_ONCE_MAX, AtWork } from './at-work.ts'
import type { ChannelBounds } from './bounds.ts'
import { Outbox } from './outbox.ts'
import { Throttle } from './throttle.ts'

/** A message of the Model Context Protocol: one of JSON-RPC 2.0, whose `params` and `result` are objects. */
export interface McpMessage {
  readonly jsonrpc: '2.0'
}

export interface McpChannelOptions {
  readonly plugin: string
  /** What the server reads, and what it writes. */
  readonly stdin: Writable
  readonly stdout: Readable
  readonly bounds: ChannelBounds
  /** How long one request of the host may wait for its answer, in milliseconds; 0: as long as it takes. */
  readonly limitMs: number
  /** From the first request to the first answer, in milliseconds. */
  readonly startTimeoutMs: number
  readonly onMessage: (message: McpMessage) => void
  /** Told once: the server broke the protocol or a bound. Nothing is read any more; whoever owns the run ends it. */
  readonly onFault: (error: PluginError) => void
  /** The server will say no more, within a message if `isCutOff`. */
  readonly onOutputEnd: (isCutOff: boolean) => void
  /** Told once: it sends more than `inboundPerSecond`. */
  readonly onFlood: () => void
}

/** MCP 2025-11-25, basic/utilities/cancellation: both sides say so by this. */
const CANCELLED = 'notifications/cancelled'
/** What the official clients give a request that took too long. */
const LATE_CODE = -32001

/**
 * Messages of the Model Context Protocol with a server that is not trusted, one a line, both ways. What they say is the
 * client's affair; here is what they may cost, and that each request of the client ends: answered, late, or with the server.
 */
export class McpChannel {
  readonly #on: McpChannelOptions
  readonly #outbox: Outbox
  readonly #asked: Asked
  readonly #reader: LineReader
  readonly #inbound: Throttle
  readonly #atWork = new AtWork()
  #coming: NodeJS.Timeout | undefined
  #hasAnswered = false
  #over: PluginError | null = null

  constructor(options: McpChannelOptions) {
    const { bounds, stdin, stdout, limitMs } = options
    this.#on = options
    this.#outbox = new Outbox(stdin, bounds.outboxBytes)
    this.#asked = new Asked({ max: bounds.callsMax, limitMs, onLate: (id) => this.#late(id) })
    this.#inbound = new Throttle({ stdout, perSecond: bounds.inboundPerSecond, onFlood: options.onFlood })
    this.#reader = new LineReader({
      maxBytes: bounds.messageBytes,
      onLine: (line) => this.#receive(line),
      onFault: (fault) => this.#fail(this.#lineError(fault)),
      onBlank: () => this.#inbound.count(),
    })
    stdout.on('data', (chunk: Buffer) => this.#reader.push(chunk))
    // After an error a stream is closed too.
    stdout.on('error', () => {})
    stdout.on('close', () => {
      const isCutOff = this.#reader.end()
      if (this.#over === null) options.onOutputEnd(isCutOff)
    })
  }

  /** Requests that wait for an answer. */
  get pending(): number {
    return this.#asked.size
  }

  /** Bytes that the server has not read. */
  get unreadBytes(): number {
    return this.#outbox.bytes
  }

  /** @throws PluginError `PLUGIN_BUSY`, `MESSAGE_TOO_LARGE`, `USAGE`, or why nothing is sent any more; then it was not sent */
  send(message: McpMessage): void {
    if (this.#over !== null) throw this.#over
    const { plugin } = this.#on
    const known = rpcMessageOf(message)
    switch (known.kind) {
      case 'request': {
        const what = `cannot send ${known.method} to ${plugin}`
        if (this.#asked.has(known.id)) throw new UsageError('USAGE', `${what}: a request with its id waits already`)
        if (this.#asked.isFull)
          throw new ResourceLimitError('PLUGIN_BUSY', `${what}: ${this.#asked.size} requests wait for it already`)
        this.#put(known.method, message)
        this.#asked.add(known.id)
        this.#awaitStart()
        break
      }
      case 'notification':
        // Whether the server learns of it or not.
        if (known.method === CANCELLED) this.#cancelled(known.params)
        this.#put(known.method, message)
        break
      case 'result':
      case 'fault':
        this.#atWork.end(known.id)
        this.#answer('an answer', message)
        break
      case 'invalid':
        throw new UsageError('USAGE', `cannot send a message to ${plugin}: ${known.reason}`)
    }
  }

  /** Ends every request that waits, with the reason. The server sees the end of its input, which is how it is asked to end. */
  close(error: PluginError): void {
    if (this.#over !== null) return
    this.#over = error
    clearTimeout(this.#coming)
    this.#atWork.endAll()
    this.#outbox.end()
    // What still comes is let go of unread, so that a server that has much to say can end.
    this.#reader.end()
    this.#inbound.drain()
    for (const id of this.#asked.endAll()) this.#tell(id, RPC_CODES.failed, error)
  }

  #put(what: string, message: McpMessage): void {
    const { plugin, bounds } = this.#on
    let text: string
    try {
      text = `${JSON.stringify(message)}\n`
    } catch (error) {
      throw new UsageError('USAGE', `cannot send ${what} to ${plugin}: it has no JSON`, { cause: error })
    }
    // In UTF-8 a text is at least as long as it has characters, and at most three times that.
    if (text.length * 3 > bounds.messageBytes && Buffer.byteLength(text) > bounds.messageBytes) {
      const size = `the message has more than ${bounds.messageBytes} bytes`
      throw new ResourceLimitError('MESSAGE_TOO_LARGE', `cannot send ${what} to ${plugin}: ${size}`)
    }
    if (this.#outbox.put(text)) return
    const unread = `it has not read ${this.#outbox.bytes} bytes of what was sent before`
    throw new ResourceLimitError('PLUGIN_BUSY', `cannot send ${what} to ${plugin}: ${unread}`)
  }

  /** An answer that is not taken is one that the server waits for, so it does not go on. */
  #answer(what: string, message: McpMessage): void {
    try {
      this.#put(what, message)
    } catch (error) {
      if (error instanceof ResourceLimitError && error.code === 'PLUGIN_BUSY') this.#fail(this.#unread())
      throw error
    }
  }

  #awaitStart(): void {
    if (this.#hasAnswered || this.#coming !== undefined) return
    const { plugin, startTimeoutMs } = this.#on
    this.#coming = setTimeout(() => {
      const what = `it was started and gave no answer in ${startTimeoutMs} ms`
      const hint = `plugins logs ${plugin} has what it wrote to stderr`
      this.#fail(new TimeoutError('START_TIMEOUT', `cannot use ${plugin}: ${what}`, { hint }))
    }, startTimeoutMs)
  }

  #receive(line: string): void {
    if (this.#over !== null) return
    const { message: known, value } = readRpcLine(line)
    const refusal = known.kind === 'invalid' ? known.reason : refusalOf(known)
    if (refusal !== null) this.#fail(this.#invalid(refusal))
    else if (this.#isForHost(known, line.length)) this.#on.onMessage(value as McpMessage)
  }

  /** Keeps the account of what was asked and answered, both ways. */
  #isForHost(message: RpcMessage, characters: number): boolean {
    switch (message.kind) {
      case 'result':
      case 'fault':
        return this.#isWaitedFor(message.id)
      case 'request':
        this.#inbound.count(characters)
        return this.#isServed(message.id)
      case 'notification':
        this.#inbound.count(characters)
        if (message.method === CANCELLED) this.#atWork.takeBack(idIn(message.params))
        return true
      case 'invalid':
        return false
    }
  }

  #isWaitedFor(id: RpcId | null): boolean {
    const answered = id === null ? 'unasked' : this.#asked.answered(id)
    if (answered === 'unasked') {
      const what = `it answers a request that was not made, or answers it twice (id ${printable(JSON.stringify(id))})`
      this.#fail(this.#invalid(what))
    }
    this.#hasAnswered = true
    clearTimeout(this.#coming)
    return answered === 'waited-for'
  }

  #isServed(id: RpcId): boolean {
    const isTwice = this.#atWork.has(id)
    if (!isTwice && this.#atWork.begin(id)) return true
    const fault = isTwice
      ? { code: RPC_CODES.invalidRequest, message: 'this id is in use' }
      : { code: RPC_CODES.busy, message: `${AT_ONCE_MAX} requests are at work already` }
    if (!this.#outbox.put(faultText(id, fault))) this.#fail(this.#unread())
    return false
  }

  /** The host does not wait for one any more. */
  #cancelled(params: unknown): void {
    const id = idIn(params)
    if (id !== undefined) this.#asked.abandon(id as RpcId)
  }

  #late(id: RpcId): void {
    const { plugin, limitMs } = this.#on
    const reason = `no answer in ${limitMs} ms, which is its limit`
    // If it does not even read, it will not learn; its answer is not waited for all the same.
    this.#outbox.put(notificationText(CANCELLED, { requestId: id, reason }))
    this.#tell(id, LATE_CODE, new TimeoutError('CALL_TIMEOUT', `cannot wait any longer for ${plugin}: ${reason}`))
  }

  /** In the place of the answer that will not come, so that whoever waits learns why: `data` is the error. */
  #tell(id: RpcId, code: number, error: PluginError): void {
    const message = { jsonrpc: '2.0' as const, id, error: { code, message: error.message, data: error.toJSON() } }
    this.#on.onMessage(message)
  }

  #fail(error: PluginError): void {
    if (this.#over !== null) return
    this.close(error)
    this.#on.onFault(error)
  }

  #invalid(what: string): CallError {
    return new CallError(
      'MESSAGE_INVALID',
      `cannot go on with ${this.#on.plugin}: it sent no message of MCP: ${what}`,
      { hint: CHANNEL_HINT },
    )
  }

  #unread(): ResourceLimitError {
    const what = 'it makes requests and reads no answers'
    return new ResourceLimitError('PLUGIN_BUSY', `cannot go on with ${this.#on.plugin}: ${what}`)
  }

  #lineError(fault: LineFault): PluginError {
    const { plugin, bounds } = this.#on
    switch (fault) {
      case 'too-large': {
        const what = `it sent a message that is larger than ${bounds.messageBytes} bytes`
        return new ResourceLimitError('MESSAGE_TOO_LARGE', `cannot go on with ${plugin}: ${what}`)
      }
      case 'not-utf8':
        return this.#invalid('it is not UTF-8')
    }
  }
}

/** What JSON-RPC allows and MCP does not: a client would have to be written for it. */
function refusalOf(message: RpcMessage): string | null {
  if ((message.kind === 'request' || message.kind === 'notification') && Array.isArray(message.params))
    return 'its "params" is an array'
  if (message.kind !== 'result') return null
  const { result } = message
  return typeof result === 'object' && result !== null && !Array.isArray(result) ? null : 'its "result" is no object'
}

const idIn = (params: unknown): unknown => (params as { requestId?: unknown } | undefined)?.requestId
