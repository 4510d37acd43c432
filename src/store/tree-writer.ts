import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  writeSync,
} from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { StoreError } from '../core/errors.ts'
import type { SignedFile } from '../core/statement.ts'

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/** A new file with exactly this content and mode, whatever the umask; fails if anything has that name already. */
export function makeFile(path: string, bytes: Buffer, mode: 0o644 | 0o755 | 0o600): void {
  const file = openSync(path, CREATE, mode)
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
    const stats = fstatSync(file)
    if ((stats.mode & 0o7777) !== mode) fchmodSync(file, mode)
    // A file system that truncates, maps owners or is not what it seems shows here, before anything relies on it.
    if (stats.size !== bytes.length || stats.nlink !== 1 || stats.uid !== process.geteuid?.()) {
      const found = `${stats.size} bytes, ${stats.nlink} names, owner ${stats.uid}`
      throw new StoreError('DISK_FAILED', `cannot write ${path}: wrote ${bytes.length} bytes and found ${found}`)
    }
  } finally {
    closeSync(file)
  }
}

export function makeFolder(path: string, mode: 0o755 | 0o700 = 0o755): void {
  mkdirSync(path, mode)
  // A setgid parent hands its bit down, and the umask takes bits away.
  if ((lstatSync(path).mode & 0o7777) !== mode) chmodSync(path, mode)
}

export const modeOf = ({ executable }: Pick<SignedFile, 'executable'>): 0o644 | 0o755 => (executable ? 0o755 : 0o644)

export interface Filling<T> {
  /** Makes the one file, at a path that nothing has yet. */
  put(wanted: T, path: string): void
  tell(done: number): void
}

/** So long nobody else has a turn, a signal not either. */
const TURN_MS = 100

/**
 * The folder is new, private and ours, and every file is made, never opened: nothing can be in the way of a path. Only
 * the folders that files are in are made, since the signed list implies no others.
 */
export async function fillPackage<T extends { readonly file: SignedFile }>(
  packageDir: string,
  all: readonly T[],
  { put, tell }: Filling<T>,
): Promise<void> {
  const made = new Set<string>()
  const enter = (path: string): void => {
    const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')))
    if (folder === '' || made.has(folder)) return
    enter(folder)
    makeFolder(`${packageDir}/${folder}`)
    made.add(folder)
  }
  let turnMs = performance.now()
  for (const [done, wanted] of all.entries()) {
    enter(wanted.file.path)
    put(wanted, `${packageDir}/${wanted.file.path}`)
    if (performance.now() - turnMs < TURN_MS) continue
    tell(done + 1)
    await turn()
    turnMs = performance.now()
  }
  tell(all.length)
}
