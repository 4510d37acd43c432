import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PluginError, StoreError, UsageError, VerificationError } from '../../core/errors.ts'
import { printable } from '../../core/printable.ts'
import { withFileLock } from '../file-lock.ts'
import { assertSafePath } from '../path-safety.ts'
import { replaceFile } from '../replaced-file.ts'
import { readSafeFile } from '../safe-file.ts'
import { PUBLIC_GOOD, ROOT_NAME } from './root-name.ts'
import { parseTrustedRoot, ROOT_MAX_BYTES, type TrustedRoot } from './trusted-root.ts'

const PACKAGED = join('keys', `${PUBLIC_GOOD}.trusted_root.json`)

const ROOTS_MAX = 64

export interface RootEntry {
  readonly root: TrustedRoot
  readonly source: 'package' | 'home'
}

/** The trusted roots of this host: one that comes with the package, and what the operator put into `<home>/roots`. */
export class RootFiles {
  readonly #folder: string
  readonly #packaged: string
  readonly #uid: number

  /** `uid`: the caller's; the folder and its files must be root's or theirs. */
  constructor(folder: string, packaged: string, uid: number) {
    this.#folder = folder
    this.#packaged = packaged
    this.#uid = uid
  }

  /** @throws PluginError `ROOT_NOT_FOUND`; VerificationError `ROOT_INVALID`, `POLICY_UNSAFE`. */
  find(name: string): TrustedRoot {
    const entry = ROOT_NAME.test(name) ? this.#entryOf(name) : null
    if (entry !== null) return entry.root
    throw notFound(name)
  }

  /** By name. One that cannot be read is an error, not a gap. */
  list(): readonly RootEntry[] {
    const names = new Set([PUBLIC_GOOD, ...this.#names()])
    return [...names].sort().flatMap((name) => this.#entryOf(name) ?? [])
  }

  /**
   * Takes `file` over as `name`; a root of that name is replaced, and `public-good` overrides the packaged one.
   * @throws UsageError; PluginError `FILE_UNREADABLE`; VerificationError `ROOT_INVALID`, `POLICY_UNSAFE`.
   */
  async add(file: string, name: string): Promise<TrustedRoot> {
    if (!ROOT_NAME.test(name)) {
      throw new UsageError('USAGE', `cannot name a trusted root ${printable(name, 80)}`, {
        hint: 'expected up to 63 of a-z, 0-9 and -, not beginning with -',
      })
    }
    const root = parseTrustedRoot(readWhole(file), name)
    mkdirSync(this.#folder, { recursive: true, mode: 0o755 })
    const path = this.#pathOf(name)
    assertSafePath(path, this.#uid)
    await withFileLock(path, (stillHeld) => {
      if (!existsSync(path) && this.#names().length >= ROOTS_MAX) {
        throw new StoreError('WRONG_STATE', `cannot keep more than ${ROOTS_MAX} trusted roots`, {
          hint: 'plugins trust root remove NAME',
        })
      }
      replaceFile(path, root.bytes, stillHeld)
    })
    return root
  }

  /** Takes away what was added; of `public-good` the packaged one is left. @throws PluginError `ROOT_NOT_FOUND` */
  async remove(name: string): Promise<void> {
    if (!ROOT_NAME.test(name) || !this.#names().includes(name)) throw notFound(name)
    const path = this.#pathOf(name)
    assertSafePath(path, this.#uid)
    await withFileLock(path, () => rmSync(path, { force: true }))
  }

  #entryOf(name: string): RootEntry | null {
    const path = this.#pathOf(name)
    const own = readSafeFile(path, this.#uid, ROOT_MAX_BYTES)
    if (own !== null) return { root: parseTrustedRoot(own, name), source: 'home' }
    if (name !== PUBLIC_GOOD) return null
    return { root: parseTrustedRoot(readWhole(this.#packaged), name), source: 'package' }
  }

  #names(): readonly string[] {
    if (lstatSync(this.#folder, { throwIfNoEntry: false }) === undefined) return []
    return readdirSync(this.#folder).flatMap((file) => {
      const name = file.endsWith('.json') ? file.slice(0, -'.json'.length) : ''
      return ROOT_NAME.test(name) ? [name] : []
    })
  }

  #pathOf(name: string): string {
    return join(this.#folder, `${name}.json`)
  }
}

/** Beside the sources, the built library and the command line alike: in the folder of the package they belong to. */
export function packagedRoot(start: string = import.meta.dirname): string {
  for (let folder = start; folder !== dirname(folder); folder = dirname(folder)) {
    const isPackage = existsSync(join(folder, 'package.json'))
    // Not above it: whoever can write there has no say in whom we trust.
    if (isPackage) return join(folder, PACKAGED)
  }
  throw new PluginError('ROOT_NOT_FOUND', `cannot find the package that ${printable(start, 400)} belongs to`)
}

function readWhole(file: string): Buffer {
  let bytes: Buffer
  try {
    const stat = lstatSync(file)
    if (stat.isFile() && stat.size > ROOT_MAX_BYTES) {
      throw new VerificationError(
        'ROOT_INVALID',
        `cannot use ${printable(file, 400)}: it is ${stat.size} bytes, more than ${ROOT_MAX_BYTES}`,
      )
    }
    if (!stat.isFile()) throw new Error('it is not a regular file')
    bytes = readFileSync(file)
  } catch (error) {
    if (error instanceof PluginError) throw error
    throw new PluginError('FILE_UNREADABLE', `cannot open ${printable(file, 400)}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  return bytes
}

function notFound(name: string): PluginError {
  return new PluginError('ROOT_NOT_FOUND', `cannot find a trusted root named ${printable(name, 80)}`, {
    hint: 'plugins trust root list shows those that are there; plugins trust root add FILE adds one',
  })
}
