import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  type Stats,
  unlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { sha256 } from '../core/digest.ts'
import { type Layout, packageOf } from '../core/layout.ts'
import type { PluginName } from '../core/name.ts'
import type { SignedFile } from '../core/statement.ts'
import { holdsBytes, isAsSigned, isPlainFolder, OPEN_PLAIN, statusOf, TICK_MS } from './tree-check.ts'
import type { TreeName } from './trees.ts'

/** A version of the same plugin that is here already. */
export interface ReleaseBeside extends TreeName {
  /** Says where to look, never what is found there. Empty: nothing is taken of it, and it may have a name for what is taken. */
  readonly files: readonly SignedFile[]
}

/** What of a tree was not written anew. */
export interface Shared {
  readonly files: number
  readonly bytes: number
  /** `clone`: other inodes over the same blocks; `link`: other names of the same inodes; `null`: all was written. */
  readonly by: 'clone' | 'link' | null
}

export interface SharingOptions {
  readonly name: PluginName
  readonly beside: readonly ReleaseBeside[]
  /** `false`: nothing but clones, for a tree that somebody is let at before it is moved into place. */
  readonly mayLink: boolean
}

const CLONE = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE

const EMPTY = sha256('')

interface Sources {
  /** At most one in each version. */
  readonly paths: string[]
  /** Names that an inode with this content may have: of the versions beside, and of the tree in the making. */
  names: number
  /** So many of one version at most. */
  most: number
}

/**
 * Files of versions that are here already, given to a tree in the making where they hold the very same bytes:
 * docs/decisions/shared-files.md says why that is safe. Whatever is in the way of it, the answer is no, and the caller writes
 * the file: then a disk that fails says so itself.
 */
export class Neighbours {
  readonly #owner = process.geteuid?.() ?? 0
  readonly #sources = new Map<string, Sources>()
  readonly #folders = new Map<string, boolean>()
  readonly #mayLink: boolean
  #way: 'clone' | 'link' | null
  #files = 0
  #bytes = 0

  constructor(layout: Layout, { name, beside, mayLink }: SharingOptions) {
    this.#mayLink = mayLink
    this.#way = beside.length > 0 ? 'clone' : null
    for (const release of beside) {
      // Never across plugins: one inode is one lock, one lease and one place in the page cache for all who have it open.
      if (release.name !== name) throw new TypeError(`${name} does not share files with ${release.name}`)
      this.#add(layout, release)
    }
    const unread = beside.filter(({ files }) => files.length === 0).length
    for (const sources of this.#sources.values()) sources.names += unread * sources.most
  }

  get shared(): Shared {
    return { files: this.#files, bytes: this.#bytes, by: this.#files > 0 ? this.#way : null }
  }

  /** Gives `path`, which nothing has yet, a file of exactly these bytes; `null`: of any whose digest is the signed one. */
  give(file: SignedFile, bytes: Buffer | null, path: string): boolean {
    const sources = this.#way === null || file.size === 0 ? undefined : this.#sources.get(keyOf(file))
    if (sources === undefined) return false
    for (const source of sources.paths) {
      if (!this.#isOwn(dirname(source)) || !quietly(() => this.#take(source, sources, file, bytes, path), false))
        continue
      sources.names++
      this.#files++
      this.#bytes += file.size
      return true
    }
    return false
  }

  /** Is a file of these bytes here? Read and hashed, whatever its list says. */
  has(file: SignedFile): boolean {
    return this.#first(file, (fd) => holdsBytes(fd, file, null) || null) ?? file.sha256 === EMPTY
  }

  /** What a file holds that was signed; `null`: it is not here. */
  read(file: SignedFile): Buffer | null {
    const found = this.#first(file, (fd) => {
      const bytes = readFileSync(fd)
      return sha256(bytes) === file.sha256 ? bytes : null
    })
    return found ?? (file.sha256 === EMPTY ? Buffer.alloc(0) : null)
  }

  #first<T>(file: SignedFile, look: (fd: number) => T | null): T | null {
    for (const source of this.#sources.get(keyOf(file))?.paths ?? []) {
      const isFit = () => this.#isOwn(dirname(source)) && isAsSigned(lstatSync(source), file, this.#owner)
      const found = quietly(() => (isFit() ? within(source, look) : null), null)
      if (found !== null) return found
    }
    return null
  }

