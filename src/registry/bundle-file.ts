import { randomBytes } from 'node:crypto'
import { link, open, rename, rm } from 'node:fs/promises'
import { PluginError } from '../core/errors.ts'
import { BUNDLE_SUFFIXES } from './tarball.ts'

/**
 * Writes `<tarball>.sigstore.json`, whole or not at all, and gives its path. Somebody else's signature is not ours to
 * drop: a bundle that is there already is replaced only when that is asked for.
 *
 * @throws PluginError `FILE_EXISTS`, `DISK_FAILED`
 */
export async function writeBundle(tarball: string, bytes: Buffer, options: { replace: boolean }): Promise<string> {
  const path = `${tarball}${BUNDLE_SUFFIXES[0]}`
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  try {
    const file = await open(draft, 'wx', 0o644)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    // link() fails where rename() would replace.
    await (options.replace ? rename(draft, path) : link(draft, path))
    return path
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new PluginError('FILE_EXISTS', `cannot write ${path}: the tarball is signed already`, {
        cause: error,
        hint: '--force replaces that signature',
      })
    }
    throw new PluginError('DISK_FAILED', `cannot write ${path}: ${(error as Error).message}`, { cause: error })
  } finally {
    await rm(draft, { force: true })
  }
}
