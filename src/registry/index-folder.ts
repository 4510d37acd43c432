import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { PluginError, RegistryError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import { type IndexedRelease, PLUGIN_MAX_BYTES, parsePluginFile } from './index-file.ts'
import { INDEX_FOLDER, PLUGIN_INDEX, pluginIndex, ROOT_INDEX } from './paths.ts'

/** What is listed of each plugin, by name. */
export type Listing = ReadonlyMap<PluginName, readonly IndexedRelease[]>

/**
 * The index that a folder has.
 * @throws RegistryError `REGISTRY_INVALID`, for a file that is none of an index too
 */
export function readIndex(folder: string): Listing {
  const listing = new Map<PluginName, readonly IndexedRelease[]>()
  for (const path of filesBelow(folder, INDEX_FOLDER, 2)) {
    const name = PLUGIN_INDEX.exec(path)?.[1] as PluginName | undefined
    const file = join(folder, path)
    if (name === undefined) throw foreign(file, 'it is no file of an index')
    listing.set(name, parsePluginFile(readRegular(file), name, file))
  }
  return listing
}

/**
 * Makes the index of a folder what it should be: each file as a whole or not at all, the one for searching last. What is right
 * already is not touched. Synchronous, so that a lock around it holds until it is done; `stillHeld` is asked before each change.
 * @throws PluginError `DISK_FAILED`, `STORE_BUSY`
 */
export function writeIndex(
  folder: string,
  files: ReadonlyMap<string, Buffer>,
  gone: readonly PluginName[],
  stillHeld: () => boolean,
): { readonly written: number } {
  let written = 0
  const assertHeld = () => {
    if (!stillHeld())
      throw new PluginError(
        'STORE_BUSY',
        `cannot write the index of ${printable(folder, 400)}: the lock was taken over`,
      )
  }
  try {
    for (const [path, bytes] of [...files].sort(([a], [b]) => Number(a === ROOT_INDEX) - Number(b === ROOT_INDEX))) {
      if (bytesOf(join(folder, path))?.equals(bytes) === true) continue
      assertHeld()
      replace(join(folder, path), bytes)
      written++
    }
    for (const name of gone) {
      assertHeld()
      rmSync(join(folder, pluginIndex(name)), { force: true })
      written++
    }
    return { written }
  } catch (error) {
    if (error instanceof PluginError) throw error
    throw new PluginError(
      'DISK_FAILED',
      `cannot write the index of ${printable(folder, 400)}: ${(error as Error).message}`,
      {
        cause: error,
        hint: 'run it again: what was written is whole, and the rest follows',
      },
    )
  }
}

function filesBelow(folder: string, at: string, depth: number): string[] {
  const stat = lstatSync(join(folder, at), { throwIfNoEntry: false })
  if (stat === undefined) return []
  if (!stat.isDirectory()) throw foreign(join(folder, at), 'it is not a folder')
  return readdirSync(join(folder, at), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${at}/${entry.name}`
      // A draft of a build that was killed.
      if (entry.name.startsWith('.')) return []
      if (entry.isFile()) return [path]
      if (entry.isDirectory() && depth > 1) return filesBelow(folder, path, depth - 1)
      throw foreign(join(folder, path), 'it is no file of an index')
    })
}

function readRegular(path: string): Buffer {
  const { size } = lstatSync(path)
  if (size > PLUGIN_MAX_BYTES) throw foreign(path, `it is ${size} bytes, more than ${PLUGIN_MAX_BYTES}`)
  return readFileSync(path)
}

function bytesOf(path: string): Buffer | null {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(path) : null
}

function replace(path: string, bytes: Buffer): void {
  mkdirSync(dirname(path), { recursive: true })
  const draft = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`)
  try {
    const fd = openSync(draft, 'wx', 0o644)
    try {
      writeFileSync(fd, bytes)
      // A web server reads it, whatever the umask says.
      fchmodSync(fd, 0o644)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(draft, path)
  } finally {
    rmSync(draft, { force: true })
  }
  const fd = openSync(dirname(path), 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

const foreign = (path: string, reason: string): RegistryError =>
  new RegistryError('REGISTRY_INVALID', `cannot use ${printable(path, 400)}: ${reason}`, {
    hint: `what is below ${INDEX_FOLDER}/ is written by plugins registry build alone; move it away`,
  })
