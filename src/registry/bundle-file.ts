import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { PluginError } from '../core/errors.ts'
import { BUNDLE_SUFFIXES } from './tarball.ts'

/**
 * Puts the lines of a bundle file beside its tarball, whole or not at all, and gives its path: one bundle is a
 * `.sigstore.json`, and with the second it becomes a `.sigstore.jsonl`, which it stays. `read` is what the lines were made
 * from: when the file is another one by now, somebody else's signature would be lost, and nothing is changed.
 *
 * Synchronous, so that a lock around it holds until it is done.
 * @throws PluginError `FILE_EXISTS`, `DISK_FAILED`
 */
export function placeBundles(tarball: string, lines: readonly Buffer[], read: Buffer | null): string {
  const [single, several] = BUNDLE_SUFFIXES.map((suffix) => `${tarball}${suffix}`) as [string, string]
  const present = [single, several].filter((path) => bytesOf(path) !== null)
  const [from] = present
  const found = from === undefined ? null : bytesOf(from)
  const isUnchanged = found === null ? read === null : read?.equals(found) === true
  if (present.length > 1 || !isUnchanged) throw changed(tarball)
  const to = from === several || lines.length > 1 ? several : single
  const draft = `${to}.${randomBytes(6).toString('hex')}`
  try {
    writeSynced(draft, Buffer.concat(lines))
    if (from === undefined)
      linkSync(draft, to) // fails where a rename would replace
    else {
      // One bundle is a file of lines as well. So the old content changes its name first, and then its name gets the new
      // content: whoever reads finds one of the two, and never both names.
      if (from !== to) renameSync(from, to)
      renameSync(draft, to)
    }
    syncFolder(dirname(to))
    return to
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw changed(tarball, error)
    throw failed(to, error)
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Writes a file that may not be there yet, whole or not at all. @throws PluginError `FILE_EXISTS`, `DISK_FAILED` */
export function writeNewFile(path: string, bytes: Buffer): void {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  try {
    writeSynced(draft, bytes)
    linkSync(draft, path)
    syncFolder(dirname(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw failed(path, error)
    throw new PluginError('FILE_EXISTS', `cannot write ${path}: it is there already`, {
      cause: error,
      hint: 'choose another name with --out, or move the old file away',
    })
  } finally {
    rmSync(draft, { force: true })
  }
}

function writeSynced(path: string, bytes: Buffer): void {
  const fd = openSync(path, 'wx', 0o644)
  try {
    writeFileSync(fd, bytes)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function syncFolder(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function bytesOf(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw failed(path, error)
  }
}

const failed = (path: string, error: unknown): PluginError =>
  new PluginError('DISK_FAILED', `cannot write ${path}: ${(error as Error).message}`, { cause: error })

function changed(tarball: string, cause?: unknown): PluginError {
  return new PluginError(
    'FILE_EXISTS',
    `cannot write the bundle of ${tarball}: its signatures changed while this one was made`,
    { cause, hint: 'nothing was written; sign again' },
  )
}
