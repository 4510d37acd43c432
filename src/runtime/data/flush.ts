import { closeSync, constants, fsyncSync, openSync } from 'node:fs'

/** A rename lasts when the folder it was made in is flushed. */
export const flushFolder = (path: string): void => flush(path, constants.O_DIRECTORY)

/** What is to take the place of another one by a rename has to be there before that is. */
export const flushFile = (path: string): void => flush(path, 0)

function flush(path: string, flags: number): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | flags)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
