import type { Archive, ArchiveBounds, ArchiveEntry } from './archive.ts'
import { entryFault, malformed, shownName, tooLarge } from './archive-fault.ts'
import { decompress } from './archive-gzip.ts'
import { pathFault } from './archive-path.ts'
import { ArchivePaths } from './archive-paths.ts'
import { MANIFEST_FILE, MANIFEST_MAX_BYTES } from './manifest.ts'
import { BLOCK, hasLinkName, isZeroBlock, parseHeader, type TarHeader } from './tar-header.ts'
import { checkGlobalPax, type PaxHeader, parsePax } from './tar-pax.ts'

export { decompress } from './archive-gzip.ts'

/** A whole tarball, read once: one gzip member, then every header of one archive. Nothing has been written anywhere. */
export function readArchive(tgz: Buffer, bounds: ArchiveBounds): Archive {
  return scanArchive(decompress(tgz, bounds), bounds)
}

/** Extended headers above this hold no name; readers skip such ones differently. */
const META_MAX = 256 * 1024
/** GNU tar and bsdtar fill up to 10 KiB; more zeros than this are only there to be unpacked. */
const PADDING_MAX = 2 ** 20
const SPECIAL_BITS = 0o7000
const TYPE_BITS: Readonly<Record<string, number>> = { file: 0o100000, directory: 0o040000 }
/** npm puts every file of a package below this folder. */
const NPM_FOLDER = 'package'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What stands before the entry it belongs to. */
type Extension = ({ readonly kind: 'pax' } & PaxHeader) | { readonly kind: 'gnu'; readonly longName: Buffer }

/**
 * Looks at every header before anybody writes a byte. What is let through is what all readers understand alike: regular
 * files and folders, one name each. Everything else is refused with the entry's name and the rule it breaks.
 */
export function scanArchive(tar: Buffer, bounds: ArchiveBounds): Archive {
  if (tar.length > bounds.unpackedBytes)
    throw tooLarge(`it is ${tar.length} bytes; the bound is ${bounds.unpackedBytes}`)
  if (tar.length % BLOCK !== 0) throw malformed(`its length, ${tar.length}, is no multiple of ${BLOCK}`)
  const paths = new ArchivePaths()
  const entries: ArchiveEntry[] = []
  let extension: Extension | null = null

  for (let at = 0; ; ) {
    const block = tar.subarray(at, at + BLOCK)
    if (block.length < BLOCK) throw malformed('it ends without its two end blocks')
    if (isZeroBlock(block)) {
      if (extension !== null) throw malformed('its last extended header belongs to no entry')
      checkEnd(tar, at)
      break
    }
    const header = parseHeader(block, at)
    const body = bodyOf(tar, at, header, bounds)
    switch (header.type) {
      case 'x':
        if (extension !== null) throw malformed(`the extended header at byte ${at} follows another one`)
        extension = { kind: 'pax', ...parsePax(metaOf(body, header), at) }
        break
      case 'L':
        if (extension !== null) throw malformed(`the long name at byte ${at} follows another extended header`)
        extension = { kind: 'gnu', longName: longNameOf(metaOf(body, header), header, at) }
        break
      case 'g':
        if (extension !== null || entries.length > 0)
          throw malformed(`the global header at byte ${at} is not the first`)
        checkGlobalPax(metaOf(body, header), at)
        break
      default: {
        const entry = entryOf(header, extension, block, at + BLOCK, bounds)
        const clash = paths.add(entry.path, entry.type)
        if (clash !== null) throw entryFault('ARCHIVE_UNSAFE', entry.path, clash)
        if (paths.count > bounds.entries) throw tooLarge(`it holds more than ${bounds.entries} files and folders`)
        entries.push(entry)
        extension = null
      }
    }
    at += BLOCK + padded(header.size)
  }
  return { tar, entries: withManifest(withoutNpmFolder(entries)) }
}

const padded = (size: number): number => Math.ceil(size / BLOCK) * BLOCK

function bodyOf(tar: Buffer, at: number, { name, size }: TarHeader, bounds: ArchiveBounds): Buffer {
  if (size > bounds.fileBytes) {
    throw entryFault('ARCHIVE_TOO_LARGE', name, `it is ${size} bytes; the bound is ${bounds.fileBytes}`)
  }
  const start = at + BLOCK
  if (start + padded(size) > tar.length) {
    throw entryFault(
      'ARCHIVE_MALFORMED',
      name,
      `it says ${size} bytes, and the archive ends after ${tar.length - start}`,
    )
  }
  return tar.subarray(start, start + size)
}

function metaOf(body: Buffer, { name, type }: TarHeader): Buffer {
  if (body.length === 0) throw entryFault('ARCHIVE_MALFORMED', name, `an extended header (${type}) is empty`)
  if (body.length > META_MAX) {
    throw entryFault('ARCHIVE_TOO_LARGE', name, `an extended header is ${body.length} bytes; the bound is ${META_MAX}`)
  }
  return body
}

/** GNU tar's own form for names over 100 bytes: `././@LongLink`, the name, one NUL. */
function longNameOf(body: Buffer, { name, magic }: TarHeader, at: number): Buffer {
  if (magic !== 'gnu' || name.toString('latin1') !== '././@LongLink') {
    throw malformed(`the long name at byte ${at} was not written by GNU tar`)
  }
  if (body.indexOf(0) !== body.length - 1) throw malformed(`the long name at byte ${at} has bytes after its end`)
  return body.subarray(0, -1)
}

