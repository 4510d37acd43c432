import { accessSync, chmodSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { StoreError } from '../core/errors.ts'
import { MIGRATIONS } from './migrations.ts'
import { sqliteBinding } from './sqlite-binding.ts'

export type Db = Database.Database

/** How long a command waits for another writer before it says so, in milliseconds. */
const BUSY_MS = 10_000

/**
 * Opens the database at `path`, made 0600, and brings it to this version's schema.
 *
 * @throws StoreError `STORE_TOO_NEW`, `STORE_BUSY`, `STORE_UNREADABLE`, or `DISK_FAILED` where it cannot be written
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
    return db
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
  try {
    // Rows name what is installed and who signed it: nobody else's business, and WAL files take the mode of the database.
    chmodSync(path, 0o600)
    db.pragma('journal_mode = WAL')
    db.transaction(() => {
      // Asked again under the lock: another process may have migrated meanwhile.
      for (const sql of MIGRATIONS.slice(schemaOf(db, path))) db.exec(sql)
      db.pragma(`user_version = ${MIGRATIONS.length}`)
    }).immediate()
  } catch (error) {
    throw isUnwritable(error) ? unwritable(path, error) : error
  }
}

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
    throw failureOf(db.name, error) ?? error
  }
}

/** SQLite's result codes that are about this host; anything else is a bug of ours, and `null` here. */
function failureOf(path: string, error: unknown): StoreError | null {
  if (!(error instanceof Database.SqliteError)) return null
  const [, kind] = /^SQLITE_([A-Z]+)/.exec(error.code) ?? []
  switch (kind) {
    case 'BUSY':
    case 'LOCKED':
      return busy(path, error)
    case 'CANTOPEN':
      return mayBeWritten(dirname(path)) ? unreadable(path, error) : unwritable(path, error)
    case 'CORRUPT':
    case 'NOTADB':
      return unreadable(path, error)
    case 'FULL':
    case 'IOERR':
    case 'READONLY':
      return new StoreError('DISK_FAILED', `cannot write ${path}: ${error.message}`, {
        cause: error,
        hint: `df ${dirname(path)} tells whether that disk is full; reading needs a little of it, too`,
      })
    default:
      return null
  }
}

/** Even to be read, a database needs a folder to keep its log in. A folder that is not there is another matter. */
function mayBeWritten(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch (error) {
    return !isUnwritable(error)
  }
}

const isUnwritable = (error: unknown): boolean =>
  /^(?:EROFS|EACCES|EPERM|SQLITE_READONLY\w*)$/.test((error as { code?: string } | null)?.code ?? '')

const unwritable = (path: string, cause: unknown) =>
  new StoreError('DISK_FAILED', `cannot open ${path}: it, or its folder, cannot be written (${sentence(cause)})`, {
    cause,
    hint: `a home must be writable, also to be read: findmnt -T ${path} tells whether it is mounted read-only`,
  })

const busy = (path: string, cause: unknown) =>
  new StoreError('STORE_BUSY', `cannot write ${path}: another process held it for ${BUSY_MS / 1000} s`, {
    cause,
    hint: `fuser ${path} names that process`,
  })

const unreadable = (path: string, cause: unknown) =>
  new StoreError('STORE_UNREADABLE', `cannot read ${path}: ${sentence(cause)}`, {
    cause,
    hint: 'if it is damaged, put a copy from before in its place',
  })

const sentence = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
