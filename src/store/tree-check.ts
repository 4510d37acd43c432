import { createHash, hash } from 'node:crypto'
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync, type Stats } from 'node:fs'
import type { SignedFile } from '../core/statement.ts'

/** How an installed package differs from its signed list. Paths as in the list; folders end with a slash. */
export interface Differences {
  readonly modified: readonly string[]
  readonly missing: readonly string[]
  readonly extra: readonly string[]
}

/** What a signed list implies: the files by path, and the folders above them. */
export class Expected {
  readonly files: ReadonlyMap<string, SignedFile>
  readonly folders: ReadonlySet<string>

  constructor(files: readonly SignedFile[]) {
    this.files = new Map(files.map((file) => [file.path, file]))
    const folders = new Set<string>()
    for (const { path } of files) {
      for (
        let at = path.lastIndexOf('/');
        at > 0 && !folders.has(path.slice(0, at));
        at = path.lastIndexOf('/', at - 1)
      ) {
        folders.add(path.slice(0, at))
      }
    }
    this.folders = folders
  }
}

/** Hashes every signed file below `packageDir` and looks for whatever else is there. */
export function hashTree(packageDir: string, expected: Expected, owner: number): Differences {
  const walk = new HashWalk(packageDir, expected, owner)
  walk.enter('')
  return walk.differences()
}

class HashWalk {
  readonly #dir: string
  readonly #expected: Expected
  readonly #owner: number
  readonly #modified: string[] = []
  readonly #extra: string[] = []
  readonly #unseen: Set<string>

  constructor(dir: string, expected: Expected, owner: number) {
    this.#dir = dir
    this.#expected = expected
    this.#owner = owner
    this.#unseen = new Set(expected.files.keys())
  }

  differences(): Differences {
    return { modified: this.#modified.sort(), missing: [...this.#unseen].sort(), extra: this.#extra.sort() }
  }

  enter(folder: string): void {
    const path = folder === '' ? this.#dir : `${this.#dir}/${folder}`
    const stats = statusOf(path)
    if (stats === null) return // its files stay unseen, and so are missing
    // The package's own folder is one of the chroot directory's, which are checked together.
    if (folder !== '' && !isPlainFolder(stats, this.#owner)) this.#modified.push(`${folder}/`)
    if (!stats.isDirectory()) return
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`
      const file = this.#expected.files.get(name)
      if (this.#expected.folders.has(name)) this.enter(name)
      else if (file === undefined) this.#extra.push(entry.isDirectory() ? `${name}/` : name)
      // Only what is a file already is opened: opening a FIFO waits, opening a device acts.
      else if (!entry.isFile()) this.#settle(name, 'modified')
      else this.#settle(name, compareFile(`${this.#dir}/${name}`, file, this.#owner))
    }
  }

  #settle(path: string, verdict: Verdict): void {
    if (verdict === 'missing') return
    // Two entries of one folder whose names read alike: bytes that are no UTF-8 are read as U+FFFD, which is a name too.
    if (!this.#unseen.delete(path)) this.#extra.push(path)
    else if (verdict === 'modified') this.#modified.push(path)
  }
}

export type Verdict = 'same' | 'modified' | 'missing'

/** File systems stamp times once a clock tick; a change within the tick of the last one would not show. */
export const TICK_MS = 20
/** A FIFO or a device must not hold anybody up, and a link leads nowhere. */
export const OPEN_PLAIN = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
/** What open says of a link, a socket, a device or a file whose mode was taken away: changed, not unreadable. */
const NOT_PLAIN = new Set(['ELOOP', 'ENXIO', 'ENODEV', 'EACCES', 'EPERM', 'EISDIR'])
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])

/** Type, owner, mode, size and content of one installed file against the signed list. */
export function compareFile(path: string, file: SignedFile, owner: number): Verdict {
  let fd: number
  try {
    fd = openSync(path, OPEN_PLAIN)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (NOT_PLAIN.has(code)) return 'modified'
    if (GONE.has(code)) return 'missing'
    throw error // a failing disk is no verdict on the plugin
  }
  try {
    return isAsSigned(fstatSync(fd), file, owner) && digestOf(fd, file.size) === file.sha256 ? 'same' : 'modified'
  } finally {
    closeSync(fd)
  }
}

/** Type, owner, mode and size. */
export const isAsSigned = (stats: Stats, file: SignedFile, owner: number): boolean =>
  stats.isFile() &&
  stats.uid === owner &&
  (stats.mode & 0o7777) === (file.executable ? 0o755 : 0o644) &&
  stats.size === file.size

export function isPlainFolder(stats: Stats, owner: number): boolean {
  return stats.isDirectory() && stats.uid === owner && (stats.mode & 0o7777) === 0o755
}

export function statusOf(path: string): Stats | null {
  try {
    return lstatSync(path)
  } catch (error) {
    // Where a folder above it is none any more, or a link that leads round, it is gone as well.
    if (GONE.has((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

const CHUNK = 1024 * 1024
let chunk: Buffer | undefined

/** Does a file, open at its beginning, hold what was signed? `bytes` is that, where it is at hand. */
export function holdsBytes(fd: number, file: SignedFile, bytes: Buffer | null): boolean {
  if (bytes === null) return digestOf(fd, file.size) === file.sha256
  chunk ??= Buffer.allocUnsafeSlow(CHUNK)
  for (let at = 0; at < bytes.length; at += CHUNK) {
    const length = fill(fd, chunk, Math.min(CHUNK, bytes.length - at))
    if (!chunk.subarray(0, length).equals(bytes.subarray(at, at + CHUNK))) return false
  }
  return true
}

function digestOf(fd: number, size: number): string {
  chunk ??= Buffer.allocUnsafeSlow(CHUNK)
  if (size <= CHUNK) return hash('sha256', chunk.subarray(0, fill(fd, chunk, size)), 'hex')
  const sum = createHash('sha256')
  for (let length = fill(fd, chunk, CHUNK); length > 0; length = fill(fd, chunk, CHUNK))
    sum.update(chunk.subarray(0, length))
  return sum.digest('hex')
}

function fill(fd: number, into: Buffer, wanted: number): number {
  let length = 0
  while (length < wanted) {
    const got = readSync(fd, into, length, wanted - length, null)
    if (got === 0) break
    length += got
  }
  return length
}
