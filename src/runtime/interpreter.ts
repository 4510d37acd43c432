import { realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { IsolationError } from '../core/errors.ts'
import type { Runtime } from '../core/runtimes.ts'
import { spawn } from './host-tools.ts'
import { ClosureCache, type Found } from './interpreter/closure-cache.ts'
import { type Elf, isStatic, type Machine, readElf } from './interpreter/elf.ts'
import { elfOf, faultOf, readingFile } from './interpreter/host-file.ts'
import { type Bind, closureOf, type Files, insideUsr } from './interpreter/libraries.ts'
import { askPython, compiledIn, holdsModule, placesOf, SYSTEM_PYTHON } from './interpreter/python.ts'
import { parseShebang, SHEBANG_BYTES } from './interpreter/shebang.ts'

export type { Bind } from './interpreter/libraries.ts'

/** The program that a run executes, and the host files that it needs and no more. All paths but `outside` are inside. */
export interface Interpreter {
  /** `package`: the plugin's own program, static or with the host's libraries. */
  readonly kind: 'package' | 'node' | 'python' | 'script'
  readonly exec: string
  /** argv before the entry's path: argv[0] and what a `#!` line adds. Empty for `package`. */
  readonly leading: readonly string[]
  readonly version: string | null
  readonly binds: readonly Bind[]
}

export interface InterpreterOptions {
  /** Folder of `layout.cache`. */
  readonly cache: string
  /** Effective uid of the caller; host files belong to root or to this one. */
  readonly uid: number
  /** The Node that plugins run on; by default the one that runs Bulkhead. */
  readonly node?: string | undefined
  readonly python?: string | undefined
}

export interface Entry {
  readonly name: string
  readonly runtime: Runtime
  /** The package's folder, outside. */
  readonly package: string
  /** Relative to it. */
  readonly path: string
}

/** The oldest Node that plugins are promised: what Bulkhead itself asks for. */
const NODE_MAJOR_MIN = 22
const MACHINE: Machine = process.arch === 'arm64' ? 'arm64' : 'x64'

/** Finds what `entry` runs on. Everything but static programs is answered from the cache on every run but the first. */
export class Interpreters {
  readonly #options: InterpreterOptions
  readonly #cache: ClosureCache

  constructor(options: InterpreterOptions) {
    this.#options = options
    this.#cache = new ClosureCache(options.cache, options.uid)
  }

  /** `modules`: what is to be preloaded; where the host's packages are needed for that, they are shown. */
  find(entry: Entry, modules: readonly string[] = []): Interpreter {
    switch (entry.runtime) {
      case 'node':
        assertEntry(entry)
        return this.node()
      case 'python':
        assertEntry(entry)
        return this.python(modules)
      case 'exec':
        return this.#program(entry)
    }
  }

  node(): Interpreter {
    const path = this.#options.node ?? process.execPath
    const found = this.#cached(`node ${path}`, () => {
      const real = this.#hostFile(path, 'node')
      const version = path === process.execPath ? process.versions.node : askNode(real)
      const closure = this.#closure([{ path: real, inside: NODE }], 'node')
      return { version, binds: [program(real, NODE), ...closure.binds], watched: [real] }
    })
    if (Number(found.version?.split('.')[0]) < NODE_MAJOR_MIN) {
      throw new IsolationError(
        'INTERPRETER_MISSING',
        `cannot run on ${path}: Node ${NODE_MAJOR_MIN} or newer is needed, this is ${found.version}`,
        { hint: 'set "interpreters": {"node": …} in config.json to a newer one' },
      )
    }
    return { kind: 'node', exec: NODE, leading: [NODE], version: found.version, binds: found.binds }
  }

  python(modules: readonly string[] = []): Interpreter {
    const path = this.#options.python ?? SYSTEM_PYTHON
    const plain = this.#plainPython(path)
    const packages = modules.length === 0 ? [] : this.#packagesFor(path, modules)
    const known = new Set(plain.binds.map(({ inside }) => inside))
    return { ...plain, binds: joined([...plain.binds, ...packages.filter(({ inside }) => !known.has(inside))]) }
  }

  /** The host's packages, and the libraries that those need, if any of the modules is one of them. */
  #packagesFor(path: string, modules: readonly string[]): readonly Bind[] {
    const { binds } = this.#cached(`python packages ${path}`, () => {
      const program = this.#hostFile(path, 'python')
      // What others may write (as /usr/local is by a group on Debian) is nothing to run code of.
      const folders = (askPython(program)?.packages ?? []).filter((folder) => faultOf(folder, this.#options) === null)
      const compiled = folders.flatMap(compiledIn)
      const closure = this.#closure(
        compiled.map((file) => ({ path: file, inside: file })),
        'python',
        { onlyFor: program },
      )
      const data = PACKAGE_DATA.filter((folder) => faultOf(folder, this.#options) === null)
      return {
        version: null,
        binds: [
          ...folders.map((folder) => this.#library(folder)),
          ...closure.binds,
          ...data.map((folder) => ({ ...this.#library(folder), executable: false })),
        ],
        watched: [program, ...folders, ...new Set(compiled.map((file) => dirname(file)))],
      }
    })
    const folders = binds.filter(({ outside, executable }) => executable && statSync(outside).isDirectory())
    return modules.some((module) => folders.some(({ outside }) => holdsModule(outside, module))) ? binds : []
  }

  #plainPython(path: string): Interpreter {
    const found = this.#cached(`python ${path}`, () => {
      const real = this.#hostFile(path, 'python')
      const home = askPython(real)
      if (!home) throw missing('python', `${path} does not say where its library is`)
      const roots = [
        { path: real, inside: PYTHON },
        ...home.modules.map((module) => ({ path: module, inside: module })),
      ]
      // A module of the standard library whose C library is not installed cannot be imported here either.
      const closure = this.#closure(roots, 'python', { onlyFor: real })
      const libraries = home.libraries.flatMap(placesOf).map((place) => this.#library(place))
      return {
        version: home.version,
        binds: [program(real, PYTHON), ...closure.binds, ...libraries],
        // A package manager puts a new module in place by rename, which the folder's own times show.
        watched: [real, ...home.libraries, ...new Set(home.modules.map((module) => dirname(module)))],
      }
    })
    return { kind: 'python', exec: PYTHON, leading: [PYTHON], version: found.version, binds: found.binds }
  }

  #program(entry: Entry): Interpreter {
    const path = join(entry.package, entry.path)
    const inside = `/plugin/${entry.path}`
    const read = readingFile(path, (at) => ({ head: at(0, SHEBANG_BYTES), elf: readElf(at) }))
    if (read === null) throw notFound(entry)
    if ((statSync(path).mode & 0o111) === 0) {
      throw new IsolationError('ENTRY_NOT_EXECUTABLE', `cannot run ${entry.name}: ${entry.path} is not executable`, {
        hint: `chmod +x ${entry.path}, pack and sign again`,
      })
    }
    const shebang = parseShebang(read.head)
    if (shebang !== null) {
      if ('fault' in shebang) throw notExecutable(entry, shebang.fault)
      return this.#script(entry, shebang.program, shebang.argument)
    }
    if (read.elf === null) throw notExecutable(entry, 'is neither an ELF program nor a script with "#!"')
    if (read.elf.machine !== MACHINE) {
      throw new IsolationError(
        'PLATFORM_UNSUPPORTED',
        `cannot run ${entry.name}: ${entry.path} is a program for ${read.elf.machine ?? 'another machine'}, this is ${MACHINE}`,
      )
    }
    const own = { kind: 'package', exec: inside, leading: [], version: null } as const
    if (isStatic(read.elf)) return { ...own, binds: [] }
    const found = this.#cached(`exec ${path}`, () => {
      const closure = this.#closure([{ path, inside }], entry.name, { package: { outside: entry.package } })
      return { version: null, binds: closure.binds, watched: [path] }
    })
    return { ...own, binds: found.binds }
  }

  /** The kernel's own reading of `#!`, done here, because only the program that the line names is put into the sandbox. */
  #script(entry: Entry, asked: string, argument: string | null): Interpreter {
    const base = asked.slice(asked.lastIndexOf('/') + 1)
    if (base === 'node') return { ...this.node(), leading: [NODE, ...(argument === null ? [] : [argument])] }
    if (base === 'python3') return { ...this.python(), leading: [PYTHON, ...(argument === null ? [] : [argument])] }
    const inside = insideUsr(asked)
    const found = this.#cached(`script ${asked}`, () => {
      const real = this.#hostFile(asked, entry.name)
      if (elfOf(real) === null) throw missing(entry.name, `${asked}, which ${entry.path} names, is no ELF program`)
      if ((statSync(real).mode & 0o005) !== 0o005) throw missing(entry.name, `${asked} is not for everybody to run`)
      const closure = this.#closure([{ path: real, inside }], asked)
      return { version: null, binds: [program(real, inside), ...closure.binds], watched: [real] }
    })
    const leading = argument === null ? [asked] : [asked, argument]
    return { kind: 'script', exec: inside, leading, version: null, binds: found.binds }
  }

  #cached(key: string, find: () => Found): Found {
    const kept = this.#cache.read(key)
    if (kept !== null) return kept
    const found = find()
    const watched = [...new Set([...found.watched, ...found.binds.map((bind) => bind.outside)])]
    for (const bind of found.binds) this.#assertOwned(bind.outside)
    this.#cache.write(key, { ...found, watched })
    return { ...found, watched }
  }

  #closure(
    roots: readonly { readonly path: string; readonly inside: string }[],
    what: string,
    { onlyFor, package: own }: { onlyFor?: string; package?: { readonly outside: string } } = {},
  ) {
    const options = own ? { package: own, trustRunpath: false } : { trustRunpath: true }
    const closure = closureOf(roots, MACHINE, FILES, options)
    const [gap] = closure.missing.filter((one) => onlyFor === undefined || one.neededBy === onlyFor)
    if (gap) throw missing(what, `there is no ${gap.library} on this host, which ${gap.neededBy} needs`)
    return closure
  }

  #library(place: string): Bind {
    return { outside: real(place) ?? place, inside: place, executable: true }
  }

  #hostFile(path: string, what: string): string {
    const found = real(path)
    if (found === null) throw missing(what, `there is no ${path} on this host`)
    this.#assertOwned(found)
    return found
  }

  #assertOwned(path: string): void {
    const fault = faultOf(path, this.#options)
    if (fault === null) return
    throw new IsolationError('INTERPRETER_MISSING', `cannot use ${path} in a sandbox: ${fault}`, {
      hint: 'use files that belong to root and that others may not write',
    })
  }
}

