import { ARCHIVE_BOUNDS } from '../core/archive.ts'
import { comparePaths, pathFault } from '../core/archive-path.ts'
import type { SchemaFault } from '../core/faults.ts'
import type { SignedFile } from '../core/statement.ts'

/**
 * What is wrong with a signed list as a whole: the rules for paths that archives are held to, byte order, and no file that
 * is a folder too. Names that differ in case alone are left to the archive, which must hold exactly these files.
 */
export function listFaults(files: readonly SignedFile[]): readonly SchemaFault[] {
  const faults: SchemaFault[] = []
  const folders = foldersOf(files)
  const isPlain = arePlain(files)
  let unpackedBytes = 0
  let before: string | null = null
  // forEach and not entries(): a run walks thousands of files in a process that has not warmed up.
  files.forEach(({ path, size }, index) => {
    unpackedBytes += size
    const fault = isPlain ? null : pathFault(path, ARCHIVE_BOUNDS)
    if (fault !== null) faults.push(faultAt(index, `breaks a rule: ${fault.rule}`))
    if (folders.has(path)) faults.push(faultAt(index, 'is a file and a folder at once'))
    if (before !== null && (isPlain ? before >= path : comparePaths(before, path) >= 0)) {
      faults.push(faultAt(index, 'must come after the one before it, in byte order, once'))
    }
    before = path
  })
  const inodes = files.length + folders.size
  if (inodes > ARCHIVE_BOUNDS.entries) {
    faults.push(faultOf(`make ${inodes} files and folders, more than ${ARCHIVE_BOUNDS.entries}`))
  }
  if (unpackedBytes > ARCHIVE_BOUNDS.unpackedBytes) {
    faults.push(faultOf(`unpack to ${unpackedBytes} bytes, more than ${ARCHIVE_BOUNDS.unpackedBytes}`))
  }
  return faults
}

const faultAt = (index: number, message: string): SchemaFault => ({ path: `predicate.files[${index}].path`, message })
const faultOf = (message: string): SchemaFault => ({ path: 'predicate.files', message })

/** Anything but printable ASCII, and the two characters that mean a separator or a drive elsewhere. */
const UNUSUAL_CHARACTER = /[^ -~]|[\\:]/
/** In a text of one path a line: an empty, `.` or `..` segment. */
const UNUSUAL_SEGMENT = /(?:^|[/\n])(?:\.{0,2})(?:[/\n]|$)/
/** Shorter than any bound, and deeper than a bound only with a folder for every second character. */
const UNUSUAL_LENGTH = 250
const UNUSUAL_DEPTH = /(?:\/[^/]+){32}/

/** `pathFault` for all paths at once, at a tenth of its cost: nearly every list is plain, and a run waits for this. */
function arePlain(files: readonly SignedFile[]): boolean {
  const paths = files.map(({ path }) => path)
  const isUnusual = (path: string) => path.length > 64 && (path.length > UNUSUAL_LENGTH || UNUSUAL_DEPTH.test(path))
  if (paths.some(isUnusual)) return false
  // First without separators: a path with a line feed in it must not pass for two.
  return !UNUSUAL_CHARACTER.test(paths.join('')) && !UNUSUAL_SEGMENT.test(paths.join('\n'))
}

/** Neighbours share their folders, and the first one known ends the walk upwards. */
function foldersOf(files: readonly SignedFile[]): ReadonlySet<string> {
  const folders = new Set<string>()
  let last = ''
  for (const { path } of files) {
    const slash = path.lastIndexOf('/')
    const isSame = slash === last.length && path.startsWith(last)
    if (slash > 0 && !isSame) {
      last = path.slice(0, slash)
      addFolder(folders, last)
    }
  }
  return folders
}

function addFolder(folders: Set<string>, folder: string): void {
  if (folders.has(folder)) return
  folders.add(folder)
  const slash = folder.lastIndexOf('/')
  if (slash > 0) addFolder(folders, folder.slice(0, slash))
}
