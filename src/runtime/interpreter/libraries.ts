import { basename, dirname, join, normalize } from 'node:path'
import type { Elf, Machine } from './elf.ts'

/** A host file, and where the plugin sees it. */
export interface Bind {
  /** Without links: the launcher follows none. */
  readonly outside: string
  readonly inside: string
  readonly executable: boolean
}

/** The part of the host that `closureOf` asks; a table in tests. */
export interface Files {
  elf(path: string): Elf | null
  /** The path with every link resolved, or `null`. */
  real(path: string): string | null
}

/** Where the plugin's own package lies outside; inside it is `/plugin`. */
export interface Package {
  readonly outside: string
}

export interface Closure {
  readonly binds: readonly Bind[]
  readonly missing: readonly { readonly library: string; readonly neededBy: string }[]
}

/**
 * The loader's own folders: there is no ld.so.cache in a sandbox, so what /etc/ld.so.conf adds is not found there.
 * glibc of Debian looks into the first two, of Fedora into lib64, musl into lib.
 */
const FOLDERS: Readonly<Record<Machine, readonly string[]>> = {
  x64: ['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib64', '/usr/lib64', '/lib', '/usr/lib'],
  arm64: ['/lib/aarch64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/lib64', '/usr/lib64', '/lib', '/usr/lib'],
}

/** A library's name is a name. A path in DT_NEEDED would let a plugin name any file of the host. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/
const LIBRARIES_MAX = 256
/** Of its own and of those that need it; a chain of libraries would otherwise make every search longer than the last. */
const FOLDERS_MAX = 64

/** One folder of an RPATH or RUNPATH: `$ORIGIN` is one place for us and another for the plugin. */
interface Folder {
  readonly outside: string
  readonly inside: string
}

function foldersOf(paths: readonly string[], outside: string, inside: string): Folder[] {
  const from = (path: string, file: string): string =>
    normalize(path.replaceAll(/\$ORIGIN|\$\{ORIGIN\}/g, dirname(file)))
  return paths
    .map((path) => ({ outside: from(path, outside), inside: from(path, inside) }))
    .filter((folder) => folder.outside.startsWith('/') && folder.inside.startsWith('/'))
}

/** `/lib`, `/lib64` and `/bin` are links into `/usr` inside, on hosts where they are folders too. */
export function insideUsr(path: string): string {
  return /^\/(?:lib|lib64|bin|sbin)\//.test(path) ? `/usr${path}` : path
}

/**
 * The loader and every library that `roots` need, as ld.so would find them (ld.so(8): RPATH without RUNPATH, RUNPATH,
 * then its own folders). `trustRunpath`: may RUNPATH lead to folders of the host? For the host's programs yes; a plugin's
 * program may look into its own package, and no further.
 */
export function closureOf(
  roots: readonly { readonly path: string; readonly inside: string }[],
  machine: Machine,
  files: Files,
  options: { readonly package?: Package; readonly trustRunpath: boolean },
): Closure {
  const binds = new Map<string, Bind>()
  const missing: { library: string; neededBy: string }[] = []
  const queue: { elf: Elf; outside: string; inside: string; inherited: readonly Folder[] }[] = []
  const seen = new Set<string>()
  const loaders = new Set<string>()

  const enqueue = (outside: string, inside: string, inherited: readonly Folder[]): boolean => {
    const elf = files.elf(outside)
    if (!elf || elf.machine !== machine) return false
    queue.push({ elf, outside, inside, inherited })
    return true
  }
  for (const root of roots) enqueue(root.path, root.inside, [])

  for (let next = queue.shift(); next; next = queue.shift()) {
    const { elf, outside, inside } = next
    const own: readonly Folder[] = [
      ...(elf.runpath.length === 0 ? [...foldersOf(elf.rpath, outside, inside), ...next.inherited] : []),
      ...foldersOf(elf.runpath, outside, inside),
    ].slice(0, FOLDERS_MAX)
    const inherited = elf.runpath.length === 0 ? own : []

    if (elf.interpreter !== null && !seen.has(elf.interpreter)) {
      seen.add(elf.interpreter)
      // A library that needs the loader by name finds it running already.
      loaders.add(basename(elf.interpreter))
      const real = isLoader(elf.interpreter) ? files.real(elf.interpreter) : null
      if (real && files.elf(real)) add(binds, real, elf.interpreter)
      else missing.push({ library: elf.interpreter, neededBy: outside })
    }
    for (const library of elf.needed) {
      const key = `${library}\0${own.map((folder) => folder.inside).join(':')}`
      if (seen.has(key) || loaders.has(library)) continue
      seen.add(key)
      if (seen.size > LIBRARIES_MAX) return { binds: [...binds.values()], missing: [{ library, neededBy: outside }] }
      const found = NAME.test(library) ? find(library, own) : null
      if (!found) missing.push({ library, neededBy: outside })
    }

    function find(library: string, folders: readonly Folder[]): boolean {
      for (const folder of folders) {
        const place = join(folder.inside, library)
        if (options.package && isBelow(folder.inside, '/plugin')) {
          const file = join(options.package.outside, place.slice('/plugin'.length))
          if (enqueue(file, place, inherited)) return true
        } else if (options.trustRunpath && take(join(folder.outside, library), place)) return true
      }
      return FOLDERS[machine].some((folder) => take(join(folder, library), join(folder, library)))
    }
    function take(file: string, place: string): boolean {
      const real = files.real(file)
      if (!real || !insideUsr(place).startsWith('/usr/')) return false
      if (binds.has(insideUsr(place))) return true
      if (!enqueue(real, insideUsr(place), inherited)) return false
      add(binds, real, place)
      return true
    }
  }
  return { binds: [...binds.values()], missing }
}

/** The kernel starts the loader with the plugin's rights, so any program would do no harm; but only a loader is needed. */
const isLoader = (path: string): boolean => /^\/lib(?:64)?\/ld-[A-Za-z0-9_.-]+$/.test(path)

const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`)

function add(binds: Map<string, Bind>, outside: string, place: string): void {
  const inside = insideUsr(place)
  binds.set(inside, { outside, inside, executable: true })
}
