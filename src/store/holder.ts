import { readFileSync } from 'node:fs'
import { StoreError } from '../core/errors.ts'

/**
 * Who holds a pending row: `pid:starttime:bootid`. The start time tells a process from a later one with the same pid,
 * the boot id from one before the machine was started again.
 */
export function holderOf(pid: number): string | null {
  const start = startTimeOf(pid)
  return start === null ? null : `${pid}:${start}:${bootId()}`
}

/** This process's. */
export function ownHolder(): string {
  const holder = holderOf(process.pid)
  if (holder !== null) return holder
  throw new StoreError('STORE_UNREADABLE', 'cannot read /proc/self/stat: is /proc mounted?')
}

export function isAlive(holder: string): boolean {
  const [pid, start, boot] = holder.split(':')
  return boot === bootId() && start === startTimeOf(Number(pid))
}

export const pidOf = (holder: string): number => Number(holder.split(':')[0])

let knownBootId: string | undefined
function bootId(): string {
  knownBootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return knownBootId
}

/** Field 22 of /proc/PID/stat, in clock ticks since boot; `null` when there is no such process or it is a zombie. */
function startTimeOf(pid: number): string | null {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
  // The second field is the program's name in brackets and may itself hold brackets and blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' ? null : (fields[19] ?? null)
}
