import type { PluginName } from '../../core/name.ts'
import type { Outcome } from '../../core/outcome.ts'
import { type HeldRun, stillness } from '../../runtime/index.ts'
import { refusalOfRun } from '../../runtime/refused-runs.ts'
import { endedError } from '../loaded/ended.ts'
import { OutputTail } from '../output-tail.ts'
import { SpawnedPlugin } from '../spawning.ts'
import type { RunningPlugin } from '../watching.ts'
import { settled } from './settled.ts'

/** One that waits in a pool, before it is handed out. */
export interface Waiter {
  readonly run: string
  /** The shorter of the clocks that go on while it waits, in milliseconds; 0: none does. */
  readonly clockMs: number
  restartClocks(): void
  /** Until it is as ready as it gets. `false`: it has ended, or nobody waits any more. */
  ready(look: () => readonly RunningPlugin[], signal: AbortSignal): Promise<boolean>
  /**
   * Once. `null`: it was gone before it heard of it, and nothing of its plugin has run.
   *
   * @throws PluginError: why its program did not start after all
   */
  handOut(args: readonly string[]): Promise<SpawnedPlugin | null>
  wait(): Promise<Outcome>
  close(): Promise<Outcome>
}

/** Past its start-up: it has run, and waits for its first input. */
export class StartedWaiter implements Waiter {
  readonly #one: SpawnedPlugin

  constructor(one: SpawnedPlugin) {
    this.#one = one
  }

  get run(): string {
    return this.#one.run
  }

  get clockMs(): number {
    return this.#one.clockMs
  }

  restartClocks(): void {
    this.#one.restartClocks()
  }

  ready(look: () => readonly RunningPlugin[], signal: AbortSignal): Promise<boolean> {
    return settled(this.#one, look, signal)
  }

  async handOut(): Promise<SpawnedPlugin> {
    this.#one.restartClocks()
    return this.#one
  }

  wait(): Promise<Outcome> {
    return this.#one.wait()
  }

  close(): Promise<Outcome> {
    return this.#one.close()
  }
}

/** An interpreter out of a parent gone bad may never begin. */
const START_MS = 10_000
/** How often one that was let go and has not begun is looked at. */
const LOOK_MS = 250
/** To wait at its entry; its launcher may have been stopped before it came to that. */
const READY_MS = 60_000

/** Held at its entry: its sandbox is there, and nothing of the plugin has run. The launcher's clocks stand still. */
export class HeldWaiter implements Waiter {
  readonly clockMs = 0
  readonly #name: PluginName
  readonly #held: HeldRun

  constructor(name: PluginName, held: HeldRun) {
    this.#name = name
    this.#held = held
  }

  get run(): string {
    return this.#held.run
  }

  restartClocks(): void {}

  async ready(_look: () => readonly RunningPlugin[], signal: AbortSignal): Promise<boolean> {
    const over = Promise.withResolvers<false>()
    const end = () => over.resolve(false)
    const timer = setTimeout(end, READY_MS)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    try {
      return await Promise.race([this.#held.waits, over.promise])
    } finally {
      clearTimeout(timer)
      // The signal is the pool's, and lives for as many as it ever holds.
      signal.removeEventListener('abort', end)
    }
  }

  async handOut(args: readonly string[]): Promise<SpawnedPlugin | null> {
    const run = this.#held
    try {
      run.letGo(args)
    } catch (error) {
      // It waits in no pool any more.
      await run.close()
      throw error
    }
    const looks = setInterval(endStill, LOOK_MS, run, performance.now() + START_MS)
    const started = await run.started
    clearInterval(looks)
    if (started !== null) return new SpawnedPlugin(run, started.pid)
    if (run.isUnheard()) {
      // Until what it left is swept, and its end is recorded.
      await run.outcome.catch(() => {})
      return null
    }
    const said = new OutputTail([run.stderr])
    const ended = endedError(this.#name, run.run, await run.outcome, await said.lines())
    throw refusalOfRun(run) ?? ended
  }

  wait(): Promise<Outcome> {
    return this.#held.outcome
  }

  close(): Promise<Outcome> {
    return this.#held.close()
  }
}

/**
 * A launcher that was stopped reads nothing, not even that it is to end; woken, it would first let its program go. One that is traced
 * stands still for a moment at every call. How it ended is told by its outcome.
 */
function endStill(run: HeldRun, deadlineMs: number): void {
  const isLate = performance.now() > deadlineMs
  const how = stillness(run.pid)
  if (how === 'stopped' || (how === 'traced' && isLate)) run.abandon()
  else if (isLate) run.close().catch(() => {})
}
