import type { Sha256, Sha512 } from './digest.ts'

/** A tarball as it was read, once, into memory that nobody else can write; everything later uses these bytes. */
export interface StagedTarball {
  /** What the user named, for messages only. */
  readonly source: string
  readonly bytes: Buffer
  readonly sha256: Sha256
  readonly sha512: Sha512
  /** Raw bytes of the bundle that came with it, or `null`: then it is unsigned. */
  readonly bundle: Buffer | null
}

export interface ArchiveEntry {
  /** Relative to the package's root, NFC, forward slashes, without the `package/` of npm. */
  readonly path: string
  readonly type: 'file' | 'directory'
  readonly size: number
  readonly executable: boolean
  /** Where its content begins in `Archive.tar`. */
  readonly offset: number
}

/** A tar archive whose every header was scanned and keeps every rule. Only `scanArchive` makes one. */
export interface Archive {
  readonly tar: Buffer
  readonly entries: readonly ArchiveEntry[]
}

/** Bounds of what is read and unpacked; the operator may lower them. */
export interface ArchiveBounds {
  readonly tarballBytes: number
  readonly unpackedBytes: number
  readonly fileBytes: number
  readonly entries: number
  readonly depth: number
  readonly pathBytes: number
  readonly segmentBytes: number
}

export const ARCHIVE_BOUNDS: ArchiveBounds = {
  tarballBytes: 256 * 2 ** 20,
  unpackedBytes: 2 ** 30,
  fileBytes: 512 * 2 ** 20,
  entries: 50_000,
  depth: 32,
  pathBytes: 1024,
  segmentBytes: 255,
}

export function fileBytesOf(archive: Archive, entry: ArchiveEntry): Buffer {
  return archive.tar.subarray(entry.offset, entry.offset + entry.size)
}
