import { chmodSync } from 'node:fs'
import Database from 'better-sqlite3'
import { StoreError } from '../core/errors.ts'
import { MIGRATIONS } from './migrations.ts'

export type Db = Database.Database

/** How long a command waits for another writer before it says so, in milliseconds. */
const BUSY_MS = 10_000

/**
 * Opens the database at `path`, made 0600, and brings it to this version's schema.
 *
 * @throws StoreError `STORE_TOO_NEW`, `STORE_BUSY` or `STORE_UNREADABLE`
 */
export function openDatabase(path: string): Db {
  let db: Db
  try {
    db = new Database(path, { timeout: BUSY_MS })
  } catch (error) {
    throw unreadable(path, error)
  }
  try {
    db.pragma('foreign_keys = ON')
    db.pragma('trusted_schema = OFF')
    if (db.pragma('user_version', { simple: true }) !== MIGRATIONS.length) migrate(db, path)
    return db
  } catch (error) {
    db.close()
    if (error instanceof StoreError) throw error
    if (isBusy(error)) throw busy(path, error)
    throw unreadable(path, error)
  }
}

function migrate(db: Db, path: string): void {
  // Rows name what is installed and who signed it: nobody else's business, and WAL files take the mode of the database.
  chmodSync(path, 0o600)
  db.pragma('journal_mode = WAL')
  db.transaction(() => {
    const version = Number(db.pragma('user_version', { simple: true }))
    if (version > MIGRATIONS.length) {
      throw new StoreError(
        'STORE_TOO_NEW',
        `cannot open ${path}: it has schema ${version}, this version knows up to ${MIGRATIONS.length}`,
        { hint: 'use the newer version that wrote it' },
      )
    }
    for (const sql of MIGRATIONS.slice(version)) db.exec(sql)
    db.pragma(`user_version = ${MIGRATIONS.length}`)
  }).immediate()
}

/** Runs `work` as one transaction that takes the write lock at its beginning, so that it cannot fail halfway for a lock. */
export function transact<T>(db: Db, work: () => T): T {
  try {
    return db.transaction(work).immediate()
  } catch (error) {
    if (isBusy(error)) throw busy(db.name, error)
    throw error
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof Database.SqliteError &&
  (error.code.startsWith('SQLITE_BUSY') || error.code.startsWith('SQLITE_LOCKED'))

const busy = (path: string, cause: unknown) =>
  new StoreError('STORE_BUSY', `cannot write ${path}: another process held it for ${BUSY_MS / 1000} s`, {
    cause,
    hint: `fuser ${path} names that process`,
  })

const unreadable = (path: string, cause: unknown) =>
  new StoreError('STORE_UNREADABLE', `cannot open ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause,
  })
