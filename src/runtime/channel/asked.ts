import type { RpcId } from '../../core/json-rpc.ts'

/**
 * Requests whose waiting was given up, and whose answers may still come or not: a server is not to answer what was cancelled.
 * Beyond so many the oldest is forgotten.
 */
const ABANDONED_MAX = 4096

/** Requests of the host that a plugin has not answered, by id. Whoever waits for them is on the host's side. */
export class Asked {
  readonly #max: number
  readonly #limitMs: number
  readonly #onLate: (id: RpcId) => void
  readonly #waiting = new Map<RpcId, NodeJS.Timeout | undefined>()
  readonly #abandoned = new Set<RpcId>()

  /** `limitMs`: how long one may wait; 0: as long as it takes. `onLate` is told of those that have: nobody waits for them any more. */
  constructor(options: { readonly max: number; readonly limitMs: number; readonly onLate: (id: RpcId) => void }) {
    this.#max = options.max
    // Node's timers take no more, and would fire at once.
    this.#limitMs = Math.min(options.limitMs, 2 ** 31 - 1)
    this.#onLate = options.onLate
  }

  get size(): number {
    return this.#waiting.size
  }

  get isFull(): boolean {
    return this.#waiting.size >= this.#max
  }

  has(id: RpcId): boolean {
    return this.#waiting.has(id)
  }

  add(id: RpcId): void {
    const late = (): void => {
      this.abandon(id)
      this.#onLate(id)
    }
    this.#waiting.set(id, this.#limitMs > 0 ? setTimeout(late, this.#limitMs) : undefined)
  }

  /** Nobody waits for its answer any more, and it may come all the same. */
  abandon(id: RpcId): void {
    if (!this.#take(id)) return
    this.#abandoned.add(id)
    if (this.#abandoned.size <= ABANDONED_MAX) return
    const [oldest] = this.#abandoned
    this.#abandoned.delete(oldest as RpcId)
  }

  /** `unasked`: nobody waits for it, nor ever did. */
  answered(id: RpcId): 'waited-for' | 'abandoned' | 'unasked' {
    if (this.#take(id)) return 'waited-for'
    return this.#abandoned.delete(id) ? 'abandoned' : 'unasked'
  }

  /** Ends all of them, and says which. */
  endAll(): RpcId[] {
    const ids = [...this.#waiting.keys()]
    for (const id of ids) this.#take(id)
    this.#abandoned.clear()
    return ids
  }

  #take(id: RpcId): boolean {
    clearTimeout(this.#waiting.get(id))
    return this.#waiting.delete(id)
  }
}
