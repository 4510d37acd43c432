import { type Archive, fileBytesOf } from '../core/archive.ts'
import { byPath } from '../core/archive-path.ts'
import { sha256 } from '../core/digest.ts'
import { ArchiveError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import type { SignedFile } from '../core/statement.ts'

/** What an archive holds, as a publisher signs it. Folders carry no bytes and are implied by the paths. */
export function signedFilesOf(archive: Archive): readonly SignedFile[] {
  return archive.entries
    .filter(({ type }) => type === 'file')
    .map((entry) => ({
      path: entry.path,
      size: entry.size,
      executable: entry.executable,
      sha256: sha256(fileBytesOf(archive, entry)),
    }))
    .sort(byPath)
}

export interface FileDifferences {
  readonly missing: readonly string[]
  readonly unsigned: readonly string[]
  readonly changed: readonly string[]
}

/** Compares each file once; `null` when the lists are equal. */
export function differences(signed: readonly SignedFile[], found: Iterable<SignedFile>): FileDifferences | null {
  const wanted = new Map(signed.map((file) => [file.path, file]))
  const unsigned: string[] = []
  const changed: string[] = []
  for (const file of found) {
    const twin = wanted.get(file.path)
    wanted.delete(file.path)
    if (twin === undefined) unsigned.push(file.path)
    else if (twin.size !== file.size || twin.executable !== file.executable || twin.sha256 !== file.sha256)
      changed.push(file.path)
  }
  const missing = [...wanted.keys()]
  return missing.length + unsigned.length + changed.length === 0 ? null : { missing, unsigned, changed }
}

const NAMES_SHOWN = 20

/** @throws ArchiveError `ARCHIVE_MISMATCH`, naming the files. */
export function assertSameFiles(signed: readonly SignedFile[], archive: Archive, source: string): void {
  const found = differences(signed, signedFilesOf(archive))
  if (found === null) return
  const shown = Object.entries(found).map(([kind, paths]: [string, readonly string[]]) => ({
    kind,
    count: paths.length,
    paths: paths.slice(0, NAMES_SHOWN).map((path) => printable(path)),
  }))
  const lines = shown
    .filter(({ count }) => count > 0)
    .map(({ kind, count, paths }) => `${count} ${kind} (${paths.slice(0, 3).join(', ')}${count > 3 ? ', …' : ''})`)
  throw new ArchiveError(
    'ARCHIVE_MISMATCH',
    `cannot accept ${printable(source)}: expected exactly the signed files, found ${lines.join(', ')}`,
    {
      hint: 'the statement does not describe this tarball; ask the publisher to sign it again',
      details: Object.fromEntries(shown.map(({ kind, paths }) => [kind, paths])),
    },
  )
}
