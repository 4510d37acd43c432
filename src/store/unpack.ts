import { join } from 'node:path'
import { type Archive, type ArchiveEntry, fileBytesOf } from '../core/archive.ts'
import { shownName } from '../core/archive-fault.ts'
import { ArchiveError } from '../core/errors.ts'
import { chrootOf, type Layout, packageOf } from '../core/layout.ts'
import type { SignedFile } from '../core/statement.ts'
import type { VerifiedRelease } from '../core/verified.ts'
import { evidenceOf } from './evidence.ts'
import { flushTree } from './tree-flush.ts'
import { Neighbours, type Shared } from './tree-sharing.ts'
import { buildSkeleton } from './tree-skeleton.ts'
import { fillPackage, makeFile, modeOf } from './tree-writer.ts'
import type { UnpackOptions } from './trees.ts'
import { assertSameEntries } from './unpack-opinion.ts'

/**
 * Fills an empty release folder from the scanned buffer, or with what versions beside hold of it: chroot directory, package,
 * evidence; all of it durable.
 */
export async function unpackRelease(
  release: VerifiedRelease,
  folder: string,
  layout: Layout,
  { beside = [], mayLink = true, onProgress }: UnpackOptions,
): Promise<Shared> {
  const { archive, manifest, verified } = release
  const wanted = matchSigned(archive, verified.statement.files)
  await assertSameEntries(archive)
  buildSkeleton(chrootOf(folder), manifest.permissions.read)
  const neighbours = new Neighbours(layout, { name: verified.statement.name, beside, mayLink })
  await fillPackage(packageOf(folder), wanted, {
    put: ({ entry, file }, path) => {
      const bytes = fileBytesOf(archive, entry)
      if (!neighbours.give(file, bytes, path)) makeFile(path, bytes, modeOf(file))
    },
    tell: (done) => onProgress?.({ kind: 'files', what: 'unpack', name: manifest.name, done, total: wanted.length }),
  })
  for (const { name, bytes } of evidenceOf(release)) makeFile(join(folder, name), bytes, 0o644)
  await flushTree(folder)
  return neighbours.shared
}

interface Wanted {
  readonly entry: ArchiveEntry
  readonly file: SignedFile
}

/** DESIGN §4, install 12: the entries that the signed list names, which must be all of them, and no more than it names. */
function matchSigned(archive: Archive, files: readonly SignedFile[]): Wanted[] {
  const present = archive.entries.filter(({ type }) => type === 'file')
  const byPath = new Map(present.map((entry) => [entry.path, entry]))
  const matched = files.map((file) => {
    const entry = byPath.get(file.path)
    if (entry === undefined) throw mismatch(file.path, 'is signed and not in the archive')
    if (entry.size !== file.size || entry.executable !== file.executable) {
      throw mismatch(file.path, 'has another size or mode than was signed')
    }
    byPath.delete(file.path)
    return { entry, file }
  })
  for (const path of byPath.keys()) throw mismatch(path, 'is in the archive and not signed')
  return matched
}

function mismatch(path: string, rule: string): ArchiveError {
  return new ArchiveError('ARCHIVE_MISMATCH', `cannot unpack ${shownName(path)}: it ${rule}`, {
    details: { entry: path },
  })
}