  #add(layout: Layout, { name, version, digest, files }: ReleaseBeside): void {
    const release = layout.release(name, version, digest)
    // Somebody may have put a link in the place of a folder; through it would come files of anywhere.
    const above = [dirname(dirname(release)), dirname(release), release, dirname(packageOf(release))]
    if (!above.every((folder) => isClosed(statusOf(folder), this.#owner))) return
    // The package's own folder is below those.
    this.#folders.set(packageOf(release), isFolderOf(packageOf(release), this.#owner))
    for (const [key, same] of Map.groupBy(files, keyOf)) {
      const sources = this.#sources.get(key) ?? { paths: [], names: 0, most: 0 }
      this.#sources.set(key, sources)
      sources.names += same.length
      sources.most = Math.max(sources.most, same.length)
      for (const { path } of same.slice(0, 1)) sources.paths.push(join(packageOf(release), path))
    }
  }

  /** Each folder from the package down to the file is one that we made. */
  #isOwn(folder: string): boolean {
    const known = this.#folders.get(folder)
    if (known !== undefined) return known
    const answer = isFolderOf(folder, this.#owner) && this.#isOwn(dirname(folder))
    this.#folders.set(folder, answer)
    return answer
  }

  #take(source: string, { names }: Sources, file: SignedFile, bytes: Buffer | null, path: string): boolean {
    // Looked at before it is opened: opening a device acts. More names than are known are somebody's that we know nothing of.
    const stats = lstatSync(source)
    if (!isAsSigned(stats, file, this.#owner) || stats.nlink > names) return false
    if (this.#way === 'clone') {
      const cloned = this.#clone(source, file, bytes, path)
      if (cloned !== null) return cloned
      this.#way = this.#mayLink ? 'link' : null
    }
    if (this.#way !== 'link') return false
    linkSync(source, path)
    // Read only now, and by its new name, which is ours alone: whatever was exchanged before, this is what will stand there. What
    // is changed from here on has another ctime than the seal of the new tree will hold.
    return keepIf(path, () => this.#isWanted(path, file, bytes, names + 1))
  }

  /** `null`: this file system clones nothing, which the first one says for all. */
  #clone(source: string, file: SignedFile, bytes: Buffer | null, path: string): boolean | null {
    return within(source, (fd) => {
      const stats = fstatSync(fd)
      if (!quietly(() => cloneTo(fd, path), false)) return this.#files > 0 ? false : null
      return keepIf(path, () => {
        // Read where it is in memory, not where it was just made. That comes to the same as long as it is not changed meanwhile,
        // which would show in its times, unless they are of this very moment.
        const isSettled = stats.ctimeMs < Date.now() - TICK_MS
        return isSettled && this.#isMade(path, file, 1) && holdsBytes(fd, file, bytes) && isStill(fd, stats)
      })
    })
  }

  #isWanted(path: string, file: SignedFile, bytes: Buffer | null, names: number): boolean {
    return this.#isMade(path, file, names) && within(path, (fd) => holdsBytes(fd, file, bytes))
  }

  #isMade(path: string, file: SignedFile, names: number): boolean {
    const made = lstatSync(path)
    return isAsSigned(made, file, this.#owner) && made.nlink <= names
  }
}

function within<T>(path: string, work: (fd: number) => T): T {
  const fd = openSync(path, OPEN_PLAIN)
  try {
    return work(fd)
  } finally {
    closeSync(fd)
  }
}

function cloneTo(fd: number, path: string): true {
  copyFileSync(`/proc/self/fd/${fd}`, path, CLONE)
  return true
}

/** Whatever is not wanted at `path` is gone from there, however that came out. */
function keepIf(path: string, isWanted: () => boolean): boolean {
  let isKept = false
  try {
    isKept = isWanted()
    return isKept
  } finally {
    if (!isKept) unlinkSync(path)
  }
}

function isStill(fd: number, { ctimeMs, mtimeMs, size }: Stats): boolean {
  const now = fstatSync(fd)
  return now.ctimeMs === ctimeMs && now.mtimeMs === mtimeMs && now.size === size
}

const keyOf = ({ sha256, size, executable }: SignedFile): string => `${sha256} ${size} ${executable}`

function isFolderOf(folder: string, owner: number): boolean {
  const stats = statusOf(folder)
  return stats !== null && isPlainFolder(stats, owner)
}

const isClosed = (stats: Stats | null, owner: number): boolean =>
  stats?.isDirectory() === true && stats.uid === owner && (stats.mode & 0o022) === 0

/**
 * The answer for whatever a system call says: a file system that shares nothing, one name too many, a folder that is gone, a
 * sector that cannot be read. Each of them is a reason to write the file, and none to give up.
 */
function quietly<T>(work: () => T, otherwise: T): T {
  try {
    return work()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    return otherwise
  }
}
