import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'

/** What `open` says of what is gone, or is no plain file; anything else is a failure of this host. */
const OTHER = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'])

/** A regular file of at most `maxBytes`, opened through no link and without waiting; `null`: there is none of that kind. */
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
