import { randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, link, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ARCHIVE_BOUNDS, type ArchiveBounds, type StagedTarball } from '../core/archive.ts'
import { sha256, sha512 } from '../core/digest.ts'
import { ArchiveError, FetchError, PluginError, VerificationError } from '../core/errors.ts'
import { tarballName } from '../core/name.ts'
import type { Packed } from './pack.ts'

/** DESIGN §2: 5,000 files make about 1 MB. */
export const BUNDLE_MAX_BYTES = 16 * 2 ** 20
/** One bundle, or one a line when several signed. */
export const BUNDLE_SUFFIXES = ['.sigstore.json', '.sigstore.jsonl'] as const

/**
 * Reads a tarball, and the bundle beside it, once into memory of our own (DESIGN §4, install 1): nothing that is checked
 * later can be exchanged in between. A bundle that is not there is `null`, for the verifier to call unsigned; a bundle
 * that cannot be read is an error of its own, because "unsigned" is a verdict and not what to say about a full disk.
 */
export async function fetchTarball(
  path: string,
  bounds: Pick<ArchiveBounds, 'tarballBytes'> = ARCHIVE_BOUNDS,
): Promise<StagedTarball> {
  const bytes = await readOnce(path, bounds.tarballBytes, (size) => {
    const rule = `cannot read ${path}: it is ${size} bytes; the bound is ${bounds.tarballBytes}`
    return new ArchiveError('ARCHIVE_TOO_LARGE', rule)
  })
  if (bytes === null) {
    throw new FetchError('FILE_UNREADABLE', `cannot read ${path}: no such file`, {
      hint: 'a plugin of a registry is named NAMESPACE/NAME: plugins search',
    })
  }
  return { source: path, bytes, sha256: sha256(bytes), sha512: sha512(bytes), bundle: await readBundle(path) }
}

async function readBundle(tarball: string): Promise<Buffer | null> {
  const found = await findBundles(tarball)
  // With a second signature the first file gets the second's name: a look at that very moment can find it under both.
  return onlyBundle(found.length > 1 ? await findBundles(tarball) : found)
}

interface FoundBundle {
  readonly path: string
  readonly bytes: Buffer
}

async function findBundles(tarball: string): Promise<readonly FoundBundle[]> {
  const found: FoundBundle[] = []
  for (const suffix of BUNDLE_SUFFIXES) {
    const path = `${tarball}${suffix}`
    const bytes = await readOnce(path, BUNDLE_MAX_BYTES, (size) => {
      const rule = `cannot use ${path}: it is ${size} bytes; the bound is ${BUNDLE_MAX_BYTES}`
      return new VerificationError('BUNDLE_MALFORMED', rule)
    })
    if (bytes !== null) found.push({ path, bytes })
  }
  return found
}

function onlyBundle(found: readonly FoundBundle[]): Buffer | null {
  if (found.length > 1) {
    throw new FetchError(
      'FILE_UNREADABLE',
      `cannot tell which bundle is meant: ${found.map((b) => b.path).join(' or ')}`,
      {
        hint: 'several bundles belong into the .sigstore.jsonl, one a line',
      },
    )
  }
  return found[0]?.bytes ?? null
}

/** The whole of a regular file under a cap, or `null` if there is none; never a link, never a wait on a FIFO. */
async function readOnce(path: string, cap: number, beyond: (size: number) => PluginError): Promise<Buffer | null> {
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    throw unreadable(path, code === 'ELOOP' ? 'it is a symbolic link' : (error as Error).message, error)
  }
  try {
    const before = await file.stat()
    if (!before.isFile()) throw unreadable(path, 'it is not a regular file')
    if (before.size > cap) throw beyond(before.size)
    const bytes = await readWhole(file, before.size)
    if (bytes === null || isChanged(before, await file.stat())) throw unreadable(path, 'it changed while it was read')
    return bytes
  } catch (error) {
    throw error instanceof PluginError ? error : unreadable(path, (error as Error).message, error)
  } finally {
    await file.close()
  }
}

/** One byte more than it should have: a file that grows is seen, and costs no memory. */
async function readWhole(file: FileHandle, size: number): Promise<Buffer | null> {
  const bytes = Buffer.allocUnsafeSlow(size + 1)
  let length = 0
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return length === size ? bytes.subarray(0, size) : null
}

const isChanged = (before: Stats, after: Stats): boolean =>
  before.size !== after.size || before.mtimeMs !== after.mtimeMs || before.ctimeMs !== after.ctimeMs

function unreadable(path: string, reason: string, cause?: unknown): FetchError {
  return new FetchError('FILE_UNREADABLE', `cannot read ${path}: ${reason}`, { cause })
}

/**
 * Writes `<namespace>-<name>-<version>.tgz` into a folder and gives its path. It appears whole or not at all; a file of
 * that name with other bytes is never replaced, because somebody may have signed or published it.
 */
export async function writeTarball(dir: string, packed: Pick<Packed, 'name' | 'version' | 'bytes'>): Promise<string> {
  const path = join(dir, tarballName(packed.name, packed.version))
  const draft = join(dir, `.${tarballName(packed.name, packed.version)}.${randomBytes(6).toString('hex')}`)
  try {
    await mkdir(dir, { recursive: true })
    const file = await open(draft, 'wx', 0o644)
    try {
      await file.writeFile(packed.bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await place(draft, path, packed.bytes)
    return path
  } catch (error) {
    if (error instanceof PluginError) throw error
    throw new PluginError('DISK_FAILED', `cannot write ${path}: ${(error as Error).message}`, { cause: error })
  } finally {
    await rm(draft, { force: true }).catch(() => {}) // never made, or the disk has failed already
  }
}

/** link() fails where rename() would replace, so two packs at once cannot overwrite each other's file. */
async function place(draft: string, path: string, bytes: Buffer): Promise<void> {
  try {
    await link(draft, path)
    return
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Some file systems have no hard links; there the check below and the rename are as close as one gets.
    if (code !== 'EEXIST' && code !== 'EPERM' && code !== 'ENOTSUP') throw error
  }
  const present = await readOnce(path, bytes.length, () => overwrites(path))
  if (present === null) await rename(draft, path)
  else if (!present.equals(bytes)) throw overwrites(path)
}

function overwrites(path: string): PluginError {
  return new PluginError('FILE_EXISTS', `cannot write ${path}: a file with other content is there`, {
    hint: 'give the package a new version, or remove the old file',
  })
}
