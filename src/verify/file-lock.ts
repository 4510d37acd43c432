import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { StoreError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'

const WAIT_MS = 5_000
const RETRY_MS = 20

/**
 * Runs `work` while no other process does, by a lock file beside `path`. The lock names its process, so that one left by a
 * killed process is taken over. `stillHeld` is to be asked right before the change is made visible.
 * @throws StoreError `STORE_BUSY` after five seconds.
 */
export async function withFileLock<T>(path: string, work: (stillHeld: () => boolean) => T | Promise<T>): Promise<T> {
  const lock = `${path}.lock`
  const mine = `${process.pid} ${startTimeOf(process.pid) ?? ''} ${randomBytes(8).toString('hex')}\n`
  const deadline = performance.now() + WAIT_MS
  while (!take(lock, mine)) {
    const holder = read(lock)
    if (holder !== null && !isAlive(holder)) removeStale(lock, holder)
    else if (performance.now() > deadline) throw busy(path, lock, holder)
    else await sleep(RETRY_MS)
  }
  const stillHeld = () => read(lock) === mine
  try {
    return await work(stillHeld)
  } finally {
    if (stillHeld()) rmSync(lock, { force: true })
  }
}

/** By link(2), so that the lock appears with its content: an empty one would look like a dead process's. */
function take(lock: string, mine: string): boolean {
  const draft = `${lock}.${process.pid}.${randomBytes(6).toString('hex')}`
  writeFileSync(draft, mine, { flag: 'wx', mode: 0o600 })
  try {
    linkSync(draft, lock)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Two processes may do this at once: the one that moved a *live* lock away puts it back, unless a third was quicker. */
function removeStale(lock: string, holder: string): void {
  const aside = `${lock}.${process.pid}.${randomBytes(6).toString('hex')}`
  try {
    renameSync(lock, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  try {
    if (read(aside) !== holder) linkSync(aside, lock)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function isAlive(holder: string): boolean {
  const [pid, start] = holder.trim().split(' ')
  return pid !== undefined && start !== undefined && startTimeOf(Number(pid)) === start
}

/** Field 22 of /proc/PID/stat tells a process from a later one with the same number. */
function startTimeOf(pid: number): string | null {
  const stat = Number.isSafeInteger(pid) ? read(`/proc/${pid}/stat`) : null
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
}

function busy(path: string, lock: string, holder: string | null): StoreError {
  const pid = /^\d+/.exec(holder ?? '')?.[0] ?? 'unknown'
  return new StoreError('STORE_BUSY', `cannot change ${printable(path, 400)}: process ${pid} is changing it`, {
    hint: `try again; if no such process is at work, remove ${printable(lock, 400)}`,
  })
}
