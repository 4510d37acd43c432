import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import type { ErrorCode } from '../core/error-codes.ts'
import { PluginError, VerificationError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import { assertSafePath } from './path-safety.ts'

/**
 * The content of a file that only root and `uid` could have written (`trust.json`, `config.json`, `plugins.lock`), or `null`
 * when it is not there. `tooLarge`: what it is called when it is no file, or beyond the bound.
 * @throws VerificationError `POLICY_UNSAFE`; PluginError `FILE_UNREADABLE`.
 */
export function readSafeFile(
  path: string,
  uid: number,
  maxBytes: number,
  tooLarge: ErrorCode = 'POLICY_INVALID',
): Buffer | null {
  if (!assertSafePath(path, uid)) return null
  let fd: number
  try {
    // Nobody else can change the steps that were just looked at, so what is opened is what was checked.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new PluginError('FILE_UNREADABLE', `cannot open ${printable(path, 400)}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile() || stat.size > maxBytes) {
      throw new VerificationError(
        tooLarge,
        `cannot use ${printable(path, 400)}: expected at most ${maxBytes} bytes, found ${stat.size}`,
      )
    }
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
}
