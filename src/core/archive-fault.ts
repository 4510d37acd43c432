import { ArchiveError } from './errors.ts'

type ArchiveCode = 'ARCHIVE_MALFORMED' | 'ARCHIVE_UNSAFE' | 'ARCHIVE_TOO_LARGE'

/** Entry names are the attacker's text: nothing in them may move a cursor, reorder a line or fill a screen. */
const UNSHOWABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\ufffd]/gu
const SHOWN_MAX = 200

/** A name from an archive or a folder, quoted and escaped for a message. */
export function shownName(name: string | Buffer): string {
  const text = typeof name === 'string' ? name : name.toString('utf8')
  const head = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text
  const escaped = head.replaceAll(/["\\]/g, '\\$&').replaceAll(UNSHOWABLE, (character) => {
    const code = character.codePointAt(0) ?? 0
    return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
  return `"${escaped}"`
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
