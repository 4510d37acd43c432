import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { printable } from '../core/printable.ts'

/** A process that holds a lock for writing. */
export interface LockOwner {
  readonly pid: number
  /** The file that it runs. */
  readonly program: string
}

/** Where SQLite's locks lie: of a writer in the index of the journal, and of one that wants all of it to itself in the database. */
const LOCKED = ['', '-shm', '-journal']

/**
 * The other process that may write the database now, as far as the kernel tells; `null`: nobody by now, or it is not to be known (locks of
 * another machine, a /proc that hides others). Takes milliseconds: for a command that has failed.
 */
export function lockOwnerOf(database: string): LockOwner | null {
  try {
    const files = LOCKED.flatMap((suffix) => statSync(database + suffix, { throwIfNoEntry: false }) ?? [])
    const pids = writersOf(
      readFileSync('/proc/locks', 'latin1'),
      files.map(({ ino }) => ino),
    )
    const pid = pids.find((one) => one !== process.pid && hasOpen(one, files))
    return pid === undefined ? null : { pid, program: programOf(pid) }
  } catch {
    // It is told beside another error, and must not take its place.
    return null
  }
}

/** `1: POSIX  ADVISORY  WRITE 4711 08:01:123456 120 120`; one that waits for a lock has an arrow before its kind. */
const HELD = /^\d+: POSIX +\S+ +WRITE +([1-9]\d*) +[0-9a-f]+:[0-9a-f]+:(\d+) (\d+) /gm

/** Bytes that stand for writing, in SQLite's format: in the index of the journal, and from there on in the database itself. */
const WRITE_LOCK = 120
const PENDING_BYTE = 2 ** 30

/** Those who may write a file with one of these numbers, whatever its disk. */
export function writersOf(locks: string, inodes: readonly number[]): number[] {
  const all = [...locks.matchAll(HELD)].map(([, pid, inode, start]) => ({
    pid: Number(pid),
    inode: Number(inode),
    start: Number(start),
  }))
  // What lies between is locked by those who read, too, for a moment.
  const isWriting = (start: number) => start <= WRITE_LOCK || start >= PENDING_BYTE
  return all.filter(({ inode, start }) => inodes.includes(inode) && isWriting(start)).map(({ pid }) => pid)
}

/** Two disks have files with the same number; and not every file system tells `stat` the disk that the kernel's list has. */
function hasOpen(pid: number, files: readonly { readonly dev: number; readonly ino: number }[]): boolean {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).some((fd) => {
    const found = statSync(`${folder}/${fd}`, { throwIfNoEntry: false })
    return files.some(({ dev, ino }) => found?.dev === dev && found.ino === ino)
  })
}

/** Not by the name that it has given itself: Node calls itself MainThread. */
const programOf = (pid: number): string => printable(basename(readlinkSync(`/proc/${pid}/exe`)))
