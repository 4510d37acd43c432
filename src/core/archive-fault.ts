import { ArchiveError } from './errors.ts'
import { printable } from './printable.ts'

type ArchiveCode = 'ARCHIVE_MALFORMED' | 'ARCHIVE_UNSAFE' | 'ARCHIVE_TOO_LARGE'

/** A name from an archive or a folder, in quotes: it is the attacker's text, and must not move a cursor or fill a screen. */
export function shownName(name: string | Buffer): string {
  return `"${printable(typeof name === 'string' ? name : name.toString('utf8'), 200)}"`
}

/** Something is wrong with the container: gzip stream, checksum, end of archive. */
export function malformed(rule: string, cause?: unknown): ArchiveError {
  return new ArchiveError('ARCHIVE_MALFORMED', `cannot read the archive: ${rule}`, { cause })
}

export function tooLarge(rule: string): ArchiveError {
  return new ArchiveError('ARCHIVE_TOO_LARGE', `cannot read the archive: ${rule}`, {
    hint: 'the bounds on size, entries, depth and names are listed in docs/package-format.md',
  })
}

/** Something is wrong with one entry, which is named with the rule it breaks. */
export function entryFault(code: ArchiveCode, name: string | Buffer, rule: string): ArchiveError {
  const shown = shownName(name)
  return new ArchiveError(code, `cannot accept archive entry ${shown}: ${rule}`, { details: { entry: shown, rule } })
}
