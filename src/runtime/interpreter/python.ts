import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { spawn } from '../host-tools.ts'

/** The system's Python. Never the first `python3` of a PATH: that may be a version manager's shim in a home. */
export const SYSTEM_PYTHON = '/usr/bin/python3'

export interface PythonHome {
  readonly version: string
  /** The standard library's folders; the same one twice is given once. */
  readonly libraries: readonly string[]
  /** Compiled modules of the standard library: each is a root of the closure. */
  readonly modules: readonly string[]
  /** Where packages of the host are, as the interpreter would look for them. */
  readonly packages: readonly string[]
}

const ASK = `import site, sys, sysconfig
print("%d.%d.%d" % sys.version_info[:3], sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), *site.getsitepackages(), sep="\\n")`

/** Asks the interpreter itself, isolated and without `site`: where distributions keep its library differs. */
export function askPython(path: string): PythonHome | null {
  const { status, stdout } = spawn(path, ['-I', '-S', '-B', '-c', ASK])
  const [version, stdlib, platstdlib, ...packages] = status === 0 ? stdout.trim().split('\n') : []
  if (!version || !stdlib?.startsWith('/') || !platstdlib?.startsWith('/')) return null
  const libraries = [...new Set([stdlib, platstdlib])]
  return {
    version,
    libraries,
    modules: libraries.flatMap(modulesOf),
    packages: packages.filter((folder) => folder.startsWith('/') && existsSync(folder)),
  }
}

function modulesOf(library: string): string[] {
  const folder = join(library, 'lib-dynload')
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.so'))
      .map((name) => join(folder, name))
  } catch {
    return []
  }
}

/**
 * What to show of a library folder: the folder itself, if the interpreter's package alone fills it. Where packages of the
 * host's administrator live in it (`site-packages` on Fedora), its entries one by one, without those.
 */
export function placesOf(library: string): string[] {
  const entries = readdirSync(library)
  if (!entries.some((name) => name === 'site-packages' || name === 'dist-packages')) return [library]
  return entries
    .filter((name) => name !== 'site-packages' && name !== 'dist-packages' && name !== '__pycache__')
    .map((name) => join(library, name))
}

/** Compiled modules in a folder of packages, wherever in it they are. */
export function compiledIn(packages: string): string[] {
  return readdirSync(packages, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.so'))
    .map((entry) => join(entry.parentPath, entry.name))
}

/** Is the first part of a module's name there: as a file, a folder or a compiled file? */
export function holdsModule(packages: string, module: string): boolean {
  const [top = ''] = module.split('.')
  return readdirSync(packages).some(
    (name) => name === top || name === `${top}.py` || (name.startsWith(`${top}.`) && name.endsWith('.so')),
  )
}
