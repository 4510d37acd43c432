import { linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StoreError } from '../core/errors.ts'

const WAIT_MS = 30_000

/**
 * Runs `work` while no other process is in here for the same folder. Node has no flock(2): the lock is a file that names its
 * holder by pid and start time, put in place whole by link(2), which never replaces. What a killed holder left is taken
 * away under a second lock, held for two system calls; should its holder be killed as well, the sentence says what to do.
 */
export function withFolderLock<T>(folder: string, purpose: string, work: () => T): T {
  const lock = join(folder, 'lock')
  const own = join(folder, `lock.${process.pid}`)
  try {
    acquire(own, lock, purpose)
    try {
      return work()
    } finally {
      remove(lock)
    }
  } finally {
    remove(own)
  }
}

function acquire(own: string, lock: string, purpose: string): void {
  try {
    writeFileSync(own, holder(process.pid) ?? '', { mode: 0o600 })
    for (const deadline = Date.now() + WAIT_MS; !placed(own, lock); ) {
      if (isStale(lock) && takeAway(own, lock)) continue
      if (Date.now() > deadline) throw busy(lock, purpose)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    throw new StoreError('DISK_FAILED', `cannot ${purpose}: ${(error as Error).message}`, { cause: error })
  }
}

function busy(lock: string, purpose: string): StoreError {
  const pid = Number(read(lock)?.split(' ')[0])
  const who = pid > 0 ? `process ${pid}` : 'another process'
  return new StoreError('STORE_BUSY', `cannot ${purpose}: ${who} has held ${lock} for ${WAIT_MS / 1000} s`, {
    hint: `rm ${lock} ${lock}.stale, if no other plugins command is running`,
    details: { pid: pid > 0 ? pid : null },
  })
}

/** pid and start time: a pid alone may be somebody else's by now. */
function holder(pid: number): string | null {
  const stat = read(`/proc/${pid}/stat`)
  return stat === null ? null : `${pid} ${stat.slice(stat.lastIndexOf(')')).split(' ')[20]}`
}

function isStale(lock: string): boolean {
  const text = read(lock)
  return text !== null && text !== holder(Number(text.split(' ')[0]))
}

/** Looked at again under the second lock: another may have taken it away, and a third put its own in place. */
function takeAway(own: string, lock: string): boolean {
  if (!placed(own, `${lock}.stale`)) return false
  if (isStale(lock)) remove(lock)
  remove(`${lock}.stale`)
  return true
}

function placed(own: string, lock: string): boolean {
  try {
    linkSync(own, lock)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // It is gone.
  }
}
