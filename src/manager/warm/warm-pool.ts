import { setTimeout as sleep } from 'node:timers/promises'
import { PluginError, StoreError, UsageError } from '../../core/errors.ts'
import type { Installation } from '../../core/installation.ts'
import type { PluginName } from '../../core/name.ts'
import { RESTART_POLICY, restartDelayMs } from '../../core/restart-policy.ts'
import { assertRunnable, assertStillTrusted, type RunOptions } from '../clearance.ts'
import type { Host } from '../host.ts'
import type { SpawnedPlugin } from '../spawning.ts'
import { ps } from '../watching.ts'
import { settled } from './settled.ts'

export interface WarmOptions extends Omit<RunOptions, 'reportDenials'> {
  /** Sandboxes that wait, 1 to 64. */
  readonly size?: number | undefined
  /** Bytes that all that wait may use together; beyond it no further one is started. 1 GiB if not said. */
  readonly memoryBytes?: number | undefined
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
  readonly spawn: () => Promise<SpawnedPlugin>
  readonly closing: AbortSignal
}

const SIZE_MAX = 64
const MEMORY_BYTES = 2 ** 30
/** The launcher's clocks go on while one waits: so much of the shorter one may pass before they begin anew. */
const WIND_PART = 0.5
const LONGEST_WIND_MS = 60_000
const REFILL_AFTER_MS = 50

interface Waiting {
  readonly one: SpawnedPlugin
  /** What was installed when it was started: what runs in it. */
  readonly digest: string
}

/**
 * Sandboxes past their start-up that have read nothing yet. Each is handed out once, after its plugin was looked at
 * again as before any run, and another one takes its place.
 */
export class WarmPool implements AsyncDisposable {
  readonly #name: PluginName
  readonly #size: number
  readonly #memoryBytes: number
  readonly #on: Warming
  readonly #closing = new AbortController()
  readonly #over: AbortSignal
  #waiting: Waiting[] = []
  #filling: Promise<void> | null = null
  #isTaken = false
  #hasFilled = false
  #warm = 0
  #cold = 0
  #failures = 0
  #fault: PluginError | null = null

  /** Of `warm` alone. @throws UsageError */
  constructor(name: PluginName, { size = 1, memoryBytes = MEMORY_BYTES }: WarmOptions, on: Warming) {
    if (!Number.isInteger(size) || size < 1 || size > SIZE_MAX)
      throw new UsageError('USAGE', `cannot hold ${size} of ${name} ready: expected 1 to ${SIZE_MAX}`)
    if (!Number.isFinite(memoryBytes) || memoryBytes < 2 ** 20)
      throw new UsageError('USAGE', `cannot hold ${name} ready in ${memoryBytes} bytes: expected 1048576 and more`)
    this.#name = name
    this.#size = size
    this.#memoryBytes = memoryBytes
    this.#on = on
    this.#over = AbortSignal.any([on.closing, this.#closing.signal])
  }

  /** Waits until as many wait as may. @throws PluginError: why the first could not be started; then none waits */
  async fill(): Promise<void> {
    this.#again()
    await this.#filling
    if (this.#waiting.length > 0 || this.#fault === null) return
    await this.close()
    throw this.#fault
  }

  /**
   * One that waits, or else a new one. Its `timeout` and `idle` begin now.
   *
   * @throws PluginError with the reason why the plugin may not run any more
   */
  async spawn(): Promise<SpawnedPlugin> {
    this.#assertOpen()
    const host = await this.#on.host()
    const installation = await this.#admitted(host)
    // What was replaced is not handed out, and what has ended while it waited cannot be.
    const stale = this.#waiting.filter(({ digest }) => digest !== installation.digest)
    if (stale.length > 0) {
      this.#waiting = this.#waiting.filter(({ digest }) => digest === installation.digest)
      await Promise.all(stale.map(({ one }) => one.close()))
    }
    const found = this.#waiting.shift()
    try {
      if (found === undefined) {
        this.#cold++
        return await this.#on.spawn()
      }
      this.#warm++
      found.one.restartClocks()
      return found.one
    } finally {
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
  get closed(): AbortSignal {
    return this.#closing.signal
  }

  /** Ends all that wait; those that were handed out go on. */
  async close(): Promise<void> {
    this.#closing.abort()
    const waiting = this.#waiting.splice(0)
    await Promise.all(waiting.map(({ one }) => one.close()))
    await this.#filling
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** As before any run. When it may not run, none of it waits any more. */
  async #admitted(host: Host): Promise<Installation> {
    try {
      const installation = host.store.find(this.#name)
      if (installation === null)
        throw new StoreError('NOT_INSTALLED', `cannot run ${this.#name}: it is not installed`, { hint: 'plugins list' })
      assertRunnable(host, installation)
      await assertStillTrusted(host, installation)
      return installation
    } catch (error) {
      await Promise.all(this.#waiting.splice(0).map(({ one }) => one.close()))
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
    try {
      // Whoever was handed one has its first answer to wait for, and starting another one takes this process some time.
      const afterMs =
        this.#failures > 0 ? restartDelayMs(RESTART_POLICY, this.#failures, Math.random()) : REFILL_AFTER_MS
      if (this.#hasFilled) await sleep(afterMs, undefined, { signal: this.#over })
      while (this.#waiting.length < this.#size && !this.#over.aborted && (await this.#hasRoom())) await this.#addOne()
      this.#hasFilled = true
      this.#failures = 0
      this.#fault = null
    } catch (error) {
      if (this.#over.aborted) return
      this.#hasFilled = true
      this.#failures++
      this.#fault =
        error instanceof PluginError ? error : new PluginError('INTERNAL', `cannot hold ${this.#name} ready: ${error}`)
    }
  }

  async #addOne(): Promise<void> {
    const host = await this.#on.host()
    const digest = host.store.find(this.#name)?.digest
    const one = await this.#on.spawn()
    const isSettled = await settled(one, () => ps(host, this.#name), this.#over)
    // Replaced while it was started: nobody knows which of the two it is.
    if (!isSettled || digest === undefined || host.store.find(this.#name)?.digest !== digest) {
      await one.close()
      return
    }
    const waiting = { one, digest }
    this.#waiting.push(waiting)
    const forget = () => {
      this.#waiting = this.#waiting.filter((other) => other !== waiting)
    }
    one.wait().then(forget, forget)
    this.#wind(waiting)
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
