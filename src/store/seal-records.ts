import type { SignedFile } from '../core/statement.ts'
import { compareFile, type Differences, type Expected, isPlainFolder, statusOf } from './tree-check.ts'

/** One record of the launcher's `--seal` walk: everything about an entry that changes when the entry does. */
interface SealRecord {
  readonly path: string
  /** `f`, `d`, or `?` for what may not be there at all. */
  readonly type: string
  readonly size: number
  readonly ctimeMs: number
  /** Type, device, inode, size, mode and times, as they were written. */
  readonly fields: string
}

/**
 * `PATH\0TYPE dev ino size mode mtimeNs ctimeNs\n`. A path may hold a line break, never a NUL, so a record is found by its
 * NUL first. `null` when the bytes are anything else: then there is no seal.
 */
export function parseSeal(seal: Uint8Array): SealRecord[] | null {
  const bytes = Buffer.from(seal.buffer, seal.byteOffset, seal.byteLength)
  const records: SealRecord[] = []
  for (let at = 0; at < bytes.length; ) {
    const nul = bytes.indexOf(0, at)
    const end = nul < 0 ? -1 : bytes.indexOf(0x0a, nul)
    if (end < 0) return null
    const fields = bytes.toString('latin1', nul + 1, end)
    const parts = fields.split(' ')
    if (parts.length !== 7) return null
    const path = bytes.toString('utf8', at, nul)
    const ctimeMs = Number(parts[6]) / 1e6
    // The walk may or may not name the folder it started in; it has no path of its own in the signed list.
    if (path !== '' && path !== '.') {
      records.push({ path, type: parts[0] ?? '', size: Number(parts[3]), ctimeMs, fields })
    }
    at = end + 1
  }
  return records
}

/** Does the walk show the signed files, each of its size, the folders above them, and nothing else? */
export function showsExactly(records: readonly SealRecord[], { files, folders }: Expected): boolean {
  if (records.length !== files.size + folders.size) return false
  return records.every(({ path, type, size }) =>
    type === 'f' ? files.get(path)?.size === size : type === 'd' && folders.has(path),
  )
}

/** The newest change of status the walk saw. */
export const newestMs = (records: readonly SealRecord[]): number =>
  records.reduce((newest, { ctimeMs }) => Math.max(newest, ctimeMs), 0)

/** Compares a walk with the one kept, and hashes only what has another record than then. */
export function compareSealed(
  packageDir: string,
  now: readonly SealRecord[],
  kept: readonly SealRecord[],
  expected: Expected,
  owner: number,
): Differences {
  const before = new Map(kept.map((record) => [record.path, record.fields]))
  const unseen = new Set(expected.files.keys())
  const modified: string[] = []
  const extra: string[] = []
  // The walk names a folder before what it holds, so the last alien one is the only one to be inside of.
  let alien: string | null = null
  for (const { path, type, fields } of now) {
    const file = expected.files.get(path)
    const isSealed = before.get(path) === fields && type !== '?'
    if (file !== undefined) {
      if (!unseen.delete(path)) extra.push(path)
      else if (!(isSealed && type === 'f') && !isSame(packageDir, file, owner, type)) modified.push(path)
      if (type === 'd') alien = `${path}/`
    } else if (expected.folders.has(path)) {
      const stats = isSealed && type === 'd' ? null : statusOf(`${packageDir}/${path}`)
      if (stats !== null && !isPlainFolder(stats, owner)) modified.push(`${path}/`)
    } else if (alien === null || !path.startsWith(alien)) {
      extra.push(type === 'd' ? `${path}/` : path)
      if (type === 'd') alien = `${path}/`
    }
  }
  return { modified: modified.sort(), missing: [...unseen].sort(), extra: extra.sort() }
}

const isSame = (packageDir: string, file: SignedFile, owner: number, type: string): boolean =>
  type === 'f' && compareFile(`${packageDir}/${file.path}`, file, owner) === 'same'
