import { constants, type Dirent, lstatSync, readdirSync, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { ArchiveBounds } from '../core/archive.ts'
import { shownName } from '../core/archive-fault.ts'
import { byPath, pathFault } from '../core/archive-path.ts'
import { PluginError } from '../core/errors.ts'
import type { TarFile } from './tar-writer.ts'

const VERSION_CONTROL = new Set(['.git', '.hg', '.svn', '.bzr', '.jj'])

/** What a package folder holds, read once; and what was left out, for the author to see. */
export interface Folder {
  /** Sorted by path, in byte order. */
  readonly files: readonly TarFile[]
  readonly leftOut: readonly string[]
}

/** Collects a folder's files without following a link; a link, device, FIFO or socket is refused by name. */
export async function readFolder(dir: string, bounds: ArchiveBounds): Promise<Folder> {
  const walk = new Walk(dir, bounds)
  await walk.enter('')
  return { files: walk.files.sort(byPath), leftOut: walk.leftOut }
}

class Walk {
  readonly files: TarFile[] = []
  readonly leftOut: string[] = []
  readonly #dir: string
  readonly #bounds: ArchiveBounds
  #bytes = 0

  constructor(dir: string, bounds: ArchiveBounds) {
    this.#dir = dir
    this.#bounds = bounds
  }

  async enter(folder: string): Promise<void> {
    const entries = listFolder(join(this.#dir, folder))
    // Folders are implied by the files in them, in the archive as in the signed list: an empty one cannot be packed.
    if (entries.length === 0 && folder !== '') this.leftOut.push(`${folder}/`)
    for (const entry of entries) {
      const name = nameOf(entry.name, folder)
      const path = folder === '' ? name : `${folder}/${name}`
      if (isLeftOut(path)) {
        this.leftOut.push(path)
        continue
      }
      const fault = pathFault(path, this.#bounds)
      if (fault !== null) throw unpackable(path, fault.rule)
      if (entry.isDirectory()) await this.enter(path)
      else this.#add(path, await readPackageFile(join(this.#dir, path), path, this.#bounds.fileBytes))
    }
  }

  #add(path: string, { bytes, executable }: Omit<TarFile, 'path'>): void {
    this.#bytes += bytes.length
    if (this.#bytes > this.#bounds.unpackedBytes) {
      throw unpackable(path, `with it the package is over ${this.#bounds.unpackedBytes} bytes`)
    }
    if (this.files.length === this.#bounds.entries) throw unpackable(path, `it is file ${this.#bounds.entries + 1}`)
    this.files.push({ path, bytes, executable })
  }
}

/** What other programs keep passwords and keys in. Nobody means to publish it, and once it is out it stays out. */
const SECRETS = new Set([
  '.git-credentials',
  '.netrc',
  '.npmrc',
  '.pypirc',
  'id_dsa',
  'id_ecdsa',
  'id_ed25519',
  'id_rsa',
])
const DOTENV = /^\.env(?:\.(?!(?:dist|example|sample|template)$).*)?$/

/**
 * A repository's own data, the links npm makes to the programs of dependencies, and the author's own secrets: none belongs
 * in a package. Dependencies are taken as they were published.
 */
function isLeftOut(path: string): boolean {
  const segments = path.split('/')
  const name = segments.at(-1) ?? ''
  if (VERSION_CONTROL.has(name) || (name === '.bin' && segments.at(-2) === 'node_modules')) return true
  return !segments.includes('node_modules') && (SECRETS.has(name) || DOTENV.test(name))
}

function listFolder(path: string): Dirent<Buffer>[] {
  try {
    // readdir follows a link in the last component; what is read must be what was looked at.
    const stats = lstatSync(path)
    if (!stats.isDirectory()) throw new PluginError('FILE_UNREADABLE', `cannot pack ${path}: it is ${kindOf(stats)}`)
    return readdirSync(path, { withFileTypes: true, encoding: 'buffer' })
  } catch (error) {
    if (error instanceof PluginError) throw error
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const reason = isMissing ? 'no such folder' : (error as Error).message
    throw new PluginError('FILE_UNREADABLE', `cannot read ${path}: ${reason}`, { cause: error })
  }
}

function nameOf(raw: Buffer, folder: string): string {
  const name = raw.toString('utf8')
  if (!Buffer.from(name).equals(raw)) throw unpackable(`${folder}/${name}`, 'its name is not UTF-8')
  return name
}

async function readPackageFile(path: string, shown: string, maxBytes: number): Promise<Omit<TarFile, 'path'>> {
  let file: FileHandle
  const before = lstatSync(path)
  if (!before.isFile()) throw unpackable(shown, `it is ${kindOf(before)}; only regular files and folders can be packed`)
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    throw new PluginError('FILE_UNREADABLE', `cannot pack ${shownName(shown)}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  try {
    const stats = await file.stat()
    if (!stats.isFile() || stats.ino !== before.ino || stats.dev !== before.dev) {
      throw unpackable(shown, 'it was replaced while it was read')
    }
    if (stats.size > maxBytes) throw unpackable(shown, `it is ${stats.size} bytes; the bound is ${maxBytes}`)
    const bytes = await file.readFile()
    if (bytes.length !== stats.size) throw unpackable(shown, 'its size changed while it was read')
    return { bytes, executable: (stats.mode & 0o100) !== 0 }
  } finally {
    await file.close()
  }
}

function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link'
  if (stats.isFIFO()) return 'a FIFO'
  if (stats.isSocket()) return 'a socket'
  if (stats.isFile()) return 'a file'
  return stats.isDirectory() ? 'a folder' : 'a device'
}

export function unpackable(path: string, rule: string): PluginError {
  return new PluginError('PACKAGE_INVALID', `cannot pack ${shownName(path)}: ${rule}`, {
    details: { entry: path, rule },
  })
}
