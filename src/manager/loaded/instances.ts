import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { CallError, PluginError, TimeoutError } from '../../core/errors.ts'
import { type Circuit, CircuitBreaker, type RestartPolicy, restartDelayMs } from '../../core/restart-policy.ts'
import type { Instance } from './instance.ts'
import type { RunEnd } from './served-run.ts'

export interface InstancesOptions {
  readonly plugin: string
  readonly count: number
  /** For the place of this number. `over`: nobody waits for it any more. */
  readonly start: (over: AbortSignal, at: number) => Promise<Instance>
  /** `null`: what has ended stays so. */
  readonly policy: RestartPolicy | null
  readonly onStarted: (instance: Instance) => unknown
  readonly onEnded: (instance: Instance, end: RunEnd) => void
  readonly onStartFailed: (error: PluginError, at: number) => void
  readonly onRestart: (inMs: number, attempt: number) => void
  readonly onCircuit: (circuit: Circuit) => void
}

/** A place for one instance: what stands in it, and how often in a row something ended there. */
interface Place {
  readonly at: number
  instance: Instance | null
  /** The start that brought what stands in it, as they are counted. */
  begun: number
  attempts: number
  isGivenUp: boolean
  /** What tries to fill it: ended when somebody else has. */
  restarting: { readonly stop: AbortController; readonly ended: Promise<void> } | null
  /** A start for one or more `renew`: they make one at a time. */
  renewing: { readonly begun: number; readonly done: Promise<void> } | null
  /** Those that were replaced, and may still answer what they were asked. */
  readonly leaving: Set<Instance>
}

const faultOf = (error: unknown): PluginError =>
  error instanceof PluginError ? error : new PluginError('INTERNAL', `cannot start: ${error}`)

/** Nobody looks at the breaker while one tries: so often it is looked at again. */
const HALF_OPEN_MS = 200

/** The instances of one loaded plugin: as many as were asked for, each started again when it ends. */
export class Instances {
  readonly #on: InstancesOptions
  readonly #places: readonly Place[]
  readonly #breaker: CircuitBreaker | null
  readonly #closing = new AbortController()
  readonly #starting = new Set<Promise<void>>()
  /** How many were begun. */
  #starts = 0
  #circuit: Circuit = 'closed'
  #last: PluginError | null = null
  #waiters: (() => void)[] = []
  #restarts = 0

