import { CallError, type PluginError, ResourceLimitError, TimeoutError } from '../../core/errors.ts'
import type { RpcFault } from '../../core/json-rpc.ts'
import { printable } from '../../core/printable.ts'

/** How long one call may take, and who may end it. */
export interface CallOptions {
  /** Milliseconds; 0: as long as it takes. */
  readonly timeoutMs?: number | undefined
  /** Ends the waiting, and tells the plugin. */
  readonly signal?: AbortSignal | undefined
}

interface Waiting {
  readonly method: string
  readonly resolve: (result: unknown) => void
  readonly reject: (error: PluginError) => void
  readonly timer: NodeJS.Timeout | undefined
  readonly unlisten: () => void
  /** Of a stream: what takes its items. */
  readonly onItem: ((item: () => unknown) => void) | null
}

/** Calls whose waiting was given up, and whose answers may still come. */
const ABANDONED_MAX = 4096

/** The calls that wait for an answer. Each ends once: with its answer, its time, its signal, or all at once. */
export class Calls {
  readonly #plugin: string
  readonly #max: number
  readonly #waiting = new Map<number, Waiting>()
  readonly #abandoned = new Set<number>()
  #last = 0
  #lateInARow = 0
  #none: PromiseWithResolvers<void> | null = null

  constructor(plugin: string, max: number) {
    this.#plugin = plugin
    this.#max = max
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Those that were given up too: they may hold up what comes after them. */
  get unanswered(): number {
    return this.#waiting.size + this.#abandoned.size
  }

  /** Resolves as soon as nobody waits for an answer. */
  async whenNone(): Promise<void> {
    if (this.#waiting.size === 0) return
    this.#none ??= Promise.withResolvers<void>()
    await this.#none.promise
  }

  /** Calls whose time ran out since the last answer to any, or the last item of any. */
  get lateInARow(): number {
    return this.#lateInARow
  }

  /** So many were given up without an answer that the plugin does not answer any more. */
  get isStalled(): boolean {
    return this.#abandoned.size >= ABANDONED_MAX
  }

  /**
   * Waits for the answer of a call that `send` sends. `onAbandoned`: nobody waits any more, and the plugin should know.
   *
   * @throws what `send` throws; then nothing waits
   * @throws ResourceLimitError `PLUGIN_BUSY`
   */
  wait(
    method: string,
    { timeoutMs = 0, signal }: CallOptions,
    send: (id: number) => void,
    {
      onAbandoned,
      onItem = null,
    }: { onAbandoned: (id: number) => void; onItem?: ((item: () => unknown) => void) | null },
  ): { readonly id: number; readonly answer: Promise<unknown> } {
    if (signal?.aborted === true) throw this.#cancelled(method, signal)
    if (this.#waiting.size >= this.#max) {
      const what = `${this.#max} calls wait for it already`
      throw new ResourceLimitError('PLUGIN_BUSY', `cannot call ${method} of ${this.#plugin}: ${what}`)
    }
    const id = ++this.#last
    send(id)
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const giveUp = (error: PluginError): void => {
      if (this.#take(id) === undefined) return
      this.#abandoned.add(id)
      reject(error)
      onAbandoned(id)
    }
    const onAbort = () => giveUp(this.#cancelled(method, signal))
    signal?.addEventListener('abort', onAbort, { once: true })
    const late = () => {
      this.#lateInARow++
      giveUp(this.#late(method, timeoutMs))
    }
    const timer = timeoutMs > 0 ? setTimeout(late, timeoutMs) : undefined
    const unlisten = () => signal?.removeEventListener('abort', onAbort)
    this.#waiting.set(id, { method, resolve, reject, timer, unlisten, onItem })
    return { id, answer: promise }
  }

  /** One that has no timer of its own came to the end of its time. */
  countLate(): void {
    this.#lateInARow++
  }

  /** Nobody waits for this one any more, without its being an error. */
  abandon(id: number): boolean {
    if (this.#take(id) === undefined) return false
    this.#abandoned.add(id)
    return true
  }

  /** `false`: nobody waits for it, nor ever did. */
  answered(id: unknown, result: unknown): boolean {
    this.#lateInARow = 0
    const call = this.#take(id)
    call?.resolve(result)
    return call !== undefined || this.#abandoned.delete(id as number)
  }

  failed(id: unknown, { code, message, data }: RpcFault): boolean {
    this.#lateInARow = 0
    const call = this.#take(id)
    call?.reject(
      new CallError('CALL_FAILED', `cannot have ${call.method} of ${this.#plugin}: ${printable(message, 400)}`, {
        details: { rpcCode: code, message: shortened(message), ...(data === undefined ? {} : { data }) },
      }),
    )
    return call !== undefined || this.#abandoned.delete(id as number)
  }

  /** `unknown`: no such stream is open, nor was. */
  item(id: unknown, item: () => unknown): 'taken' | 'late' | 'unknown' {
    this.#lateInARow = 0
    const onItem = this.#waiting.get(id as number)?.onItem
    onItem?.(item)
    if (onItem) return 'taken'
    return this.#abandoned.has(id as number) ? 'late' : 'unknown'
  }

  /** Ends all of them. */
  endAll(error: PluginError): void {
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(error)
    this.#abandoned.clear()
  }

  #take(id: unknown): Waiting | undefined {
    const call = this.#waiting.get(id as number)
    if (call === undefined) return undefined
    this.#waiting.delete(id as number)
    clearTimeout(call.timer)
    call.unlisten()
    if (this.#waiting.size === 0) {
      this.#none?.resolve()
      this.#none = null
    }
    return call
  }

  #late(method: string, timeoutMs: number): TimeoutError {
    return new TimeoutError(
      'CALL_TIMEOUT',
      `cannot wait any longer for ${method} of ${this.#plugin}: no answer in ${Math.round(timeoutMs)} ms`,
    )
  }

  #cancelled(method: string, signal: AbortSignal | undefined): CallError {
    return new CallError('CALL_CANCELLED', `cannot go on with ${method} of ${this.#plugin}: it was cancelled`, {
      cause: signal?.reason,
    })
  }
}

const WORDS_MAX = 1000

/** The plugin's words as they came, bounded: for programs. What goes into the sentence is `printable`. */
const shortened = (text: string): string => (text.length > WORDS_MAX ? `${text.slice(0, WORDS_MAX)}…` : text)
