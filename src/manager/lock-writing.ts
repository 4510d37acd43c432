import { lstatSync } from 'node:fs'
import { resolve } from 'node:path'
import { PluginError } from '../core/errors.ts'
import { assertCoherent } from '../core/lock-consent.ts'
import { formatLockFile, LOCK_FILE } from '../core/lock-file.ts'
import { LOCK_MAX_BYTES, parseLockFile } from '../core/lock-file-parser.ts'
import { printable } from '../core/printable.ts'
import { readPlainFile, replaceFile } from '../verify/index.ts'
import type { Host } from './host.ts'
import { type HostKnowledge, surveyed } from './host-lock.ts'

export interface LockReport {
  readonly lockFile: string
  readonly plugins: number
  /** The file was there with the same bytes, and was left alone. */
  readonly unchanged: boolean
}

/**
 * Writes down what this host has. Only what is good: a plugin that was modified, or that nobody would let in today, is none
 * that a reviewer should be shown.
 *
 * @throws PluginError with the code of the first plugin that is not, `LOCK_INVALID` when they do not go together,
 * `FILE_UNWRITABLE`
 */
export async function writeLock(
  host: Host,
  { lockFile = LOCK_FILE }: { readonly lockFile?: string | undefined },
  knowledge: HostKnowledge,
): Promise<LockReport> {
  const path = resolve(lockFile)
  assertPlain(path)
  const plugins = (await surveyed(host, knowledge)).map(({ line }) => {
    if (line instanceof PluginError) throw line
    return line
  })
  const bytes = Buffer.from(formatLockFile({ plugins }))
  // What is written can be read, by the same rules as everybody else's.
  await assertCoherent(parseLockFile(bytes, path), path)
  const unchanged = isThere(path) && readPlainFile(path, LOCK_MAX_BYTES).equals(bytes)
  if (!unchanged) write(path, bytes)
  return { lockFile: path, plugins: plugins.length, unchanged }
}

const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined

/** A link would be replaced and not followed, which nobody who made it expects. */
function assertPlain(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined || stat.isFile()) return
  throw unwritable(path, stat.isSymbolicLink() ? 'it is a symbolic link' : 'it is not a regular file')
}

function write(path: string, bytes: Buffer): void {
  try {
    replaceFile(path, bytes, () => true)
  } catch (error) {
    throw unwritable(path, (error as Error).message, error)
  }
}

const unwritable = (path: string, why: string, cause?: unknown): PluginError =>
  new PluginError('FILE_UNWRITABLE', `cannot write ${printable(path, 400)}: ${printable(why, 400)}`, { cause })
