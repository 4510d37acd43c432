import { randomBytes } from 'node:crypto'
import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { StoreError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'

/**
 * A file of public material takes the place of the one before it as a whole, or not at all. `stillHeld` is that of the
 * file's lock, asked right before the change is made visible.
 * @throws StoreError `STORE_BUSY`
 */
export function replaceFile(path: string, bytes: Buffer, stillHeld: () => boolean, mode: number = 0o644): void {
  const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const fd = openSync(draft, 'wx', 0o600)
    try {
      writeFileSync(fd, bytes)
      // Readable by all, so that a person can review it; whatever the umask says, writable by one.
      fchmodSync(fd, mode)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    if (!stillHeld()) {
      throw new StoreError('STORE_BUSY', `cannot change ${printable(path, 400)}: the lock was taken over`, {
        hint: 'try again',
      })
    }
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
