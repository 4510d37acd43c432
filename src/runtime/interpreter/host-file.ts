import { closeSync, constants, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Elf, readElf } from './elf.ts'

/** Who may have made the host's files that a plugin runs on: root, and for an ordinary user also that user. */
export interface Owner {
  readonly uid: number
}

/** Why a host file may not be shown to a plugin, or `null`. Links are followed: what counts is where they end. */
export function faultOf(path: string, owner: Owner): string | null {
  let real: string
  try {
    real = realpathSync.native(path)
  } catch {
    return `${path} is not there`
  }
  // Whoever may write a folder on the way can put another file in this one's place.
  for (let at = real; ; at = dirname(at)) {
    const { uid, mode } = statSync(at)
    if (uid !== 0 && uid !== owner.uid) return `${at} belongs to uid ${uid}, not to root`
    const sticky = at !== real && (mode & 0o1000) !== 0
    if ((mode & 0o022) !== 0 && !sticky) return `${at} may be written by others (mode ${(mode & 0o7777).toString(8)})`
    if (at === '/') return null
  }
}

/** What identifies the content of a host file without reading it. */
export function fingerprint(path: string): string | null {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stat ? `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}` : null
}

/** Opens a file once and hands its reader to `use`. `null` when it is no regular file that we may read. */
export function readingFile<T>(path: string, use: (read: (offset: number, length: number) => Buffer) => T): T | null {
  let fd: number
  try {
    // O_NONBLOCK: opening a FIFO must not wait for somebody to write into it.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    return null
  }
  try {
    if (!fstatSync(fd).isFile()) return null
    return use((offset, length) => {
      const bytes = Buffer.alloc(length)
      let filled = 0
      while (filled < length) {
        const count = readSync(fd, bytes, filled, length - filled, offset + filled)
        if (count === 0) break
        filled += count
      }
      return bytes.subarray(0, filled)
    })
  } finally {
    closeSync(fd)
  }
}

export const elfOf = (path: string): Elf | null => readingFile(path, readElf)
