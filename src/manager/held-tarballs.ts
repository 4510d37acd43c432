import type { StagedTarball } from '../core/archive.ts'
import type { ListedRelease } from '../core/listed-release.ts'

/** A tarball, and what a registry said of it; `undefined`: it came as a file. */
export interface Fetched {
  readonly tarball: StagedTarball
  readonly listed: ListedRelease | undefined
}

/** Of all that is held at once. */
const BYTES_MAX = 512 * 2 ** 20

/** Tarballs that were decided on and are not brought in yet. What is beyond the bound is let go, and fetched a second time. */
export class HeldTarballs {
  readonly #held = new Map<string, Fetched>()
  #bytes = 0

  keep(name: string, fetched: Fetched): void {
    const bytes = this.#bytes + fetched.tarball.bytes.length
    if (bytes > BYTES_MAX) return
    this.#bytes = bytes
    this.#held.set(name, fetched)
  }

  /** `null`: it is not held, or not any more. */
  take(name: string): Fetched | null {
    const fetched = this.#held.get(name) ?? null
    this.#bytes -= fetched?.tarball.bytes.length ?? 0
    this.#held.delete(name)
    return fetched
  }
}
