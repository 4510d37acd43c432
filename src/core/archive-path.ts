import type { ArchiveBounds } from './archive.ts'

/** Why a path may not be in a package; `isBound` tells a path that is too much from one that is hostile. */
export interface PathFault {
  readonly rule: string
  readonly isBound: boolean
}

type PathBounds = Pick<ArchiveBounds, 'depth' | 'pathBytes' | 'segmentBytes'>

const ASCII = /^[\x20-\x7e]*$/
/** Control characters, and those that reorder or break the line a path is shown in. */
const unprintable = () => /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u
const DRIVE = /^[A-Za-z]:/

/** The rules for a path inside a package: one spelling, one meaning, on every file system and in every message. */
export function pathFault(path: string, bounds: PathBounds): PathFault | null {
  if (path === '') return hostile('its name is empty')
  if (path.startsWith('/')) return hostile('its path is absolute')
  if (path.includes('\\')) return hostile('its path has a backslash')
  if (!ASCII.test(path)) {
    if (unprintable().test(path)) return hostile('its path has a control or direction character')
    if (!path.isWellFormed()) return hostile('its path is not valid Unicode')
    if (path.normalize('NFC') !== path) return hostile('its path is not in Unicode normalisation form C')
  }
  const bytes = Buffer.byteLength(path)
  if (bytes > bounds.pathBytes) return beyond(`its path is ${bytes} bytes; the bound is ${bounds.pathBytes}`)
  const segments = path.split('/')
  if (segments.length > bounds.depth) return beyond(`it is ${segments.length} deep; the bound is ${bounds.depth}`)
  for (const segment of segments) {
    const fault = segmentFault(segment, bounds)
    if (fault !== null) return fault
  }
  return null
}

function segmentFault(segment: string, bounds: PathBounds): PathFault | null {
  if (segment === '') return hostile('its path has an empty segment')
  if (segment === '.' || segment === '..') return hostile(`its path has a "${segment}" segment`)
  if (DRIVE.test(segment)) return hostile('its path has a drive letter')
  const bytes = Buffer.byteLength(segment)
  return bytes > bounds.segmentBytes
    ? beyond(`a segment of its path is ${bytes} bytes; the bound is ${bounds.segmentBytes}`)
    : null
}

const hostile = (rule: string): PathFault => ({ rule, isBound: false })
const beyond = (rule: string): PathFault => ({ rule, isBound: true })

/** Byte order, which is the order of UTF-8 and of every signed list; JavaScript's own order is that of UTF-16. */
export function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return comparePaths(a.path, b.path)
}

export function comparePaths(a: string, b: string): number {
  if (ASCII.test(a) && ASCII.test(b)) return a < b ? -1 : a > b ? 1 : 0
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
