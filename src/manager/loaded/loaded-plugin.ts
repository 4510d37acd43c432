import { Durations } from '../../core/durations.ts'
import { CallError, PluginError, ResourceLimitError, UsageError } from '../../core/errors.ts'
import { RPC_METHODS, type RpcParams } from '../../core/json-rpc.ts'
import { assertKnownOptions, assertSignal, type OptionNames } from '../../core/known-options.ts'
import type { PluginName } from '../../core/name.ts'
import { printable } from '../../core/printable.ts'
import type { Circuit } from '../../core/restart-policy.ts'
import { TokenBucket } from '../../core/token-bucket.ts'
import type { CallOptions, JournalLine, StreamOptions } from '../../runtime/index.ts'
import { compared, type PluginStats, type RunningPlugin } from '../watching.ts'
import type { Instance } from './instance.ts'
import type { Instances } from './instances.ts'
import { LONGEST_MS, type LoadPlan } from './load-options.ts'
import { PLUGIN_EVENTS, PluginEmitter, type PluginEvents, type PluginListeners } from './plugin-events.ts'

export interface InstanceHealth {
  readonly run: string
  readonly pid: number
  /** `unknown`: it answers, and has no health of its own to tell. */
  readonly status: 'ok' | 'unknown' | 'failing'
  /** How long the answer took, in milliseconds. */
  readonly ms: number
  /** The plugin's own words, or the error. */
  readonly detail: unknown
}

export interface PluginHealth {
  /** `down`: no instance answers; `degraded`: not all of them do. */
  readonly status: 'ok' | 'degraded' | 'down'
  readonly instances: readonly InstanceHealth[]
}

export interface LoadedStats {
  readonly calls: {
    readonly made: number
    readonly failed: number
    readonly waiting: number
    /** Of the last 1,024 that were answered, in milliseconds; `null` before the first. */
    readonly p50Ms: number | null
    readonly p99Ms: number | null
  }
  readonly restarts: number
  readonly circuit: Circuit
  /** What each uses at this moment, as the kernel counts it. `cpuPermille`: since `stats` was asked before, or since it began. */
  readonly instances: readonly (PluginStats & { readonly waiting: number; readonly unreadBytes: number })[]
}

export interface CloseOptions {
  /** How long calls that wait may still be answered, in milliseconds; 2,000 if not said. */
  readonly drainMs?: number | undefined
}

const CALL_OPTIONS: OptionNames<CallOptions> = { timeoutMs: true, signal: true }
const STREAM_OPTIONS: OptionNames<StreamOptions> = { ...CALL_OPTIONS, window: true }
const CLOSE_OPTIONS: OptionNames<CloseOptions> = { drainMs: true }

const HEALTH_MS = 5_000
const DRAIN_MS = 2_000

/**
 * A plugin that was verified, confined and limited, and that answers. Hold it with `await using`, or close it.
 *
 * A call is never made twice: when the instance that has it ends, the call ends with that, and what it may have done
 * is done.
 */
export class LoadedPlugin extends PluginEmitter implements AsyncDisposable {
  readonly name: PluginName
  readonly #plan: LoadPlan
  readonly #instances: Instances
  readonly #look: () => Promise<readonly RunningPlugin[]>
  readonly #rate: TokenBucket | null
  readonly #durations = new Durations()
  /** As they were when `stats` was asked before. */
  #before: readonly RunningPlugin[] = []
  #made = 0
  #failed = 0
  #waiting = 0
  #idle: (() => void) | null = null
  #closed: Promise<void> | null = null
  #over: PluginError | null = null
  readonly #ending = new AbortController()
  readonly #gone = new AbortController()
  #isRevoked = false

  /** Of `load` alone. */
  constructor(plan: LoadPlan, instances: Instances, look: () => Promise<readonly RunningPlugin[]>) {
    super()
    this.name = plan.name
    this.#plan = plan
    this.#instances = instances
    this.#look = look
    this.#rate = plan.rate === null ? null : new TokenBucket(plan.rate, performance.now())
    for (const name of Object.keys(PLUGIN_EVENTS) as (keyof PluginEvents)[]) this.#listen(name, plan.on)
  }

