import { type AuditHead, formatAuditHead } from '../core/audit-head.ts'
import { type Sha256, sha256 } from '../core/digest.ts'
import { PluginError } from '../core/errors.ts'
import { type Installation, unsignedUntilOf } from '../core/installation.ts'
import { type Db, read } from './database.ts'

/** One line of the audit trail. `hash` covers every other field and the hash of the line before. */
export interface AuditEvent {
  readonly id: number
  readonly atMs: number
  readonly kind: string
  /** The plugin, principal or file it is about. */
  readonly subject: string
  readonly details: Readonly<Record<string, unknown>>
  readonly hash: string
}

interface Row {
  readonly id: number
  readonly at_ms: number
  readonly kind: string
  readonly subject: string
  readonly details: string
  readonly previous: string
  readonly hash: string
}

const GENESIS = '0'.repeat(64) as Sha256

/** Hashes the text as it is stored, never a re-serialisation of it. */
const hashOf = (row: Omit<Row, 'hash'>): Sha256 =>
  sha256(JSON.stringify([row.previous, row.id, row.at_ms, row.kind, row.subject, row.details]))

/** The append-only, hash-chained trail of every decision. */
export class Events {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /** Must be called inside the transaction of the change it tells about, so that neither exists without the other. */
  append(atMs: number, kind: string, subject: string, details: Readonly<Record<string, unknown>>): void {
    const last = this.#db
      .prepare<[], Pick<Row, 'id' | 'hash'>>('SELECT id, hash FROM events ORDER BY id DESC LIMIT 1')
      .get()
    const row = {
      id: (last?.id ?? 0) + 1,
      at_ms: atMs,
      kind,
      subject,
      details: JSON.stringify(details),
      previous: last?.hash ?? GENESIS,
    }
    this.#db
      .prepare(
        `INSERT INTO events (id, at_ms, kind, subject, details, previous, hash)
         VALUES (@id, @at_ms, @kind, @subject, @details, @previous, @hash)`,
      )
      .run({ ...row, hash: hashOf(row) })
  }

  list(subject: string | null, limit: number): AuditEvent[] {
    return read(this.#db, () =>
      this.#db
        .prepare<[string | null, string | null, number], Row>(
          'SELECT * FROM events WHERE ? IS NULL OR subject = ? ORDER BY id DESC LIMIT ?',
        )
        .all(subject, subject, limit),
    )
      .reverse()
      .map(eventOf)
  }

  /** The number of the newest one; 0 before the first. */
  lastId(): number {
    return (
      read(this.#db, () => this.#db.prepare<[], { id: number }>('SELECT id FROM events ORDER BY id DESC LIMIT 1').get())
        ?.id ?? 0
    )
  }

  /** What came after one, oldest first, a page at a time. */
  since(id: number, limit: number): AuditEvent[] {
    return read(this.#db, () =>
      this.#db.prepare<[number, number], Row>('SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?').all(id, limit),
    ).map(eventOf)
  }

  /** The newest event of these kinds about a subject. */
  latest(subject: string, kinds: readonly string[]): AuditEvent | null {
    const row = read(this.#db, () =>
      this.#db
        .prepare<[string, string], Row>(
          `SELECT * FROM events WHERE subject = ? AND kind IN (SELECT value FROM json_each(?)) ORDER BY id DESC LIMIT 1`,
        )
        .get(subject, JSON.stringify(kinds)),
    )
    return row === undefined ? null : eventOf(row)
  }

  /**
   * Walks the whole chain; with `kept`, a head from before, it must still lead through that.
   *
   * @returns how many events there are and the last hash; keep it elsewhere, since a chain cut at its end still holds
   * @throws PluginError `AUDIT_BROKEN` naming the first event that does not follow from the one before
   */
  verify(kept: AuditHead | null = null): AuditHead {
    return read(this.#db, () => this.#walk(kept))
  }

  #walk(kept: AuditHead | null): AuditHead {
    let previous: string = GENESIS
    let count = 0
    assertKept(kept, count, previous)
    for (const row of this.#db.prepare<[], Row>('SELECT * FROM events ORDER BY id').iterate()) {
      if (row.id !== count + 1) throw broken(count + 1, `event ${count + 1} is missing, found ${row.id}`)
      if (row.previous !== previous) throw broken(row.id, `event ${row.id} does not follow event ${count}`)
      if (row.hash !== hashOf(row)) throw broken(row.id, `event ${row.id} was changed after it was written`)
      previous = row.hash
      count++
      // Whoever can write the file can compute every hash anew; the one that was kept elsewhere stays what it was.
      assertKept(kept, count, previous)
    }
    if (kept !== null && kept.count > count) {
      throw broken(count + 1, `it has ${count} events and had ${kept.count}: it was cut after event ${count}`)
    }
    return { count, head: previous }
  }
}

const eventOf = (row: Row): AuditEvent => ({
  id: row.id,
  atMs: row.at_ms,
  kind: row.kind,
  subject: row.subject,
  details: JSON.parse(row.details) as Record<string, unknown>,
  hash: row.hash,
})

/** That somebody let it in without a signature is a decision of its own, and easy to look for. */
export function noteUnsigned(
  events: Events,
  atMs: number,
  installation: Pick<Installation, 'name' | 'version' | 'digest' | 'unsignedUntilMs'>,
): void {
  const until = unsignedUntilOf(installation)
  if (until === null) return
  const { name, version, digest } = installation
  events.append(atMs, 'unsigned-allowed', name, { version, sha256: digest, until })
}

function assertKept(kept: AuditHead | null, count: number, hash: string): void {
  if (kept === null || kept.count !== count || kept.head === hash) return
  const found = formatAuditHead({ count, head: hash })
  const what = `expected ${formatAuditHead(kept)}, found ${found}: it was written anew, or is another home's`
  throw broken(count, what, 'nothing up to this event is proven')
}

const broken = (id: number, what: string, unproven = 'nothing from this event on is proven') =>
  new PluginError('AUDIT_BROKEN', `cannot trust the audit trail: ${what}`, {
    details: { event: id },
    hint: `compare with a copy of the database from before; ${unproven}`,
  })
