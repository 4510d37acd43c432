import { shownName } from './archive-fault.ts'

const ASCII = /^[\x20-\x7e]*$/

/** Two paths that fold alike are one file on a file system that ignores case: upper first, so that ß and ſ fold too. */
function fold(path: string): string {
  return ASCII.test(path) ? path.toLowerCase() : path.toUpperCase().toLowerCase().normalize('NFC')
}

type Kind = 'file' | 'directory' | 'implied'

/** Every path of an archive so far, with the folders that they imply. */
export class ArchivePaths {
  readonly #byFold = new Map<string, { readonly path: string; kind: Kind }>()
  readonly #folders = new Set<string>()

  /** Files and folders together, the implied ones too: each becomes an inode. */
  get count(): number {
    return this.#byFold.size
  }

  /** Adds one entry and the folders above it; says which rule that would break. */
  add(path: string, kind: 'file' | 'directory'): string | null {
    const slash = path.lastIndexOf('/')
    return (slash < 0 ? null : this.#imply(path.slice(0, slash))) ?? this.#put(path, kind)
  }

  #imply(folder: string): string | null {
    if (this.#folders.has(folder)) return null
    const slash = folder.lastIndexOf('/')
    return (slash < 0 ? null : this.#imply(folder.slice(0, slash))) ?? this.#put(folder, 'implied')
  }

  #put(path: string, kind: Kind): string | null {
    const key = fold(path)
    const known = this.#byFold.get(key)
    if (known === undefined) {
      this.#byFold.set(key, { path, kind })
      if (kind !== 'file') this.#folders.add(path)
      return null
    }
    if (known.path !== path) return `it is the same file as ${shownName(known.path)} where case does not count`
    if (known.kind === 'file' && kind === 'file') return 'it is in the archive twice'
    if (known.kind === 'file') return 'it is a file in one entry and a folder in another'
    if (kind === 'file') return 'it is a folder in one entry and a file in another'
    if (kind === 'directory' && known.kind === 'directory') return 'it is in the archive twice'
    if (kind === 'directory') known.kind = 'directory'
    return null
  }
}