const NODE = '/usr/bin/node'
const PYTHON = '/usr/bin/python3'

const FILES: Files = { elf: (path): Elf | null => elfOf(path), real }

/**
 * A library folder that was taken apart because of the packages in it is put together again where those are shown as well:
 * one bind in the place of two hundred.
 */
function joined(binds: readonly Bind[]): Bind[] {
  const folders = binds
    .filter(({ inside }) => /\/(?:dist|site)-packages$/.test(inside))
    .map(({ inside }) => dirname(inside))
    .filter((folder) => binds.filter(({ inside }) => dirname(inside) === folder).length > 1)
  return [
    ...binds.filter(({ inside }) => !folders.some((folder) => inside.startsWith(`${folder}/`))),
    ...folders.map((folder) => program(folder, folder)),
  ]
}

/** What Debian's packages of Python read outside of their own folder when they are imported: pytz, and so pandas, does. */
const PACKAGE_DATA = ['/usr/share/zoneinfo']

const program = (outside: string, inside: string): Bind => ({ outside, inside, executable: true })

function real(path: string): string | null {
  try {
    return realpathSync.native(path)
  } catch {
    return null
  }
}

function askNode(path: string): string {
  const { stdout } = spawn(path, ['--version'])
  return /^v(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? '0.0.0'
}

function assertEntry(entry: Entry): void {
  if (!statSync(join(entry.package, entry.path), { throwIfNoEntry: false })?.isFile()) throw notFound(entry)
}

const missing = (what: string, why: string): IsolationError =>
  new IsolationError('INTERPRETER_MISSING', `cannot run ${what}: ${why}`, { hint: 'plugins doctor' })

const notFound = (entry: Entry): IsolationError =>
  new IsolationError('ENTRY_NOT_FOUND', `cannot run ${entry.name}: there is no file ${entry.path} in its package`)

const notExecutable = (entry: Entry, why: string): IsolationError =>
  new IsolationError('ENTRY_NOT_EXECUTABLE', `cannot run ${entry.name}: ${entry.path} ${why}`)
