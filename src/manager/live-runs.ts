import { setTimeout as sleep } from 'node:timers/promises'
import { PluginError, StoreError } from '../core/errors.ts'
import type { Run } from '../runtime/index.ts'

/** A tree is killed at once and drained for a second; what takes longer hangs in the kernel. */
const CLOSE_MS = 5_000

export const closedManager = (name: string, cause?: unknown): StoreError =>
  new StoreError('WRONG_STATE', `cannot run ${name}: its manager has been closed`, { cause })

/** The runs that one manager has started and that have not ended. */
export class LiveRuns {
  readonly #starting = new Set<Promise<Run>>()
  readonly #running = new Set<Run>()
  #closed: Promise<void> | null = null
  #state: 'open' | 'closing' | 'closed' = 'open'

  /** Does the manager still have its database? */
  readonly isOpen = (): boolean => this.#state !== 'closed'

  /** @throws StoreError `WRONG_STATE` once the manager was closed */
  async add<R extends Run>(name: string, start: () => Promise<R>): Promise<R> {
    if (this.#state !== 'open') throw closedManager(name)
    const starting = start()
    this.#starting.add(starting)
    try {
      const run = await starting
      // It took longer than whoever closed has waited: nobody else ends it.
      if (!this.isOpen()) {
        await run.close()
        throw closedManager(name)
      }
      this.#running.add(run)
      const forget = () => void this.#running.delete(run)
      run.outcome.then(forget, forget)
      return run
    } catch (error) {
      // What was prepared for longer meets a database that is closed, and words of SQLite's.
      if (this.isOpen() || error instanceof PluginError) throw error
      throw closedManager(name, error)
    } finally {
      this.#starting.delete(starting)
    }
  }

  /**
   * Ends every run and waits until each outcome is recorded, so that closing a manager loses none. Bounded: a run that the
   * kernel does not let go of is left to the next command, and its outcome still reaches whoever awaits it.
   */
  close(): Promise<void> {
    // Whoever closes a second time waits for the first: the database is closed next.
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#state = 'closing'
    const bound = new AbortController()
    await Promise.race([this.#endAll(), sleep(CLOSE_MS, undefined, { signal: bound.signal }).catch(() => {})])
    bound.abort()
    this.#state = 'closed'
  }

  async #endAll(): Promise<void> {
    await Promise.allSettled(this.#starting)
    await Promise.allSettled([...this.#running].map((run) => run.close()))
  }
}
