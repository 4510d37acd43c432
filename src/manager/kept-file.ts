import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'

/** What `open` says of a file that was taken away or put in another form; anything else is a failure of this host. */
const CHANGED = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENXIO'])

/**
 * A file of an installed release; `null` when it is gone, or is no plain file of at most `maxBytes` any more. Opened
 * without waiting and looked at before it is read: a FIFO in its place must not hold up the verification of everything
 * else, nor a device or a sparse file fill the memory.
 */
export function readKeptFile(path: string, maxBytes: number): Buffer | null {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (CHANGED.has((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
  try {
    const stats = fstatSync(fd)
    return stats.isFile() && stats.size <= maxBytes ? readFileSync(fd) : null
  } finally {
    closeSync(fd)
  }
}
