import { ARCHIVE_BOUNDS } from '../core/archive.ts'

const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\\]/u
const DRIVE = /^[A-Za-z]:/

/** Why a path of the signed list may not name a file, or `null`: the rules that archives are held to. */
export function pathFault(path: string): string | null {
  if (path === '') return 'is empty'
  if (path.startsWith('/') || DRIVE.test(path)) return 'is not relative'
  if (UNPRINTABLE.test(path)) return 'has a control character or a backslash'
  if (Buffer.byteLength(path) > ARCHIVE_BOUNDS.pathBytes) return `is longer than ${ARCHIVE_BOUNDS.pathBytes} bytes`
  if (path.normalize('NFC') !== path) return 'is not in Unicode NFC'
  const segments = path.split('/')
  if (segments.length > ARCHIVE_BOUNDS.depth) return `is deeper than ${ARCHIVE_BOUNDS.depth} folders`
  for (const segment of segments) {
    if (segment === '' || segment === '.' || segment === '..') return 'has an empty, "." or ".." segment'
    if (segment.length * 3 > ARCHIVE_BOUNDS.segmentBytes && Buffer.byteLength(segment) > ARCHIVE_BOUNDS.segmentBytes)
      return `has a segment longer than ${ARCHIVE_BOUNDS.segmentBytes} bytes`
  }
  return null
}

const SURROGATE = /[\ud800-\udfff]/

/** The order of the UTF-8 bytes. UTF-16 order is the same, except where surrogates are. */
export function byteOrder(a: string, b: string): number {
  if (a === b) return 0
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a < b ? -1 : 1
}
