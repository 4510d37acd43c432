import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  writeSync,
} from 'node:fs'
import { StoreError } from '../core/errors.ts'

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/** A new file with exactly this content and mode, whatever the umask; fails if anything has that name already. */
export function makeFile(path: string, bytes: Buffer, mode: 0o644 | 0o755 | 0o600): void {
  const file = openSync(path, CREATE, mode)
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
    const stats = fstatSync(file)
    if ((stats.mode & 0o7777) !== mode) fchmodSync(file, mode)
    // A file system that truncates, maps owners or is not what it seems shows here, before anything relies on it.
    if (stats.size !== bytes.length || stats.nlink !== 1 || stats.uid !== process.geteuid?.()) {
      const found = `${stats.size} bytes, ${stats.nlink} names, owner ${stats.uid}`
      throw new StoreError('DISK_FAILED', `cannot write ${path}: wrote ${bytes.length} bytes and found ${found}`)
    }
  } finally {
    closeSync(file)
  }
}

export function makeFolder(path: string, mode: 0o755 | 0o700 = 0o755): void {
  mkdirSync(path, mode)
  // A setgid parent hands its bit down, and the umask takes bits away.
  if ((lstatSync(path).mode & 0o7777) !== mode) chmodSync(path, mode)
}
