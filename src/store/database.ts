import { accessSync, chmodSync, constants, existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { StoreError } from '../core/errors.ts'
import { lockOwnerOf } from './lock-owner.ts'
import { MIGRATIONS } from './migrations.ts'
import { sqliteBinding } from './sqlite-binding.ts'

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
    const nativeBinding = sqliteBinding()
    db = new Database(path, { timeout: BUSY_MS, ...(nativeBinding === undefined ? {} : { nativeBinding }) })
  } catch (error) {
    throw cannotOpen(path, error)
  }
  try {
    db.pragma('foreign_keys = ON')
    db.pragma('trusted_schema = OFF')
    db.pragma('synchronous = NORMAL')
    if (schemaOf(db, path) < MIGRATIONS.length) migrate(db, path)
    return db
  } catch (error) {
    db.close()
    throw error instanceof StoreError ? error : (failureOf(path, error) ?? unreadable(path, error))
  }
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

function migrate(db: Db, path: string): void {
  // Rows name what is installed and who signed it: nobody else's business, and WAL files take the mode of the database.
  chmodSync(path, 0o600)
  db.pragma('journal_mode = WAL')
  db.transaction(() => {
    // Asked again under the lock: another process may have migrated meanwhile.
    for (const sql of MIGRATIONS.slice(schemaOf(db, path))) db.exec(sql)
    db.pragma(`user_version = ${MIGRATIONS.length}`)
  }).immediate()
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
    case 'CORRUPT':
    case 'NOTADB':
      return unreadable(path, error)
    case 'CANTOPEN':
      return cannotOpen(path, error)
    case 'FULL':
    case 'IOERR':
    case 'READONLY':
      return new StoreError('DISK_FAILED', `cannot write ${path}: ${error.message}`, {
        cause: error,
        hint: dfHint(path),
      })
    default:
      return null
  }
}

const dfHint = (path: string) =>
  `df ${dirname(path)} tells whether that disk is full; reading needs a little of it, too`

/** SQLite does not say why. It makes files beside the database also to read it, which a disk may not let it. */
function cannotOpen(path: string, cause: unknown): StoreError {
  const state = existsSync(path) ? diskOf(dirname(path)) : 'good'
  switch (state) {
    case 'good':
      return unreadable(path, cause)
    case 'full':
      return new StoreError('DISK_FAILED', `cannot open ${path}: its disk is full`, { cause, hint: dfHint(path) })
    case 'read-only':
      return new StoreError('DISK_FAILED', `cannot open ${path}: its disk is mounted read-only`, {
        cause,
        hint: `findmnt -T ${dirname(path)} tells how it is mounted; reading writes a little, too`,
      })
  }
}

/** The files that it makes have this size at the beginning. */
const NEEDED_BYTES = 2 ** 16

function diskOf(folder: string): 'good' | 'full' | 'read-only' {
  try {
    accessSync(folder, constants.W_OK)
    const { bavail, bsize, files, ffree } = statfsSync(folder)
    return bavail * bsize < NEEDED_BYTES || (files > 0 && ffree === 0) ? 'full' : 'good'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS' ? 'read-only' : 'good'
  }
}

/** Whoever has it now need not be the only one who had it all that time. */
function busy(path: string, cause: unknown): StoreError {
  const owner = lockOwnerOf(path)
  const atTheEnd = owner === null ? '' : `, at the end process ${owner.pid} (${owner.program})`
  const hint = owner === null ? `fuser ${path} names that process` : 'try again when it has finished'
  return new StoreError(
    'STORE_BUSY',
    `cannot write ${path}: another process held it for ${BUSY_MS / 1000} s${atTheEnd}`,
    {
      cause,
      hint,
      details: { database: path, ...owner },
    },
  )
}

const unreadable = (path: string, cause: unknown) =>
  new StoreError('STORE_UNREADABLE', `cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause,
    hint: 'if it is damaged, put a copy from before in its place',
  })
