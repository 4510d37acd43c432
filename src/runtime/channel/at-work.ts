import type { RpcId } from '../../core/json-rpc.ts'

/** Requests of a server that its host is at. */
export const AT_ONCE_MAX = 64
/**
 * For how long one still counts that the server has taken back, in milliseconds. It is not answered any more (MCP 2025-11-25,
 * basic/utilities/cancellation), so nobody can see when the host is done with it, and a host may not be able to stop.
 */
const TAKEN_BACK_MS = 30_000

/** What a server has asked of its host, by id: so much of it at a time, however often it is taken back. */
export class AtWork {
  readonly #ids = new Map<RpcId, NodeJS.Timeout | null>()

  has(id: RpcId): boolean {
    return this.#ids.has(id)
  }

  /** `false`: there are too many already. */
  begin(id: RpcId): boolean {
    if (this.#ids.size >= AT_ONCE_MAX) return false
    this.#ids.set(id, null)
    return true
  }

  /** The host has answered it. */
  end(id: RpcId | null): void {
    if (id === null) return
    clearTimeout(this.#ids.get(id) ?? undefined)
    this.#ids.delete(id)
  }

  /** The server does not wait for it any more. */
  takeBack(id: unknown): void {
    if (this.#ids.get(id as RpcId) !== null) return
    const late = setTimeout(() => this.#ids.delete(id as RpcId), TAKEN_BACK_MS)
    late.unref()
    this.#ids.set(id as RpcId, late)
  }

  endAll(): void {
    for (const id of [...this.#ids.keys()]) this.end(id)
  }
}
