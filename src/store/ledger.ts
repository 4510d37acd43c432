import type { Db } from './database.ts'
import type { Events } from './events.ts'

/** Rows of one subject, a change of which leaves its line in the audit trail in the same transaction. */
export abstract class Ledger {
  protected readonly db: Db
  protected readonly now: () => number
  protected readonly events: Events

  constructor(db: Db, now: () => number, events: Events) {
    this.db = db
    this.now = now
    this.events = events
  }
}
