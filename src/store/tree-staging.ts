import { randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { StoreError } from '../core/errors.ts'
import { holderOf, isAlive } from './holder.ts'
import { makeFolder } from './tree-writer.ts'

/** A name says who made it, so that a sweep takes what a dead process left and not what a live one is filling. */
const SEPARATOR = '~'

/** A new private folder below `staging/`; `onStage` is told its name before it is there. */
export function stage(staging: string, onStage?: (folder: string) => void): string {
  assertPrivate(staging)
  const path = nextName(staging)
  onStage?.(basename(path))
  makeFolder(path, 0o700)
  return path
}

/** A name below `staging/` that nothing has yet. */
export function nextName(staging: string): string {
  return join(staging, `${holderOf(process.pid) ?? process.pid}${SEPARATOR}${randomBytes(8).toString('hex')}`)
}

export function assertPrivate(staging: string): void {
  mkdirSync(staging, { recursive: true, mode: 0o700 })
  const stats = lstatSync(staging)
  if (!stats.isDirectory() || stats.uid !== process.geteuid?.() || (stats.mode & 0o077) !== 0) {
    const found = `mode ${(stats.mode & 0o7777).toString(8)}, owner ${stats.uid}`
    throw new StoreError(
      'STORE_UNREADABLE',
      `cannot use ${staging}: it must be a folder of mode 700 of ours; ${found}`,
      stats.isDirectory() && stats.uid === process.geteuid?.() ? { hint: `chmod 700 ${staging}` } : {},
    )
  }
}

/**
 * Deletes what interrupted work left behind. Safe to repeat, and beside other processes at work.
 *
 * @throws the first thing that cannot be deleted, when all others are
 */
export function sweep(staging: string): void {
  const failures: unknown[] = []
  for (const name of namesIn(staging)) {
    if (isAlive(name.split(SEPARATOR)[0] ?? '')) continue
    try {
      rmSync(join(staging, name), { recursive: true, force: true })
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
