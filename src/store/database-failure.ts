import { accessSync, constants, existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { StoreError } from '../core/errors.ts'
import { lockOwnerOf } from './lock-owner.ts'

/** How long a command waits for another writer before it says so, in milliseconds. */
export const BUSY_MS = 10_000

/** SQLite's result codes, and the system's, that are about this host; anything else is a bug of ours, and `null` here. */
export function failureOf(path: string, error: unknown): StoreError | null {
  if (isSystem(error, 'EROFS', 'EACCES', 'EPERM')) return cannotWrite(path, error)
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
    case 'READONLY':
      return cannotWrite(path, error)
    case 'FULL':
    case 'IOERR':
      return new StoreError('DISK_FAILED', `cannot write ${path}: ${sentence(error)}`, { cause: error, hint: df(path) })
    default:
      return null
  }
}

export const unreadable = (path: string, cause: unknown) =>
  new StoreError('STORE_UNREADABLE', `cannot read ${path}: ${sentence(cause)}`, {
    cause,
    hint: 'if it is damaged, put a copy from before in its place',
  })

/** SQLite does not say why. It makes files beside the database also to read it, which a disk may not let it. */
function cannotOpen(path: string, cause: unknown): StoreError {
  const state = existsSync(path) ? diskOf(dirname(path)) : 'good'
  return state === 'good' ? unreadable(path, cause) : diskFailed(path, state, cause)
}

function cannotWrite(path: string, cause: unknown): StoreError {
  const state = diskOf(dirname(path))
  return diskFailed(path, state === 'read-only' ? state : 'closed', cause)
}

type Fault = 'full' | 'read-only' | 'closed'

function diskFailed(path: string, fault: Fault, cause: unknown): StoreError {
  const folder = dirname(path)
  switch (fault) {
    case 'full':
      return new StoreError('DISK_FAILED', `cannot open ${path}: its disk is full`, { cause, hint: df(path) })
    case 'read-only':
      return new StoreError('DISK_FAILED', `cannot open ${path}: its disk is mounted read-only`, {
        cause,
        hint: `findmnt -T ${folder} tells how; reading needs to write there, too`,
      })
    case 'closed':
      return new StoreError(
        'DISK_FAILED',
        `cannot open ${path}: it, or its folder, cannot be written (${sentence(cause)})`,
        {
          cause,
          hint: `ls -ld ${folder} ${path} tells whose they are; reading needs to write there, too`,
        },
      )
  }
}

const df = (path: string) => `df ${dirname(path)} tells whether that disk is full; reading needs a little of it, too`

/** The files that it makes have this size at the beginning. */
const NEEDED_BYTES = 2 ** 16

function diskOf(folder: string): 'good' | Fault {
  try {
    accessSync(folder, constants.W_OK)
    const { bavail, bsize, files, ffree } = statfsSync(folder)
    return bavail * bsize < NEEDED_BYTES || (files > 0 && ffree === 0) ? 'full' : 'good'
  } catch (error) {
    if (isSystem(error, 'EROFS')) return 'read-only'
    return isSystem(error, 'EACCES', 'EPERM') ? 'closed' : 'good'
  }
}

/** Whoever has it now need not be the only one who had it all that time. */
function busy(path: string, cause: unknown): StoreError {
  const owner = lockOwnerOf(path)
  const atTheEnd = owner === null ? '' : `, at the end process ${owner.pid} (${owner.program})`
  return new StoreError(
    'STORE_BUSY',
    `cannot write ${path}: another process held it for ${BUSY_MS / 1000} s${atTheEnd}`,
    {
      cause,
      hint: owner === null ? `fuser ${path} names that process` : 'try again when it has finished',
      details: { database: path, ...owner },
    },
  )
}

const isSystem = (error: unknown, ...codes: readonly string[]): boolean =>
  codes.includes((error as { readonly code?: string } | null)?.code ?? '')

const sentence = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
