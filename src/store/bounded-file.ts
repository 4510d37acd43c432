import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'

/** What `open` says of what is gone, or is no plain file; anything else is a failure of this host. */
const OTHER = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENXIO'])

/**
 * A regular file of at most `maxBytes`, opened through no link and without waiting; `null`: there is none of that kind. It is looked at before
 * it is read: a FIFO in its place must not hold up the verification of everything else, nor a device or a sparse file fill the memory.
 */
export function readBounded(path: string, maxBytes: number): Buffer | null {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (OTHER.has((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
  try {
    const stats = fstatSync(fd)
    return stats.isFile() && stats.size <= maxBytes ? readFileSync(fd) : null
  } finally {
    closeSync(fd)
  }
}
