import { type Db, read, transactLightly } from './database.ts'

/** How far the clock goes on before that is written down again, in milliseconds. */
const STEP_MS = 60_000

/**
 * The latest moment that this host's own clock has shown. Nothing else raises it: no time in a tarball, a bundle or the
 * journal of a run comes here.
 */
export class Clock {
  readonly #db: Db
  readonly #now: () => number

  constructor(db: Db, now: () => number) {
    this.#db = db
    this.#now = now
  }

  /** `null`: a home where nothing has been decided yet. */
  seenMs(): number | null {
    const row = read(this.#db, () =>
      this.#db.prepare<[], { seen_ms: number }>('SELECT seen_ms FROM clock WHERE id = 1').get(),
    )
    return row?.seen_ms ?? null
  }

  /** At most one write a minute, whatever happens here. */
  raise(): void {
    if (this.#isDue()) transactLightly(this.#db, () => this.raiseInside())
  }

  /** The same inside a transaction that is open. */
  raiseInside(): void {
    if (this.#isDue()) this.#write()
  }

  /** Whatever was seen: from here on it is the clock of now. Must be called inside the transaction that tells why. */
  reset(): void {
    this.#write()
  }

  #isDue(): boolean {
    const seen = this.seenMs()
    return seen === null || this.#now() >= seen + STEP_MS
  }

  #write(): void {
    this.#db
      .prepare(
        'INSERT INTO clock (id, seen_ms) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET seen_ms = excluded.seen_ms',
      )
      .run(this.#now())
  }
}