function entryOf(
  header: TarHeader,
  extension: Extension | null,
  block: Buffer,
  offset: number,
  bounds: ArchiveBounds,
): ArchiveEntry {
  const type = typeOf(header)
  const path = pathOf(header, type, extension)
  const fault = pathFault(path, bounds)
  if (fault !== null) throw entryFault(fault.isBound ? 'ARCHIVE_TOO_LARGE' : 'ARCHIVE_UNSAFE', path, fault.rule)
  if (extension?.kind === 'pax' && extension.size !== null && extension.size !== String(header.size)) {
    throw entryFault(
      'ARCHIVE_UNSAFE',
      path,
      `its header says ${header.size} bytes and its extended header another size`,
    )
  }
  if (hasLinkName(block)) throw entryFault('ARCHIVE_UNSAFE', path, `it is a ${type} with a link target`)
  if ((header.mode & SPECIAL_BITS) !== 0) {
    throw entryFault('ARCHIVE_UNSAFE', path, `its mode ${header.mode.toString(8)} has setuid, setgid or sticky`)
  }
  const kind = header.mode & ~0o7777
  if (kind !== 0 && kind !== TYPE_BITS[type]) {
    throw entryFault('ARCHIVE_UNSAFE', path, `its mode ${header.mode.toString(8)} is not that of a ${type}`)
  }
  if (type === 'directory' && header.size !== 0) {
    throw entryFault('ARCHIVE_UNSAFE', path, `it is a folder with ${header.size} bytes of content`)
  }
  return { path, type, size: header.size, executable: type === 'file' && (header.mode & 0o100) !== 0, offset }
}

const REFUSED_TYPES: Readonly<Record<string, string>> = {
  '1': 'a hard link',
  '2': 'a symbolic link',
  '3': 'a character device',
  '4': 'a block device',
  '6': 'a FIFO',
  '7': 'a contiguous file',
  D: 'a GNU directory dump',
  K: 'a long link target',
  M: 'a continuation from another volume',
  N: 'an old GNU long name',
  S: 'a sparse file',
  V: 'a volume label',
  X: 'a Sun extended header',
}

function typeOf({ type, name }: TarHeader): 'file' | 'directory' {
  if (type === '0') return 'file'
  if (type === '5') return 'directory'
  const what = REFUSED_TYPES[type] ?? `of the unknown type ${shownName(type)}`
  throw entryFault('ARCHIVE_UNSAFE', name, `it is ${what}; only regular files and folders are accepted`)
}

function pathOf(header: TarHeader, type: 'file' | 'directory', extension: Extension | null): string {
  const path =
    extension?.kind === 'pax' && extension.path !== null ? extension.path : decoded(rawName(header, extension))
  // Every writer ends the name of a folder with one slash; on a file it would make other readers see a folder.
  return type === 'directory' && path.endsWith('/') ? path.slice(0, -1) : path
}

function rawName({ name }: TarHeader, extension: Extension | null): Buffer {
  if (extension?.kind !== 'gnu') return name
  const { longName } = extension
  if (longName.compare(name, 0, name.length, 0, Math.min(name.length, longName.length)) !== 0) {
    throw entryFault('ARCHIVE_UNSAFE', name, 'its GNU long name is another name')
  }
  return longName
}

function decoded(name: Buffer): string {
  try {
    return utf8.decode(name)
  } catch {
    throw entryFault('ARCHIVE_UNSAFE', name, 'its name is not UTF-8')
  }
}

/** POSIX ends an archive with two zero blocks; after them may come more zeros, and nothing else. */
function checkEnd(tar: Buffer, at: number): void {
  const rest = tar.length - at
  if (rest < 2 * BLOCK) throw malformed('it ends with one end block; expected two')
  if (rest > PADDING_MAX) throw tooLarge(`it ends with ${rest} zero bytes; the bound is ${PADDING_MAX}`)
  if (!tar.subarray(at).equals(Buffer.alloc(rest))) throw malformed('it holds data after its end')
}

/** DESIGN §2: an npm-packed tarball works; signed paths are without its folder, and only if all entries are below it. */
function withoutNpmFolder(entries: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  const isNpm = entries.every(
    ({ path, type }) => path.startsWith(`${NPM_FOLDER}/`) || (path === NPM_FOLDER && type === 'directory'),
  )
  if (!isNpm) return entries
  return entries.flatMap((entry) =>
    entry.path === NPM_FOLDER ? [] : [{ ...entry, path: entry.path.slice(NPM_FOLDER.length + 1) }],
  )
}

function withManifest(entries: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  const manifest = entries.find(({ path }) => path === MANIFEST_FILE)
  if (manifest === undefined) throw malformed(`it holds no ${MANIFEST_FILE} at its root`)
  if (manifest.type !== 'file') throw entryFault('ARCHIVE_MALFORMED', MANIFEST_FILE, 'it is a folder')
  if (manifest.size > MANIFEST_MAX_BYTES) {
    const rule = `it is ${manifest.size} bytes; the bound is ${MANIFEST_MAX_BYTES}`
    throw entryFault('ARCHIVE_TOO_LARGE', MANIFEST_FILE, rule)
  }
  return entries
}
