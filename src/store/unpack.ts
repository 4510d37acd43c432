import { join } from 'node:path'
import { type Archive, type ArchiveEntry, fileBytesOf } from '../core/archive.ts'
import { shownName } from '../core/archive-fault.ts'
import { ArchiveError } from '../core/errors.ts'
import { chrootOf, packageOf } from '../core/layout.ts'
import type { SignedFile } from '../core/statement.ts'
import type { VerifiedRelease } from '../core/verified.ts'
import { evidenceOf } from './evidence.ts'
import { flushTree } from './tree-flush.ts'
import { buildSkeleton } from './tree-skeleton.ts'
import { makeFile, makeFolder } from './tree-writer.ts'
import { assertSameEntries } from './unpack-opinion.ts'

/** Fills an empty release folder from the scanned buffer: chroot directory, package, evidence; all of it durable. */
export async function unpackRelease(release: VerifiedRelease, folder: string): Promise<void> {
  const { archive, manifest, verified } = release
  const wanted = matchSigned(archive, verified.statement.files)
  await assertSameEntries(archive)
  buildSkeleton(chrootOf(folder), manifest.permissions.read)
  writePackage(archive, wanted, packageOf(folder))
  for (const { name, bytes } of evidenceOf(release)) makeFile(join(folder, name), bytes, 0o644)
  await flushTree(folder)
}

/** DESIGN §4, install 12: the entries that the signed list names, which must be all of them, and no more than it names. */
function matchSigned(archive: Archive, files: readonly SignedFile[]): ArchiveEntry[] {
  const present = archive.entries.filter(({ type }) => type === 'file')
  const byPath = new Map(present.map((entry) => [entry.path, entry]))
  const matched = files.map((file) => {
    const entry = byPath.get(file.path)
    if (entry === undefined) throw mismatch(file.path, 'is signed and not in the archive')
    if (entry.size !== file.size || entry.executable !== file.executable) {
      throw mismatch(file.path, 'has another size or mode than was signed')
    }
    byPath.delete(file.path)
    return entry
  })
  for (const path of byPath.keys()) throw mismatch(path, 'is in the archive and not signed')
  return matched
}

function mismatch(path: string, rule: string): ArchiveError {
  return new ArchiveError('ARCHIVE_MISMATCH', `cannot unpack ${shownName(path)}: it ${rule}`, {
    details: { entry: path },
  })
}

/**
 * The folder is new, private and ours, and every file is made, never opened: nothing can be in the way of a path. Only
 * the folders that files are in are made, since the signed list implies no others.
 */
function writePackage(archive: Archive, entries: readonly ArchiveEntry[], packageDir: string): void {
  const made = new Set<string>()
  const enter = (folder: string): void => {
    if (made.has(folder)) return
    const slash = folder.lastIndexOf('/')
    if (slash > 0) enter(folder.slice(0, slash))
    makeFolder(join(packageDir, folder))
    made.add(folder)
  }
  for (const entry of entries) {
    const slash = entry.path.lastIndexOf('/')
    if (slash > 0) enter(entry.path.slice(0, slash))
    makeFile(`${packageDir}/${entry.path}`, fileBytesOf(archive, entry), entry.executable ? 0o755 : 0o644)
  }
}
