/** Why modules could not be preloaded, and when that is tried again. */
export interface Failure {
  readonly reason: string
  /** In a row. */
  readonly count: number
  readonly atMs: number
  readonly againInMs: number
}

const FIRST_MS = 60_000
const MOST_MS = 600_000
/** What nobody has asked for since is of a list or an interpreter that is no more. */
const KEPT_MS = 2 * MOST_MS

/**
 * What could not be preloaded, by what it was made of: another list of modules, or another interpreter, has not failed. Each further
 * failure waits twice as long to be tried again, up to ten minutes.
 */
export class Failures {
  readonly #firstMs: number
  readonly #found = new Map<string, Failure>()
  readonly #trying = new Set<string>()

  constructor(firstMs = FIRST_MS) {
    this.#firstMs = firstMs
  }

  find(imports: string): Failure | undefined {
    return this.#found.get(imports)
  }

  /** Of one that began at `begunAtMs`. `null`: somebody else's, begun meanwhile, is known already, and no other is counted. */
  note(imports: string, reason: string, begunAtMs: number): Failure | null {
    const atMs = performance.now()
    for (const [other, one] of this.#found) if (one.atMs + KEPT_MS < atMs) this.#found.delete(other)
    const before = this.#found.get(imports)
    if (before !== undefined && before.atMs >= begunAtMs) return null
    const count = (before?.count ?? 0) + 1
    const failure = { reason, count, atMs, againInMs: Math.min(this.#firstMs * 2 ** (count - 1), MOST_MS) }
    this.#found.set(imports, failure)
    return failure
  }

  /** `true` to one alone, who calls `tried` when it has: none of the others waits for it. */
  mayTry(imports: string): boolean {
    const failure = this.#found.get(imports)
    if (failure === undefined || this.#trying.has(imports)) return false
    if (performance.now() - failure.atMs < failure.againInMs) return false
    this.#trying.add(imports)
    return true
  }

  tried(imports: string): void {
    this.#trying.delete(imports)
  }

  forget(imports: string): void {
    this.#found.delete(imports)
  }
}
