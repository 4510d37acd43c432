import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../core/digest.ts'
import { fingerprint } from './host-file.ts'
import type { Bind } from './libraries.ts'

/** What finding an interpreter gave: kept until any of the files it was read from changes. */
export interface Found {
  /** Version of the interpreter; `null` for a program of the package. */
  readonly version: string | null
  readonly binds: readonly Bind[]
  /** Every file and folder that the answer rests on. */
  readonly watched: readonly string[]
}

const VERSION = 1
const BYTES_MAX = 256 * 1024
const ENTRIES_MAX = 1024
/** Two hundred files are two milliseconds of every run of Python; a host that starts many in a row need not look each time. */
const LOOK_MS = 1_000

/**
 * Answers in `cache/runtime/`, one file each. A run then costs, once a second, one small file and a stat for every file the answer rests
 * on: 0.2 ms instead of reading forty ELF files. A cache that is not exactly ours is as good as none.
 */
export class ClosureCache {
  readonly #folder: string
  readonly #uid: number
  /** What was found to hold a moment ago: a change since then is one that a run started then would have met, too. */
  readonly #looked = new Map<string, { readonly found: Found; readonly atMs: number }>()
  /** What was read last: a long-lived host reads the same file before every run. */
  readonly #parsed = new Map<string, { readonly text: string; readonly entry: Entry | null }>()

  constructor(cacheFolder: string, uid: number) {
    this.#folder = join(cacheFolder, 'runtime')
    this.#uid = uid
  }

  read(key: string): Found | null {
    const last = this.#looked.get(key)
    if (last !== undefined && performance.now() - last.atMs < LOOK_MS) return last.found
    const found = this.#look(key)
    if (found === null) this.#looked.delete(key)
    else this.#looked.set(key, { found, atMs: performance.now() })
    return found
  }

  #look(key: string): Found | null {
    const text = this.#readOwn(this.#fileOf(key))
    const entry = text === null ? null : this.#parse(text, key)
    if (entry === null) return null
    for (const [path, mark] of entry.marks) if (fingerprint(path) !== mark) return null
    return { version: entry.version, binds: entry.binds, watched: entry.marks.map(([path]) => path) }
  }

  #parse(text: string, key: string): Entry | null {
    const known = this.#parsed.get(key)
    if (known?.text === text) return known.entry
    const entry = parseEntry(text, key)
    this.#parsed.set(key, { text, entry })
    return entry
  }

  /** Atomic: a reader sees the old answer or the new one. A cache that cannot be written is no failure. */
  write(key: string, found: Found): void {
    this.#looked.delete(key)
    const marks = found.watched.map((path) => [path, fingerprint(path)])
    if (marks.some(([, mark]) => mark === null)) return
    const text = JSON.stringify({ format: VERSION, key, version: found.version, binds: found.binds, marks })
    if (text.length > BYTES_MAX) return
    const file = this.#fileOf(key)
    const fresh = `${file}.${process.pid}`
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      writeFileSync(fresh, text, { mode: 0o600, flag: 'wx' })
      renameSync(fresh, file)
    } catch {
      try {
        unlinkSync(fresh)
      } catch {
        // It was never made.
      }
    }
  }

  #fileOf(key: string): string {
    return join(this.#folder, `${sha256(key).slice(0, 32)}.json`)
  }

  #readOwn(path: string): string | null {
    let fd: number
    try {
      fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch {
      return null
    }
    try {
      const stat = fstatSync(fd)
      const ours = stat.isFile() && stat.uid === this.#uid && (stat.mode & 0o7777) === 0o600 && stat.nlink === 1
      return ours && stat.size <= BYTES_MAX ? readFileSync(fd, 'utf8') : null
    } finally {
      closeSync(fd)
    }
  }
}

interface Entry {
  readonly version: string | null
  readonly binds: Bind[]
  readonly marks: (readonly [path: string, mark: string])[]
}

function parseEntry(text: string, key: string): Entry | null {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return null
  }
  if (!isRecord(json) || json.format !== VERSION || json.key !== key) return null
  const { version, binds, marks } = json
  if (version !== null && typeof version !== 'string') return null
  if (!Array.isArray(binds) || !Array.isArray(marks)) return null
  if (binds.length > ENTRIES_MAX || marks.length > ENTRIES_MAX || marks.length === 0) return null
  const isBind = (one: unknown): one is Bind =>
    isRecord(one) && isPath(one.outside) && isPath(one.inside) && typeof one.executable === 'boolean'
  const isMark = (one: unknown): one is [string, string] =>
    Array.isArray(one) && one.length === 2 && isPath(one[0]) && typeof one[1] === 'string'
  return binds.every(isBind) && marks.every(isMark) ? { version, binds, marks } : null
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isPath = (value: unknown): value is string => typeof value === 'string' && value.startsWith('/')