  /**
   * Calls a method and waits for its answer, at most `timeoutMs` (what `load` was told, or the plugin's own limit).
   *
   * @throws CallError `CALL_FAILED` (the plugin says so), `CALL_CANCELLED`, `PLUGIN_ENDED`, `MESSAGE_INVALID`, `CIRCUIT_OPEN`, `PLUGIN_CLOSED`
   * @throws TimeoutError `CALL_TIMEOUT`, `PLUGIN_LIMITED`
   * @throws UsageError `USAGE` for a method that begins with `$/`: those are the channel's own
   * @throws ResourceLimitError `PLUGIN_BUSY`, `RATE_LIMITED`, `MESSAGE_TOO_LARGE`, `PLUGIN_LIMITED`
   */
  async call<T = unknown>(method: string, params?: RpcParams, options: CallOptions = {}): Promise<T> {
    assertKnownOptions(options, CALL_OPTIONS, `cannot call ${this.name}`)
    return (await this.#counted(method, options, (instance, left) =>
      instance.peer.call(method, params, { ...left, signal: options.signal }),
    )) as T
  }

  /** Tells the plugin something, without an answer: to one of its instances. @throws as `call`, of what is found out before it is sent */
  async notify(method: string, params?: RpcParams): Promise<void> {
    await this.#counted(method, {}, async (instance) => instance.peer.notify(method, params))
  }

  /**
   * Calls a method that answers in items (an async generator of the author's kit). No more of them come than are taken;
   * leaving the loop ends it in the plugin. `timeoutMs` bounds the time to each item.
   *
   * @throws as `call`
   */
  async *stream<T = unknown>(
    method: string,
    params?: RpcParams,
    options: StreamOptions = {},
  ): AsyncGenerator<T, void, void> {
    assertKnownOptions(options, STREAM_OPTIONS, `cannot stream from ${this.name}`)
    const timeoutMs = this.#timeoutOf(options)
    this.#admit(method)
    try {
      const instance = this.#instances.idlest() ?? (await this.#instances.available(timeoutMs, options.signal))
      for await (const item of instance.peer.stream(method, params, { ...options, timeoutMs })) yield item as T
    } catch (error) {
      this.#failed++
      throw error
    } finally {
      this.#leave()
    }
  }

  /** Asks every instance. Never rejects because of a plugin: an instance that does not answer is `failing`. */
  async health(options: { readonly timeoutMs?: number } = {}): Promise<PluginHealth> {
    const timeoutMs = this.#timeoutOf({ timeoutMs: options.timeoutMs ?? HEALTH_MS })
    const live = this.#instances.live
    const instances = await Promise.all(live.map((instance) => healthOf(instance, timeoutMs)))
    const isGood = instances.filter(({ status }) => status !== 'failing').length
    const status = isGood === 0 ? 'down' : isGood < this.#plan.instances ? 'degraded' : 'ok'
    return { status, instances }
  }

  /** What was called, and what each instance uses now. */
  async stats(): Promise<LoadedStats> {
    const live = new Map(this.#instances.live.map((instance) => [instance.run.run, instance]))
    const looked = await this.#look()
    const running = compared(this.#before, looked)
    this.#before = looked
    return {
      calls: {
        made: this.#made,
        failed: this.#failed,
        waiting: this.#waiting,
        p50Ms: this.#durations.percentile(50),
        p99Ms: this.#durations.percentile(99),
      },
      restarts: this.#instances.restarts,
      circuit: this.#instances.circuit,
      instances: running.flatMap((one) => {
        const peer = live.get(one.run)?.peer
        return peer === undefined ? [] : [{ ...one, waiting: peer.pending, unreadBytes: peer.unreadBytes }]
      }),
    }
  }

  /**
   * Each instance by a new one, of the version that is installed now. Calls that wait at an old one may be answered for `drainMs`, and
   * end with it then: `PLUGIN_CLOSED`. Of several at a time the shortest counts.
   */
  async reload(options: CloseOptions = {}): Promise<void> {
    assertKnownOptions(options, CLOSE_OPTIONS, `cannot reload ${this.name}`)
    this.#assertOpen('reload')
    const { drainMs = DRAIN_MS } = options
    await this.#instances.renew(this.#closedError('it is being replaced'), Math.min(drainMs, LONGEST_MS))
  }

  /** Takes no more calls, waits for those that were made, and ends every instance with all it has started. */
  close({ drainMs = DRAIN_MS }: CloseOptions = {}): Promise<void> {
    // Node's timers take no more, and would fire at once. What is no number is no time.
    this.#closed ??= this.#end(this.#closedError('its host has closed it'), Math.min(drainMs, LONGEST_MS))
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #listen<Name extends keyof PluginEvents>(name: Name, on: PluginListeners): void {
    const listener: PluginListeners[Name] = on[name]
    if (listener !== undefined) this.on(name, listener)
  }

  /** Tells the host, in a turn of its own: what its listeners throw is no fault of the plugin's. Of `load` alone. */
  tell<Event extends keyof PluginEvents>(event: Event, ...told: PluginEvents[Event]): void {
    process.nextTick(() => this.emit(event, ...told))
  }

  /** Aborted as soon as no more calls are taken. */
  get closed(): AbortSignal {
    return this.#ending.signal
  }

  /** Aborted when nothing of it runs any more. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** For whoever learns that it may not run any more. Of `load` alone. */
  async revoke(error: PluginError): Promise<void> {
    if (this.#isRevoked || this.#gone.signal.aborted) return
    this.#isRevoked = true
    this.#over = error
    this.#ending.abort(error)
    this.tell('revoked', { error })
    // At once, and whatever it is doing: also what its host lets end in its own time.
    const killed = this.#instances.kill(error).finally(() => this.#gone.abort(error))
    this.#closed ??= killed
    await killed
  }

  /** Of `load` alone. */
  journal(run: string, line: JournalLine): void {
    if (line.event === 'alert') this.tell('limit', { run, limit: line.limit, outcome: null })
    else if (line.event === 'network' && line.verdict === 'denied')
      this.tell('violation', {
        run,
        code: 'NETWORK_DENIED',
        message: `${line.name}:${line.port}: ${line.reason ?? 'denied'}`,
      })
    else if (line.event === 'denial')
      this.tell('violation', { run, code: 'CALL_DENIED', message: `${line.call} ${line.path ?? ''}: ${line.answer}` })
  }

  async #end(error: PluginError, drainMs: number): Promise<void> {
    this.#over = error
    this.#ending.abort(error)
    if (drainMs > 0 && this.#waiting > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#idle = resolve
      const timer = setTimeout(resolve, drainMs)
      await promise
      clearTimeout(timer)
    }
    await this.#instances.close(error)
    this.#gone.abort(error)
  }

  async #counted(
    method: string,
    options: CallOptions,
    work: (instance: Instance, left: { timeoutMs: number }) => Promise<unknown>,
  ): Promise<unknown> {
    const timeoutMs = this.#timeoutOf(options)
    this.#admit(method)
    const began = performance.now()
    try {
      const instance = this.#instances.idlest() ?? (await this.#instances.available(timeoutMs, options.signal))
      const leftMs = timeoutMs === 0 ? 0 : Math.max(1, Math.ceil(timeoutMs - (performance.now() - began)))
      const answer = await work(instance, { timeoutMs: leftMs })
      this.#durations.add(performance.now() - began)
      return answer
    } catch (error) {
      this.#failed++
      throw error
    } finally {
      this.#leave()
    }
  }

  #admit(method: string): void {
    this.#assertOpen(method)
    this.#assertOwn(method)
    const waitMs = this.#rate?.take(performance.now()) ?? 0
    if (waitMs > 0) {
      throw new ResourceLimitError('RATE_LIMITED', `cannot call ${method} of ${this.name}: its rate is used up`, {
        details: { retryAfterMs: waitMs },
      })
    }
    this.#made++
    this.#waiting++
  }

  #leave(): void {
    if (--this.#waiting === 0) this.#idle?.()
  }

  /** What the operator or the manifest bounds, a host may only make shorter. */
  #timeoutOf({ timeoutMs = this.#plan.timeoutMs, signal }: CallOptions): number {
    assertSignal(signal, `cannot call ${this.name}`)
    if (!(typeof timeoutMs === 'number' && timeoutMs >= 0))
      throw new UsageError('USAGE', `cannot call ${this.name} for ${timeoutMs} ms: expected 0 and more`)
    const { limitMs } = this.#plan
    const least = limitMs === 0 || (timeoutMs !== 0 && timeoutMs < limitMs) ? timeoutMs : limitMs
    // Node's timers take no more, and would fire at once.
    return Math.min(least, LONGEST_MS)
  }

  #assertOpen(what: string): void {
    if (this.#over === null) return
    // A new one each time: its stack says who called.
    const { code, message } = this.#over
    throw new CallError(code, `${message} (${what})`, { cause: this.#over })
  }

  /** A host may take the name of a method from its clients: they must not cancel each other's calls by it. */
  #assertOwn(method: string): void {
    if (typeof method !== 'string')
      throw new UsageError('USAGE', `cannot call ${this.name}: expected the name of a method, found ${typeof method}`)
    if (!method.startsWith('$/')) return
    const message = `cannot call ${printable(method, 80)} of ${this.name}: methods that begin with $/ are the channel's own`
    throw new UsageError('USAGE', message)
  }

  #closedError(why: string): CallError {
    return new CallError('PLUGIN_CLOSED', `cannot call ${this.name}: ${why}`)
  }
}

async function healthOf(instance: Instance, timeoutMs: number): Promise<InstanceHealth> {
  const began = performance.now()
  const of = (status: InstanceHealth['status'], detail: unknown): InstanceHealth => ({
    run: instance.run.run,
    pid: instance.pid,
    status,
    ms: performance.now() - began,
    detail,
  })
  try {
    return of('ok', await instance.peer.call(RPC_METHODS.health, undefined, { timeoutMs }))
  } catch (error) {
    if (!(error instanceof PluginError)) throw error
    const isUnknown = error.code === 'CALL_FAILED' && error.details.rpcCode === -32601
    return of(isUnknown ? 'unknown' : 'failing', isUnknown ? null : error.toJSON())
  }
}
