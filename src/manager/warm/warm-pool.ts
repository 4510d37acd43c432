import { setTimeout as sleep } from 'node:timers/promises'
import { type Argument, argumentTexts } from '../../core/arguments.ts'
import { PluginError, StoreError, UsageError } from '../../core/errors.ts'
import { assertKnownOptions, type OptionNames } from '../../core/known-options.ts'
import type { PluginName } from '../../core/name.ts'
import { RESTART_POLICY, restartDelayMs } from '../../core/restart-policy.ts'
import { assertHeldWords, type HeldRun } from '../../runtime/index.ts'
import { assertRunnable, assertStillTrusted, RUN_OPTIONS, type RunOptions } from '../clearance.ts'
import { assertInRange } from '../expected.ts'
import type { Host } from '../host.ts'
import { endedError } from '../loaded/ended.ts'
import type { PipedStreams, SpawnedPlugin } from '../spawning.ts'
import { watchStanding } from '../standing.ts'
import { ps } from '../watching.ts'
import { entryTermsOf, termsOf } from './terms.ts'
import { HeldWaiter, StartedWaiter, type Waiter } from './waiter.ts'

export interface WarmOptions extends Omit<RunOptions, 'reportDenials'> {
  /**
   * Where each waits. `input`, the default: started, until it wants to read something. `entry`: its sandbox is there, a
   * preloaded interpreter too, and nothing of the plugin has run; so `spawn` may still say with which arguments.
   */
  readonly at?: 'input' | 'entry' | undefined
  /** Sandboxes that wait, 1 to 64. */
  readonly size?: number | undefined
  /** Bytes that all that wait may use together; beyond it no further one is started. 1 GiB if not said. */
  readonly memoryBytes?: number | undefined
}

const { reportDenials: _reportDenials, ...OF_RUN } = RUN_OPTIONS
const WARM_OPTIONS: OptionNames<WarmOptions> = { ...OF_RUN, size: true, memoryBytes: true, at: true }
const HAND_OUT: OptionNames<HandOutOptions> = { args: true }

/** For one that is handed out. */
export interface HandOutOptions {
  readonly args?: readonly Argument[] | undefined
}

export interface WarmStats {
  readonly waiting: number
  /** Bytes that those that wait use now, as the kernel counts them; `null` where it does not. */
  readonly memoryBytes: number | null
  /** How many were handed out from those that waited, and how many had to be started. */
  readonly warm: number
  readonly cold: number
  /** Why the last one could not be started; `null`: it was. */
  readonly fault: PluginError | null
}

/** What the pool is lent by its manager. */
export interface Warming {
  readonly host: () => Promise<Host>
  readonly spawn: (args: readonly string[]) => Promise<SpawnedPlugin>
  /** Started, and held at its entry. */
  readonly hold: () => Promise<HeldRun>
  readonly closing: AbortSignal
}

const SIZE_MAX = 64
const MEMORY_BYTES = 2 ** 30
/** The launcher's clocks go on while one waits: so much of the shorter one may pass before they begin anew. */
const WIND_PART = 0.5
const LONGEST_WIND_MS = 60_000
const REFILL_AFTER_MS = 50

interface Waiting {
  readonly one: Waiter
  /** Those it was started under: `termsOf`. */
  readonly terms: string
  readonly sinceMs: number
}

/**
 * Sandboxes past their start-up that have read nothing yet. Each is handed out once, after its plugin was looked at
 * again as before any run, and another one takes its place.
 */
export class WarmPool implements AsyncDisposable {
  readonly #name: PluginName
  readonly #size: number
  readonly #memoryBytes: number
  readonly #at: 'input' | 'entry'
  readonly #run: RunOptions
  readonly #on: Warming
  readonly #closing = new AbortController()
  readonly #over: AbortSignal
  #waiting: Waiting[] = []
  #starting: Waiter | null = null
  #filling: Promise<void> | null = null
  #isTaken = false
  #hasFilled = false
  #warm = 0
  #cold = 0
  #failures = 0
  #fault: PluginError | null = null

  /** Of `warm` alone. @throws UsageError */
  constructor(name: PluginName, options: WarmOptions, on: Warming) {
    assertKnownOptions(options, WARM_OPTIONS, `cannot hold ${name} ready`)
    const { size = 1, memoryBytes = MEMORY_BYTES, at = 'input', ...run } = options
    if (!Number.isInteger(size) || size < 1 || size > SIZE_MAX)
      throw new UsageError('USAGE', `cannot hold ${size} of ${name} ready: expected 1 to ${SIZE_MAX}`)
    if (!Number.isFinite(memoryBytes) || memoryBytes < 2 ** 20)
      throw new UsageError('USAGE', `cannot hold ${name} ready in ${memoryBytes} bytes: expected 1048576 and more`)
    if (at !== 'input' && at !== 'entry')
      throw new UsageError('USAGE', `cannot hold ${name} ready at "${at}": expected input or entry`)
    this.#name = name
    this.#at = at
    this.#size = size
    this.#memoryBytes = memoryBytes
    this.#run = run
    this.#on = on
    this.#over = AbortSignal.any([on.closing, this.#closing.signal])
  }

