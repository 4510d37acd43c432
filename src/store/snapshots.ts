import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import { type Db, read, transact } from './database.ts'
import { isAlive, ownHolder } from './holder.ts'

/** A plugin's `/data` as it was when a release gave way to another. */
export interface KeptSnapshot {
  /** Below the plugin's own folder of snapshots. */
  readonly folder: string
  readonly version: string
  readonly bytes: number
  readonly takenAtMs: number
}

interface Row {
  readonly folder: string
  readonly version: string
  readonly bytes: number
  readonly taken_at_ms: number
}

const SELECT = `SELECT s.folder, r.version, s.bytes, s.taken_at_ms
  FROM snapshots s JOIN releases r ON r.id = s.release_id JOIN plugins p ON p.id = s.plugin_id`

const LOOSE = 'kept~'

/** The folder for data that no release of this plugin has left: named for the process that may come back for it. */
export const looseFolder = (): string => `${LOOSE}${ownHolder()}`

/** Is it there still, that process? It may, long after the change that kept it, when one of the others cannot come in. */
export const isAwaited = (folder: string): boolean => folder.startsWith(LOOSE) && isAlive(folder.slice(LOOSE.length))

/** One of each release at most: that of the last time it was left. */
export class Snapshots {
  readonly #db: Db
  readonly #now: () => number

  constructor(db: Db, now: () => number) {
    this.#db = db
    this.#now = now
  }

  of({ name, digest }: Pick<Installation, 'name' | 'digest'>): KeptSnapshot | null {
    const row = read(this.#db, () =>
      this.#db.prepare<[string, string], Row>(`${SELECT} WHERE p.name = ? AND r.sha256 = ?`).get(name, digest),
    )
    return row === undefined ? null : snapshotOf(row)
  }

  list(name: PluginName): KeptSnapshot[] {
    return read(this.#db, () =>
      this.#db.prepare<[string], Row>(`${SELECT} WHERE p.name = ? ORDER BY s.taken_at_ms`).all(name),
    ).map(snapshotOf)
  }

  /** Must be called inside the transaction in which the release gives way. */
  keepInside({ id }: Installation, { folder, bytes }: Pick<KeptSnapshot, 'folder' | 'bytes'>): void {
    this.#db
      .prepare(
        `INSERT INTO snapshots (plugin_id, release_id, folder, bytes, taken_at_ms)
         SELECT plugin_id, release_id, ?, ?, ? FROM installations WHERE id = ?
         ON CONFLICT (plugin_id, release_id) DO UPDATE SET
           folder = excluded.folder, bytes = excluded.bytes, taken_at_ms = excluded.taken_at_ms`,
      )
      .run(folder, bytes, this.#now(), id)
  }

  /** Of one whose folder is gone. */
  forget(id: number): void {
    transact(this.#db, () => this.#db.prepare('DELETE FROM snapshots WHERE id = ?').run(id))
  }

  /** Of a release that is active again, or gone. */
  forgetInside({ name, digest }: Pick<Installation, 'name' | 'digest'>): void {
    this.#db
      .prepare(
        `DELETE FROM snapshots WHERE release_id = (
           SELECT r.id FROM releases r JOIN plugins p ON p.id = r.plugin_id WHERE p.name = ? AND r.sha256 = ?)`,
      )
      .run(name, digest)
  }
}

const snapshotOf = ({ taken_at_ms, ...row }: Row): KeptSnapshot => ({ ...row, takenAtMs: taken_at_ms })
