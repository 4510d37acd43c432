import { chmodSync, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { StoreError } from '../core/errors.ts'
import { BUSY_MS, failureOf, unreadable } from './database-failure.ts'
import { keepStatements } from './kept-statements.ts'
import { MIGRATIONS } from './migrations.ts'
import { sqliteBinding } from './sqlite-binding.ts'

/** A prepared statement: `B` is what is bound, `R` a row. */
export interface DbStatement<B extends unknown[], R> {
  run(...bound: B): { readonly changes: number; readonly lastInsertRowid: number | bigint }
  get(...bound: B): R | undefined
  all(...bound: B): R[]
  iterate(...bound: B): IterableIterator<R>
}

/**
 * What is used of SQLite. In words of our own: the declarations of this package reach this file, and whoever compiles against
 * them should not need those of better-sqlite3, which come as a package of their own.
 */
export interface Db {
  readonly name: string
  readonly open: boolean
  prepare<B extends unknown[] | object = unknown[], R = unknown>(
    sql: string,
  ): B extends unknown[] ? DbStatement<B, R> : DbStatement<[B], R>
  transaction<T>(work: () => T): { (): T; immediate(): T }
  pragma(source: string, options?: { readonly simple?: boolean }): unknown
  exec(sql: string): unknown
  close(): unknown
}

/**
 * Opens the database at `path`, made 0600, and brings it to this version's schema.
 *
 * @throws StoreError `STORE_TOO_NEW`, `STORE_BUSY`, `STORE_UNREADABLE` or `DISK_FAILED`
 */
export function openDatabase(path: string): Db {
  let db: Db
  try {
    db = new Database(path, { timeout: BUSY_MS, ...bindingOption() })
  } catch (error) {
    throw failureOf(path, error) ?? unreadable(path, error)
  }
  try {
    db.pragma('foreign_keys = ON')
    db.pragma('trusted_schema = OFF')
    db.pragma('synchronous = NORMAL')
    if (schemaOf(db, path) < MIGRATIONS.length) migrate(db, path)
    return keepStatements(db)
  } catch (error) {
    if (error instanceof StoreError && error.code === 'STORE_TOO_NEW') closeUntouched(db, path)
    else db.close()
    throw error instanceof StoreError ? error : (failureOf(path, error) ?? unreadable(path, error))
  }
}

function bindingOption(): Database.Options {
  const nativeBinding = sqliteBinding()
  return nativeBinding === undefined ? {} : { nativeBinding }
}

/** The schema of the file. Looked at before the first write: a newer file is left as it is. */
function schemaOf(db: Db, path: string): number {
  const version = Number(db.pragma('user_version', { simple: true }))
  if (version <= MIGRATIONS.length) return version
  throw new StoreError(
    'STORE_TOO_NEW',
    `cannot open ${path}: it has schema ${version}, this version knows up to ${MIGRATIONS.length}`,
    { hint: 'use the newer version that wrote it' },
  )
}

/**
 * Whoever is the last to close a database writes what its log still holds into the file. What a newer version left there when
 * it was killed is its own to write: beside a reader, which never writes, nobody is the last.
 */
function closeUntouched(db: Db, path: string): void {
  const isLogEmpty = (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0
  if (isLogEmpty) {
    db.close()
    return
  }
  const reader = new Database(path, { readonly: true, ...bindingOption() })
  try {
    reader.pragma('user_version')
    db.close()
  } finally {
    reader.close()
  }
}

function migrate(db: Db, path: string): void {
  // Rows name what is installed and who signed it: nobody else's business, and WAL files take the mode of the database.
  chmodSync(path, 0o600)
  keepLog(db)
  db.transaction(() => {
    // Asked again under the lock: another process may have migrated meanwhile.
    for (const sql of MIGRATIONS.slice(schemaOf(db, path))) db.exec(sql)
    db.pragma(`user_version = ${MIGRATIONS.length}`)
  }).immediate()
}

/** SQLite waits for no lock here (it would wait for itself), and another process may be making the same database. */
function keepLog(db: Db): void {
  for (const deadline = Date.now() + BUSY_MS; ; Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)) {
    try {
      db.pragma('journal_mode = WAL')
      return
    } catch (error) {
      if (!isLocked(error) || Date.now() > deadline) throw error
    }
  }
}

const isLocked = (error: unknown): boolean =>
  error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')

/**
 * Runs `work` as one transaction that takes the write lock at its beginning, so that it cannot fail halfway for a lock;
 * on disk when it returns.
 */
export function transact<T>(db: Db, work: () => T): T {
  db.pragma('synchronous = FULL')
  try {
    return transactLightly(db, work)
  } finally {
    db.pragma('synchronous = NORMAL')
  }
}

/** The same without waiting for the disk: a power cut may lose it, never tear it. For what only tells of a run. */
export function transactLightly<T>(db: Db, work: () => T): T {
  return read(db, () => db.transaction(work).immediate())
}

/** Runs queries; what the file or the disk is to blame for comes out as an error that says so. */
export function read<T>(db: Db, work: () => T): T {
  try {
    return work()
  } catch (error) {
    // better-sqlite3 has a TypeError for it, which is nobody's bug but of whoever goes on with what was closed.
    if (!db.open)
      throw new StoreError('WRONG_STATE', `cannot use ${db.name}: it has been closed, with its manager`, {
        cause: error,
      })
    throw failureOf(db.name, error) ?? error
  }
}