  /** Waits until as many wait as may. @throws PluginError: why the first could not be started; then none waits */
  async fill(): Promise<void> {
    const host = await this.#on.host()
    watchStanding(this.#on, this, host, host.store.events.lastId())
    this.#again()
    await this.#filling
    if (this.#waiting.length > 0 || this.#fault === null) return
    await this.close()
    throw this.#fault
  }

  /**
   * One that waits, or else a new one. Its `timeout` and `idle` begin now. `args` come after the manifest's and the pool's: 3,000 and
   * 60 KiB at most.
   *
   * @throws PluginError with the reason why the plugin may not run any more; UsageError for arguments of what has started
   */
  async spawn(options: HandOutOptions = {}): Promise<SpawnedPlugin & PipedStreams> {
    // A pool takes no `stdio`: its host has every stream.
    return (await this.#handOut(options)) as SpawnedPlugin & PipedStreams
  }

  async #handOut(options: HandOutOptions): Promise<SpawnedPlugin> {
    assertKnownOptions(options, HAND_OUT, `cannot run ${this.#name}`)
    const args = argumentTexts(this.#name, options.args ?? [])
    this.#assertOpen()
    if (args.length > 0 && this.#at === 'input')
      throw new UsageError('USAGE', `cannot pass arguments to ${this.#name}: it has started`, {
        hint: "warm it with at: 'entry'",
      })
    assertHeldWords(args)
    const now = await this.#admitted(await this.#on.host())
    this.#assertOpen()
    // What was replaced, or was told otherwise, is not handed out, and what has ended while it waited cannot be.
    const stale = this.#waiting.filter(({ terms }) => terms !== now)
    this.#waiting = this.#waiting.filter(({ terms }) => terms === now)
    const found = this.#waiting.shift()
    const ended = ending(stale.map(({ one }) => one))
    try {
      if (found === undefined) {
        this.#cold++
        return await this.#on.spawn(args)
      }
      const one = await found.one.handOut(args)
      // That may have taken a while: what could be said of its plugin then is asked again.
      if (one === null) return await this.#handOut(options)
      this.#warm++
      this.#failures = 0
      return one
    } finally {
      await ended
      this.#again()
    }
  }

  async stats(): Promise<WarmStats> {
    const running = ps(await this.#on.host(), this.#name)
    return {
      waiting: this.#waiting.length,
      memoryBytes: this.#memoryOf(running),
      warm: this.#warm,
      cold: this.#cold,
      fault: this.#fault,
    }
  }

  /** Aborted when it is closed. */
  get gone(): AbortSignal {
    return this.#closing.signal
  }

  get name(): PluginName {
    return this.#name
  }

  /** For whoever learns that it may not run any more, at this moment. Of `warm` alone. */
  async revoke(error: PluginError): Promise<void> {
    this.#fault = error
    await this.#endWaiting()
  }

  /** Of `warm` alone. */
  unwatched(error: PluginError): void {
    this.#fault = error
  }

  /** Ends all that wait; those that were handed out go on. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#endWaiting()
    await this.#filling
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #endWaiting(): Promise<void> {
    const waiting = this.#waiting.splice(0).map(({ one }) => one)
    await ending(this.#starting === null ? waiting : [...waiting, this.#starting])
  }

  /** As before any run. When it may not run, none of it waits any more. Gives the terms of a run now. */
  async #admitted(host: Host): Promise<string> {
    try {
      if (this.#at === 'entry') return await entryTermsOf(host, this.#name, this.#run)
      const installation = host.store.find(this.#name)
      if (installation === null)
        throw new StoreError('NOT_INSTALLED', `cannot run ${this.#name}: it is not installed`, { hint: 'plugins list' })
      assertRunnable(host, installation)
      await assertInRange(installation, this.#run.range)
      await assertStillTrusted(host, installation)
      return termsOf(host, installation, this.#run)
    } catch (error) {
      await this.#endWaiting()
      throw error
    }
  }

  #again(): void {
    if (this.#filling !== null || this.#over.aborted) {
      this.#isTaken = true
      return
    }
    this.#isTaken = false
    this.#filling = this.#refill().finally(() => {
      this.#filling = null
      // One was taken meanwhile, or could not be started.
      if (this.#isTaken || this.#fault !== null) this.#again()
    })
  }

  async #refill(): Promise<void> {
    const failures = this.#failures
    try {
      // Whoever was handed one has its first answer to wait for, and starting another one takes this process some time.
      const afterMs = failures > 0 ? restartDelayMs(RESTART_POLICY, failures, Math.random()) : REFILL_AFTER_MS
      if (this.#hasFilled) await sleep(afterMs, undefined, { signal: this.#over })
      const isMissing = () => this.#waiting.length < this.#size && !this.#over.aborted && this.#failures === failures
      while (isMissing() && (await this.#hasRoom())) await this.#addOne()
      if (this.#failures === failures) this.#fault = null
    } catch (error) {
      if (!this.#over.aborted) this.#failed(error)
    } finally {
      this.#hasFilled = true
    }
  }

  /** The next one has to wait longer, until one has waited well, or was handed out. */
  #failed(error: unknown): void {
    this.#failures++
    this.#fault =
      error instanceof PluginError ? error : new PluginError('INTERNAL', `cannot hold ${this.#name} ready: ${error}`)
  }

  async #addOne(): Promise<void> {
    const host = await this.#on.host()
    const terms = await this.#admitted(host)
    const one = await this.#start()
    this.#starting = one
    try {
      // Revoked, or told otherwise, while it was started: nobody knows which of the two it is.
      const isAsBefore = async () => (await this.#admitted(await this.#on.host())) === terms
      const isGood = (await isAsBefore()) && (await this.#hasSettled(host, one)) && (await isAsBefore())
      if (!isGood || this.#over.aborted) {
        await one.close()
        return
      }
    } catch (error) {
      await one.close()
      throw error
    } finally {
      this.#starting = null
    }
    const waiting = { one, terms, sinceMs: performance.now() }
    this.#waiting.push(waiting)
    one.wait().then(
      (outcome) => this.#lost(waiting, endedError(this.#name, one.run, outcome, null)),
      (error) => this.#lost(waiting, error),
    )
    this.#wind(waiting)
  }

  async #start(): Promise<Waiter> {
    return this.#at === 'entry'
      ? new HeldWaiter(this.#name, await this.#on.hold())
      : new StartedWaiter(await this.#on.spawn([]))
  }

  /** `false`: nobody waits for it any more. @throws PluginError of one that has ended instead */
  async #hasSettled(host: Host, one: Waiter): Promise<boolean> {
    if (await one.ready(() => ps(host, this.#name), this.#over)) return true
    if (this.#over.aborted) return false
    throw endedError(this.#name, one.run, await one.close(), null)
  }

  /** It has ended by itself, though nobody had asked it for anything. */
  #lost(waiting: Waiting, error: unknown): void {
    if (!this.#waiting.includes(waiting)) return
    this.#waiting = this.#waiting.filter((other) => other !== waiting)
    if (performance.now() - waiting.sinceMs >= RESTART_POLICY.stableMs) this.#failures = 0
    this.#failed(error)
    this.#again()
  }

  /** Its clocks begin anew as long as it waits. */
  #wind(waiting: Waiting): void {
    const { one } = waiting
    if (one.clockMs === 0) return
    const everyMs = Math.min(LONGEST_WIND_MS, one.clockMs * WIND_PART)
    const timer = setInterval(() => {
      if (this.#waiting.includes(waiting)) one.restartClocks()
      else clearInterval(timer)
    }, everyMs)
    timer.unref()
  }

  async #hasRoom(): Promise<boolean> {
    if (this.#waiting.length === 0) return true
    const bytes = this.#memoryOf(ps(await this.#on.host(), this.#name)) ?? 0
    // One more will be about as large.
    return bytes + bytes / this.#waiting.length <= this.#memoryBytes
  }

  #memoryOf(running: readonly { readonly run: string; readonly memoryBytes: number | null }[]): number | null {
    const runs = new Set(this.#waiting.map(({ one }) => one.run))
    return running
      .filter(({ run }) => runs.has(run))
      .reduce<number | null>(
        (sum, { memoryBytes }) => (sum === null || memoryBytes === null ? null : sum + memoryBytes),
        0,
      )
  }

  #assertOpen(): void {
    if (this.#over.aborted)
      throw new StoreError('WRONG_STATE', `cannot run ${this.#name}: what held it ready has been closed`)
  }
}

async function ending(all: readonly Waiter[]): Promise<void> {
  // How a launcher failed is told by the run's own outcome, and keeps none of the others from being ended.
  await Promise.allSettled(all.map((one) => one.close()))
}
