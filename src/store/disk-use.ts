import { closeSync, constants, type Dirent, fstatSync, lstatSync, opendirSync, openSync, type Stats } from 'node:fs'

/** Deeper than any release, and a bound on what is open at once. */
const DEPTH_MAX = 128
const ENTRIES_MAX = 2_000_000

interface Inode {
  readonly bytes: number
  readonly names: number
  seen: number
}

/**
 * What folders take of the disk. No link is followed, no other file system entered, and every folder is a descriptor:
 * whoever owns what is in it may be at work there.
 */
export class DiskUse {
  readonly #inodes = new Map<string, Inode>()
  #entries = 0

  /** Blocks that are in use, each once however many names they have. */
  get bytes(): number {
    return this.#sum(() => true)
  }

  /** Of these, what nothing else has a name for: what is free once all of them are gone. */
  get freeable(): number {
    return this.#sum(({ seen, names }) => seen >= names)
  }

  /** There was more of it than is counted. */
  get isCut(): boolean {
    return this.#entries > ENTRIES_MAX
  }

  add(path: string): this {
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return this
    this.#count(stats)
    if (stats.isDirectory()) this.#enter(path, stats.dev, 0)
    return this
  }

  #enter(path: string, device: number, depth: number): void {
    if (depth === DEPTH_MAX) {
      this.#entries = ENTRIES_MAX + 1
      return
    }
    within(path, (folder, { dev }) => {
      // Another file system is mounted here: it is no part of what would be removed.
      if (dev !== device) return
      for (const { name } of namesIn(folder)) {
        if (++this.#entries > ENTRIES_MAX) return
        const stats = lstatSync(`${folder}/${name}`, { throwIfNoEntry: false })
        if (stats === undefined || stats.dev !== device) continue
        this.#count(stats)
        if (stats.isDirectory()) this.#enter(`${folder}/${name}`, device, depth + 1)
      }
    })
  }

  #count({ dev, ino, nlink, blocks, ...stats }: Stats): void {
    const key = `${dev}:${ino}`
    const known = this.#inodes.get(key)
    if (known !== undefined) known.seen++
    // A folder's own count is of the folders in it.
    else
      this.#inodes.set(key, {
        bytes: blocks * 512,
        names: (stats.mode & constants.S_IFMT) === constants.S_IFDIR ? 1 : nlink,
        seen: 1,
      })
  }

  #sum(isMeant: (inode: Inode) => boolean): number {
    let sum = 0
    for (const inode of this.#inodes.values()) if (isMeant(inode)) sum += inode.bytes
    return sum
  }
}

const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'])

/** What has vanished, or was made something else, or is closed to us, has nothing to be counted in it. */
function within(path: string, work: (folder: string, stats: Stats) => void): void {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch (error) {
    if (GONE.has((error as NodeJS.ErrnoException).code ?? '')) return
    throw error
  }
  try {
    work(`/proc/self/fd/${fd}`, fstatSync(fd))
  } finally {
    closeSync(fd)
  }
}

/** One after the other: a plugin may have made millions of them. */
function* namesIn(folder: string): Generator<Dirent> {
  const dir = opendirSync(folder)
  try {
    for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) yield entry
  } finally {
    dir.closeSync()
  }
}