  constructor(options: InstancesOptions) {
    this.#on = options
    this.#breaker = options.policy === null ? null : new CircuitBreaker(options.policy.breaker)
    this.#places = Array.from({ length: options.count }, (_, at) => ({
      at,
      instance: null,
      begun: 0,
      attempts: 0,
      isGivenUp: false,
      restarting: null,
      renewing: null,
      leaving: new Set<Instance>(),
    }))
  }

  /** Starts all of them; when one cannot be, none stays. @throws PluginError */
  async open(): Promise<void> {
    const results = await Promise.allSettled(this.#places.map((place) => this.#fill(place)))
    const failed = results.flatMap((result, at) => (result.status === 'rejected' ? [{ at, why: result.reason }] : []))
    const [first] = failed
    if (first === undefined) return
    const isWanted = !this.#closing.signal.aborted
    for (const { at, why } of isWanted ? failed : []) this.#on.onStartFailed(faultOf(why), at)
    await this.close(faultOf(first.why))
    throw first.why
  }

  /** @throws why it was closed */
  assertOpen(): void {
    this.#closing.signal.throwIfAborted()
  }

  get live(): readonly Instance[] {
    return this.#places.flatMap(({ instance }) => (instance === null || instance.peer.isOver ? [] : [instance]))
  }

  get restarts(): number {
    return this.#restarts
  }

  get circuit(): Circuit {
    return this.#circuit
  }

  /** The one with the fewest calls, or `null` when none is there at this moment. */
  idlest(): Instance | null {
    let found: Instance | null = null
    // One whose channel is broken is being ended. One that hangs has calls that were given up, and must not look idle by it.
    for (const { instance } of this.#places)
      if (instance !== null && !instance.peer.isOver && instance.peer.unanswered < (found?.peer.unanswered ?? Infinity))
        found = instance
    return found
  }

  /** @throws CallError `CIRCUIT_OPEN`, `PLUGIN_CLOSED`; TimeoutError; what the last one ended with, when none will come */
  async available(timeoutMs: number, signal: AbortSignal | undefined): Promise<Instance> {
    const deadline = timeoutMs > 0 ? performance.now() + timeoutMs : Number.POSITIVE_INFINITY
    for (;;) {
      const found = this.idlest()
      if (found !== null) return found
      this.#assertComing()
      await this.#change(deadline - performance.now(), timeoutMs, signal)
    }
  }

  /**
   * Starts another one in each place and ends what stood there, one after the other, so that there is always one when there are
   * several; calls that wait at it may be answered for `drainMs`. A place that is empty, since what was there has ended and waits to
   * be tried again or was given up, is filled now: what made it end may be what was updated. Whatever else still drains in these
   * places has no more time than this.
   */
  async renew(why: PluginError, drainMs: number): Promise<void> {
    // What begins from here on is of the version that is installed now.
    const asked = this.#starts
    for (const place of this.#places) {
      await this.#renewed(place, asked)
      const { restarting, leaving } = place
      await Promise.all([
        ...[...leaving].map((instance) => this.#retire(place, instance, why, drainMs)),
        restarting?.stop.signal.aborted ? restarting.ended : null,
      ])
    }
  }

  async close(why: PluginError): Promise<void> {
    this.#takeNoMore(why)
    await Promise.all([...this.#all().map((instance) => instance.close(why)), this.#noneIsStarting()])
  }

  /** The whole trees, now. */
  async kill(why: PluginError): Promise<void> {
    this.#takeNoMore(why)
    await Promise.all([...this.#all().map((instance) => instance.kill(why)), this.#noneIsStarting()])
  }

  #all(): readonly Instance[] {
    return this.#places.flatMap(({ instance, leaving }) => [...(instance === null ? [] : [instance]), ...leaving])
  }

  /** One in this place that was begun after `asked`, whoever began it: many at once start two, one after the other. */
  async #renewed(place: Place, asked: number): Promise<void> {
    for (let other = place.renewing; other !== null; other = place.renewing) {
      if (other.begun > asked) return other.done
      // Whether it came up, those are told who asked before it began.
      await Promise.allSettled([other.done])
    }
    if (place.instance !== null && place.begun > asked) return
    const begun = ++this.#starts
    const done = this.#start(place, (next) => this.#replace(place, next, begun))
    place.renewing = { begun, done }
    try {
      await done
    } finally {
      place.renewing = null
    }
  }

  #replace(place: Place, next: Instance, begun: number): void {
    const { instance } = place
    if (instance !== null && place.begun > begun) {
      // What stood here has ended meanwhile, and what was started again for it is the newer one.
      place.leaving.add(next)
      return
    }
    place.restarting?.stop.abort(renewed(this.#on.plugin))
    place.isGivenUp = false
    if (instance === null) this.#succeeded()
    else place.leaving.add(instance)
    this.#settle(place, next, begun)
  }

  /** Of one in `leaving`; safe to call twice: the shorter time counts. */
  async #retire(place: Place, instance: Instance, why: PluginError, drainMs: number): Promise<void> {
    await drained(instance, drainMs, this.#closing.signal)
    await instance.close(why)
    place.leaving.delete(instance)
  }

  #takeNoMore(why: PluginError): void {
    this.#last = why
    this.#closing.abort(why)
    this.#wake()
  }

  async #fill(place: Place): Promise<void> {
    const begun = ++this.#starts
    await this.#start(place, (instance) => this.#settle(place, instance, begun))
  }

  /**
   * What is on its way when it is `over` is ended, and whoever closes waits for that; `put` has its place for it in the very turn in
   * which it is not. @throws why it is over
   */
  async #start(place: Place, put: (instance: Instance) => void, over = this.#closing.signal): Promise<void> {
    const starting = this.#started(place, put, over)
    this.#starting.add(starting)
    try {
      await starting
    } finally {
      this.#starting.delete(starting)
    }
  }

  async #started({ at }: Place, put: (instance: Instance) => void, over: AbortSignal): Promise<void> {
    if (over.aborted) throw over.reason
    try {
      const instance = await this.#on.start(over, at)
      if (!over.aborted) return put(instance)
      await instance.kill(over.reason as PluginError)
    } catch (error) {
      // It was ended since it is over, and that is the reason to tell.
      if (!over.aborted) throw error
    }
    throw over.reason
  }

  async #noneIsStarting(): Promise<void> {
    await Promise.allSettled(this.#starting)
  }

  #settle(place: Place, instance: Instance, begun: number): void {
    place.instance = instance
    place.begun = begun
    this.#on.onStarted(instance)
    this.#wake()
    void instance.ended.then((end) => this.#ended(place, instance, end))
  }

  async #ended(place: Place, instance: Instance, end: RunEnd): Promise<void> {
    // One that was replaced has nothing to give back.
    const isHere = place.instance === instance
    if (isHere) {
      place.instance = null
      this.#last = end.error
    }
    this.#on.onEnded(instance, end)
    if (!isHere || this.#closing.signal.aborted) return this.#wake()
    const { policy } = this.#on
    if (policy === null) {
      place.isGivenUp = true
      return this.#wake()
    }
    if (Date.now() - instance.startedAtMs >= policy.stableMs) place.attempts = 0
    this.#failed()
    const stop = new AbortController()
    const over = AbortSignal.any([this.#closing.signal, stop.signal])
    place.restarting = { stop, ended: this.#restart(place, policy, over) }
    await place.restarting.ended
  }

  async #restart(place: Place, policy: RestartPolicy, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      const inMs = Math.max(
        restartDelayMs(policy, ++place.attempts, Math.random()),
        this.#breaker?.waitMs(Date.now()) ?? 0,
      )
      this.#on.onRestart(inMs, place.attempts)
      if (!(await slept(inMs, over))) return
      while (!(this.#breaker?.admit(Date.now()) ?? true))
        if (!(await slept(Math.max(HALF_OPEN_MS, this.#breaker?.waitMs(Date.now()) ?? 0), over))) return
      this.#told()
      try {
        const begun = ++this.#starts
        const again = (instance: Instance): void => {
          this.#restarts++
          this.#succeeded()
          this.#settle(place, instance, begun)
        }
        return await this.#start(place, again, over)
      } catch (error) {
        if (over.aborted) return
        this.#last = faultOf(error)
        this.#on.onStartFailed(this.#last, place.at)
        this.#failed()
      }
    }
  }

  #succeeded(): void {
    this.#breaker?.succeeded()
    this.#told()
  }

  #failed(): void {
    this.#breaker?.failed(Date.now())
    this.#told()
    // Who waits may be told now that nothing will come for a while.
    this.#wake()
  }

  #told(): void {
    const circuit = this.#breaker?.state(Date.now()) ?? 'closed'
    if (circuit === this.#circuit) return
    this.#circuit = circuit
    this.#on.onCircuit(circuit)
  }

  #assertComing(): void {
    const { plugin } = this.#on
    this.assertOpen()
    if (this.#last !== null && this.#places.every(({ isGivenUp }) => isGivenUp)) throw this.#last
    const waitMs = this.#breaker?.waitMs(Date.now()) ?? 0
    if (waitMs === 0) return
    throw new CallError(
      'CIRCUIT_OPEN',
      `cannot call ${plugin}: it has ended too often, and is tried again in ${waitMs} ms`,
      {
        cause: this.#last,
        hint: `plugins logs ${plugin} has what it wrote before it ended`,
        details: { retryAfterMs: waitMs },
      },
    )
  }

  async #change(leftMs: number, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { plugin } = this.#on
    if (signal?.aborted)
      throw new CallError('CALL_CANCELLED', `cannot call ${plugin}: it was cancelled`, { cause: signal.reason })
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const come = () => resolve(true)
    this.#waiters.push(come)
    signal?.addEventListener('abort', come, { once: true })
    const timer = Number.isFinite(leftMs) ? setTimeout(() => resolve(false), Math.max(0, leftMs)) : undefined
    try {
      if (await promise) return
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', come)
      this.#waiters = this.#waiters.filter((one) => one !== come)
    }
    throw new TimeoutError('CALL_TIMEOUT', `cannot call ${plugin}: no instance of it came up in ${timeoutMs} ms`, {
      ...(this.#last === null ? {} : { cause: this.#last }),
    })
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter()
  }
}

/** Nobody waits for an answer of it any more, or `ms` are over, or `over`. */
async function drained(instance: Instance, ms: number, over: AbortSignal): Promise<void> {
  const done = new AbortController()
  // Whoever was given this one in this moment has yet to ask it.
  const idle = setImmediate().then(() => instance.peer.whenIdle())
  await Promise.race([idle, slept(ms, AbortSignal.any([over, done.signal]))])
  done.abort()
}

async function slept(ms: number, over: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal: over })
    return true
  } catch {
    // Nothing else ends a sleep than the signal.
    return false
  }
}

const renewed = (plugin: string): CallError =>
  new CallError('PLUGIN_CLOSED', `cannot go on with ${plugin}: another one has its place`)
