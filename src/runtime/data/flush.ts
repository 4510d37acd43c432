import { closeSync, constants, fsyncSync, openSync } from 'node:fs'

/** A rename lasts when the folder it was made in is flushed. */
export function flushFolder(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
