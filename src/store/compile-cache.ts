import { chmodSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Sha256, sha256 } from '../core/digest.ts'
import { compileCachesOf } from '../core/layout.ts'
import { readBounded } from './bounded-file.ts'
import { nextName } from './tree-staging.ts'

/** What Node keeps of the code it has compiled: a folder for each version of it, and in there a file for each module. */
export type CompiledFile = readonly [path: string, bytes: Buffer]

/** All of it is read before each start, by a process that has other work: so much takes some fiftieth of a second. */
export const COMPILED_FILES_MAX = 2_000
export const COMPILED_BYTES_MAX = 32 * 2 ** 20

const LIST = 'list'

/**
 * Puts it beside a release's tree, whole or not at all.
 *
 * @returns the digest that says it is this one: of the list of what it holds, with each digest
 */
export function writeCompileCache(release: string, staging: string, files: readonly CompiledFile[]): Sha256 {
  const list = listOf(files)
  const digest = sha256(list)
  const fresh = nextName(staging)
  mkdirSync(fresh, { recursive: true, mode: 0o755 })
  try {
    for (const [path, bytes] of files) {
      const at = join(fresh, 'files', path)
      mkdirSync(dirname(at), { recursive: true, mode: 0o755 })
      writeFileSync(at, bytes, { mode: 0o444, flag: 'wx' })
    }
    writeFileSync(join(fresh, LIST), list, { mode: 0o444, flag: 'wx' })
    // Whatever the umask is: the plugin's own user reads it.
    for (const folder of foldersIn(fresh)) chmodSync(folder, 0o755)
    keep(release, fresh, digest)
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    throw error
  }
  return digest
}

/** Another process may do the same at this moment; what it has made lies beside this one, or is the same. */
function keep(release: string, fresh: string, digest: Sha256): void {
  const folder = folderOf(release, digest)
  if (checkedCompileCache(release, digest) !== null) {
    // A run may be about to have it mounted.
    rmSync(fresh, { recursive: true, force: true })
    return
  }
  mkdirSync(dirname(folder), { recursive: true, mode: 0o755 })
  rmSync(folder, { recursive: true, force: true })
  renameSync(fresh, folder)
}

const folderOf = (release: string, digest: string): string => join(compileCachesOf(release), digest.slice(0, 16))

export function removeCompileCache(release: string, digest: string): void {
  rmSync(folderOf(release, digest), { recursive: true, force: true })
}

/** No run takes longer from its check until it has the folder mounted. */
const SUPERSEDED_MS = 60_000

/**
 * Those that nobody looks at any more, since this one has been there for a while: a run that was checked before has another
 * one mounted a moment later.
 */
export function removeSupersededCompileCaches(release: string, digest: string, nowMs: number): void {
  const current = folderOf(release, digest)
  const madeMs = lstatSync(current, { throwIfNoEntry: false })?.mtimeMs
  if (madeMs === undefined || nowMs - madeMs < SUPERSEDED_MS) return
  const kept = basename(current)
  const all = compileCachesOf(release)
  for (const name of namesIn(all)) if (name !== kept) rmSync(join(all, name), { recursive: true, force: true })
}

export const hasCompileCache = (release: string, digest: string): boolean =>
  lstatSync(folderOf(release, digest), { throwIfNoEntry: false }) !== undefined

/** The folder for Node, when every file of it is as it was written; `null` of whatever else lies there. */
export function checkedCompileCache(release: string, digest: string): string | null {
  const folder = folderOf(release, digest)
  const list = readBounded(join(folder, LIST), COMPILED_BYTES_MAX)
  if (list === null || sha256(list) !== digest) return null
  const root = join(folder, 'files')
  const files: CompiledFile[] = []
  for (const path of pathsIn(root)) {
    const bytes = readBounded(join(root, path), COMPILED_BYTES_MAX)
    if (bytes === null || files.length === COMPILED_FILES_MAX) return null
    files.push([path, bytes])
  }
  return listOf(files) === list.toString('utf8') ? root : null
}

const listOf = (files: readonly CompiledFile[]): string =>
  JSON.stringify([...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, bytes]) => [path, sha256(bytes)]))

/** Two levels, as they were written; a name that is no folder's, or another kind of file, is among them and fails the comparison. */
function pathsIn(root: string): string[] {
  return namesIn(root).flatMap((folder) => namesIn(join(root, folder)).map((name) => `${folder}/${name}`))
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
}

function* foldersIn(folder: string): Generator<string> {
  yield folder
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) yield* foldersIn(join(folder, entry.name))
}
