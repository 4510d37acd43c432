import { malformed, shownName } from './archive-fault.ts'
import { ArchiveError } from './errors.ts'

/** What Bulkhead takes from an extended header: a name that did not fit. */
export interface PaxHeader {
  readonly path: string | null
  /** npm repeats the size here; it must be the one in the header, or readers disagree on where the next entry is. */
  readonly size: string | null
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Keywords about things that unpacking sets itself: times, owners, where a file once lay. */
const IGNORED = new Set([
  'atime',
  'comment',
  'ctime',
  'gid',
  'gname',
  'LIBARCHIVE.creationtime',
  'mtime',
  'SCHILY.dev',
  'SCHILY.fflags',
  'SCHILY.ino',
  'SCHILY.nlink',
  'uid',
  'uname',
])
/** Extended attributes and ACLs are dropped, but one that grants privilege must not be asked for in the first place. */
const DROPPED = /^(?:SCHILY|LIBARCHIVE)\.xattr\.(?:user|com\.apple)\./
const UTF8_NAMES = 'ISO-IR 10646 2000 UTF-8'

/** POSIX.1-2024 pax, "pax Extended Header": `LENGTH KEY=VALUE\n`, the length counting the whole record. */
export function parsePax(body: Buffer, at: number): PaxHeader {
  let path: string | null = null
  let size: string | null = null
  for (const [key, value] of records(body, at)) {
    if (key === 'path') path = decode(value, at)
    else if (key === 'size') size = value.toString('latin1')
    else if (key === 'charset' || key === 'hdrcharset') {
      if (value.toString('latin1') !== UTF8_NAMES) throw refused(key, at)
    } else if (!IGNORED.has(key) && !DROPPED.test(key)) throw refused(key, at)
  }
  return { path, size }
}

/** A global header changes entries far from it, so only a comment is let in (`git archive` writes the commit's id). */
export function checkGlobalPax(body: Buffer, at: number): void {
  for (const [key] of records(body, at)) if (key !== 'comment') throw refused(`global ${key}`, at)
}

/** `linkpath`, `GNU.sparse.*`, `type` and every keyword not known to be harmless. */
function refused(key: string, at: number): ArchiveError {
  const shown = shownName(key)
  return new ArchiveError(
    'ARCHIVE_UNSAFE',
    `cannot accept the extended header at byte ${at} of the archive: its record ${shown} could make two readers disagree`,
    { details: { record: shown } },
  )
}

function* records(body: Buffer, at: number): Generator<[key: string, value: Buffer]> {
  const broken = (why: string) => malformed(`the extended header at byte ${at} ${why}`)
  const seen = new Set<string>()
  let start = 0
  while (start < body.length) {
    const length = /^([1-9]\d{0,6}) /.exec(body.toString('latin1', start, start + 9))?.[1]
    if (length === undefined) throw broken('has a record without a length')
    const end = start + Number(length)
    if (end > body.length || body[end - 1] !== 0x0a) throw broken('has a record of the wrong length')
    const record = body.subarray(start + length.length + 1, end - 1)
    // A line break inside a value starts a second record for readers that go line by line; a NUL ends it for others.
    if (record.includes(0x0a) || record.includes(0)) throw broken('has a record with a line break or NUL in it')
    const equals = record.indexOf(0x3d)
    if (equals < 1) throw broken('has a record without a keyword')
    const key = record.toString('latin1', 0, equals)
    if (seen.has(key)) throw broken(`has the record ${shownName(key)} twice`)
    seen.add(key)
    yield [key, record.subarray(equals + 1)]
    start = end
  }
}

function decode(value: Buffer, at: number): string {
  try {
    return utf8.decode(value)
  } catch {
    throw new ArchiveError('ARCHIVE_UNSAFE', `cannot accept the path at byte ${at} of the archive: it is not UTF-8`)
  }
}
