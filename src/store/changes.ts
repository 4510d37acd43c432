import { randomBytes } from 'node:crypto'
import { StoreError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import type { ChangeKind, OpenChange, Step, StepUndo } from '../core/step.ts'
import { type Db, read, transact } from './database.ts'
import { isAlive, ownHolder, pidOf } from './holder.ts'

interface Row {
  readonly id: number
  readonly name: string
  readonly kind: string
  readonly holder: string
  readonly committed: number
  readonly started_at_ms: number
}

interface StepRow {
  readonly position: number
  readonly step: string
  readonly undo: string
}

const DOING: Readonly<Record<ChangeKind, string>> = {
  install: 'installing',
  update: 'updating',
  rollback: 'rolling back',
  remove: 'removing',
  repair: 'repairing',
  gc: 'clearing up',
}

/**
 * The changes that go on, one of each plugin at most, and the steps each has taken. A change is over when its row is gone:
 * it went in the transaction that made the change true, or after its last step was undone.
 */
export class Changes {
  readonly #db: Db
  readonly #now: () => number
  /** Holders of changes that were abandoned here, whether or not the disk let it be written down. */
  readonly #givenUp = new Set<string>()

  constructor(db: Db, now: () => number) {
    this.#db = db
    this.#now = now
  }

  /**
   * Takes the plugin's one place.
   *
   * @throws StoreError `STORE_BUSY`, naming the process that has it; one that is gone left a change to be undone first
   */
  begin(name: PluginName, kind: ChangeKind): OpenChange {
    return transact(this.#db, () => {
      const other = this.of(name)
      if (other !== null) throw busy(other, kind, { nowMs: this.#now(), isAtWork: this.#isAtWork(other) })
      const { lastInsertRowid } = this.#db
        .prepare('INSERT INTO changes (name, kind, holder, started_at_ms) VALUES (?, ?, ?, ?)')
        .run(name, kind, changeHolder(), this.#now())
      return this.#get(Number(lastInsertRowid))
    })
  }

  /** Writes down how the step that comes next is undone; on the disk when it returns. */
  note(change: OpenChange, step: string, undo: StepUndo): void {
    transact(this.#db, () => this.noteInside(change, step, undo))
  }

  /** The same inside the transaction that is the step. */
  noteInside(change: OpenChange, step: string, undo: StepUndo): void {
    this.assertHeld(change)
    this.#db
      .prepare(
        `INSERT INTO steps (change_id, position, step, undo)
         VALUES (@change, (SELECT coalesce(max(position), 0) + 1 FROM steps WHERE change_id = @change), @step, @undo)`,
      )
      .run({ change: change.id, step, undo: JSON.stringify(undo) })
  }

  /** The last step first; none of one that is over, or somebody else's by now. */
  steps({ id, holder }: OpenChange): Step[] {
    const steps = `SELECT position, step, undo FROM steps JOIN changes c ON c.id = change_id
                   WHERE c.id = ? AND c.holder = ? ORDER BY position DESC`
    return read(this.#db, () => this.#db.prepare<[number, string], StepRow>(steps).all(id, holder)).map(
      ({ undo, ...row }) => ({
        ...row,
        undo: JSON.parse(undo) as StepUndo,
      }),
    )
  }

  /** A step that was undone. */
  strike(change: OpenChange, position: number): void {
    transact(this.#db, () => {
      this.#db.prepare('DELETE FROM steps WHERE change_id = ? AND position = ?').run(change.id, position)
    })
  }

  /** It is undone as a whole, or there was nothing to it. */
  end(change: OpenChange): void {
    transact(this.#db, () => {
      this.#db.prepare('DELETE FROM changes WHERE id = ? AND holder = ?').run(change.id, change.holder)
    })
  }

  /** It has come true, and this is left to clear up. Must be called inside the transaction that makes it so. */
  commitInside(change: OpenChange, leftovers: readonly StepUndo[] = []): void {
    this.assertHeld(change)
    if (leftovers.length === 0) {
      this.#db.prepare('DELETE FROM changes WHERE id = ?').run(change.id)
      return
    }
    this.#db.prepare('DELETE FROM steps WHERE change_id = ?').run(change.id)
    for (const leftover of leftovers) this.noteInside(change, 'clear up', leftover)
    this.#db.prepare('UPDATE changes SET committed = 1, quiet = 0 WHERE id = ?').run(change.id)
  }

  /**
   * From here on nothing of the plugin can start, until the change is over. `assertNoneRuns` is asked in the same transaction: no
   * run slips in between.
   */
  quieten(change: OpenChange, assertNoneRuns: () => void): void {
    transact(this.#db, () => {
      this.assertHeld(change)
      assertNoneRuns()
      this.#db.prepare('UPDATE changes SET quiet = 1 WHERE id = ?').run(change.id)
    })
  }

  /** Left to whichever command comes next, though this process lives on; where it cannot be written down, to this one. */
  abandon(change: OpenChange): void {
    this.#givenUp.add(change.holder)
    transact(this.#db, () => {
      this.#db.prepare("UPDATE changes SET holder = '' WHERE id = ? AND holder = ?").run(change.id, change.holder)
    })
  }

  /** As it is now; `null`: it is over. */
  now({ id }: OpenChange): OpenChange | null {
    const row = read(this.#db, () => this.#db.prepare<[number], Row>('SELECT * FROM changes WHERE id = ?').get(id))
    return row === undefined ? null : changeOf(row)
  }

  /** Takes over what a process that is gone left; `null` when another one was faster. */
  claim({ id, holder }: OpenChange): OpenChange | null {
    return transact(this.#db, () => {
      const taken = 'UPDATE changes SET holder = ? WHERE id = ? AND holder = ?'
      return this.#db.prepare(taken).run(changeHolder(), id, holder).changes === 1 ? this.#get(id) : null
    })
  }

  /** Of processes that are gone, and what was given up. */
  abandoned(): OpenChange[] {
    return this.open().filter((one) => !this.#isAtWork(one))
  }

  open(): OpenChange[] {
    return read(this.#db, () => this.#db.prepare<[], Row>('SELECT * FROM changes ORDER BY id').all()).map(changeOf)
  }

  of(name: PluginName): OpenChange | null {
    const row = read(this.#db, () => this.#db.prepare<[string], Row>('SELECT * FROM changes WHERE name = ?').get(name))
    return row === undefined ? null : changeOf(row)
  }

  /** @throws StoreError `WRONG_STATE`: somebody took it for dead, and has undone it */
  assertHeld({ id, name, holder }: OpenChange): void {
    const row = this.#db.prepare<[number, string], Row>('SELECT * FROM changes WHERE id = ? AND holder = ?')
    if (row.get(id, holder) !== undefined) return
    throw new StoreError('WRONG_STATE', `cannot go on with ${name}: another process has taken its change over`)
  }

  #isAtWork({ holder }: OpenChange): boolean {
    return isAlive(holder) && !this.#givenUp.has(holder)
  }

  #get(id: number): OpenChange {
    const row = this.#db.prepare<[number], Row>('SELECT * FROM changes WHERE id = ?').get(id)
    if (row === undefined) throw new StoreError('WRONG_STATE', `cannot find change ${id}: its row is gone`)
    return changeOf(row)
  }
}

/** SQLite gives the number of a row that is gone to the next, and one process may be at work on many: each has a holder of its own. */
const changeHolder = (): string => `${ownHolder()}:${randomBytes(8).toString('hex')}`

const changeOf = ({ id, name, holder, committed, started_at_ms, kind }: Row): OpenChange => ({
  id,
  name,
  holder,
  isCommitted: committed === 1,
  kind: kind as ChangeKind,
  startedAtMs: started_at_ms,
})

function busy(
  { name, kind, holder, startedAtMs }: OpenChange,
  wanted: ChangeKind,
  { nowMs, isAtWork }: { readonly nowMs: number; readonly isAtWork: boolean },
): StoreError {
  const pid = pidOf(holder)
  const seconds = Math.max(0, Math.round((nowMs - startedAtMs) / 1000))
  const who = isAtWork ? `process ${pid} has been ${DOING[kind]} it for ${seconds} s` : 'a change of it was interrupted'
  return new StoreError('STORE_BUSY', `cannot ${wanted} ${name}: ${who}`, {
    hint: 'try again when it has finished',
    details: { pid, change: kind, sinceMs: startedAtMs },
  })
}
