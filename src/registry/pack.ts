import { ARCHIVE_BOUNDS, type ArchiveBounds } from '../core/archive.ts'
import { comparePaths } from '../core/archive-path.ts'
import { readArchive } from '../core/archive-reader.ts'
import { type Sha256, type Sha512, sha256, sha512 } from '../core/digest.ts'
import { ArchiveError, ManifestError, PluginError } from '../core/errors.ts'
import { hookProgramsOf, MANIFEST_FILE, type Manifest } from '../core/manifest.ts'
import { parseManifest } from '../core/manifest-parser.ts'
import type { PluginName } from '../core/name.ts'
import type { SignedFile } from '../core/statement.ts'
import { readFolder, unpackable } from './folder.ts'
import { gzip } from './gzip.ts'
import { type TarFile, writeTar } from './tar-writer.ts'

export interface PackOptions {
  readonly bounds?: ArchiveBounds
}

/** A package as it will be signed and published. */
export interface Packed {
  readonly name: PluginName
  readonly version: string
  readonly bytes: Buffer
  readonly sha256: Sha256
  readonly sha512: Sha512
  /** What the publisher signs: sorted by path, in byte order. */
  readonly files: readonly SignedFile[]
  readonly manifest: Manifest
  /** Paths that are in the folder and not in the package; folders end with a slash if they were empty. */
  readonly leftOut: readonly string[]
}

/**
 * Makes the tarball of a plugin's folder. The same files give the same bytes on every machine, whatever its clock, its
 * users, its umask or its zlib. What comes out is read back by the reader that will judge it at every install.
 */
export async function packFolder(dir: string, { bounds = ARCHIVE_BOUNDS }: PackOptions = {}): Promise<Packed> {
  const folder = await readFolder(dir, bounds)
  const manifest = manifestOf(folder.files, dir)
  const isOwn = ownTarball(manifest.name)
  const files = folder.files.filter(({ path }) => !isOwn(path))
  const leftOut = [...folder.leftOut, ...folder.files.map(({ path }) => path).filter(isOwn)].sort(comparePaths)
  checkPrograms(manifest, files)
  for (const { path, bytes } of files) if (isSecretKey(bytes)) throw unpackable(path, 'it is a secret key')
  const bytes = gzip(writeTar(files))
  if (bytes.length > bounds.tarballBytes) {
    throw new PluginError(
      'PACKAGE_INVALID',
      `cannot pack ${dir}: the tarball is ${bytes.length} bytes; the bound is ${bounds.tarballBytes}`,
    )
  }
  readBack(bytes, files, bounds, dir)
  return {
    name: manifest.name,
    version: manifest.version,
    bytes,
    sha256: sha256(bytes),
    sha512: sha512(bytes),
    files: files.map((file) => ({
      path: file.path,
      size: file.bytes.length,
      executable: file.executable,
      sha256: sha256(file.bytes),
    })),
    manifest,
    leftOut,
  }
}

function manifestOf(files: readonly TarFile[], dir: string): Manifest {
  const file = files.find(({ path }) => path === MANIFEST_FILE)
  if (file === undefined) {
    throw new ManifestError('MANIFEST_MISSING', `cannot pack ${dir}: it has no ${MANIFEST_FILE}`, {
      hint: 'plugins init makes a folder that has one',
    })
  }
  return parseManifest(file.bytes)
}

/** What an earlier `pack` and `sign` left in the folder: else each package would hold all those before it. */
function ownTarball(name: PluginName): (path: string) => boolean {
  const start = `${name.replace('/', '-')}-`
  return (path) => path.startsWith(start) && /^\d[^/]*\.tgz(?:\.sigstore\.jsonl?)?$/.test(path.slice(start.length))
}

/** `keygen` writes where the author works, and that may be here. */
function isSecretKey(bytes: Buffer): boolean {
  return /^\s*\{\s*"type"\s*:\s*"bulkhead-secret-key"/.test(bytes.toString('latin1', 0, 200))
}

/** A manifest that names a program which is not there would be found out on somebody else's machine. */
function checkPrograms(manifest: Manifest, files: readonly TarFile[]): void {
  for (const { key, runtime, path } of [{ key: 'entry.path', ...manifest.entry }, ...hookProgramsOf(manifest)]) {
    const program = files.find((file) => file.path === path)
    if (program === undefined) throw unpackable(path, `${key} names it, and it is not in the folder`)
    if (runtime !== 'exec' || program.executable) continue
    throw new PluginError('PACKAGE_INVALID', `cannot pack "${path}": ${key} names it, and it is not executable`, {
      hint: `chmod +x ${path}`,
    })
  }
}

function readBack(bytes: Buffer, files: readonly TarFile[], bounds: ArchiveBounds, dir: string): void {
  try {
    const { entries } = readArchive(bytes, bounds)
    const isSame =
      entries.length === files.length &&
      entries.every(({ path, size, executable }, at) => {
        const file = files[at]
        return file?.path === path && file.bytes.length === size && file.executable === executable
      })
    if (!isSame) throw new PluginError('INTERNAL', `cannot pack ${dir}: the tarball does not hold what was put in`)
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error
    // The author needs to hear about the folder; the reader speaks of the archive.
    const rule = error.message.replace(/^cannot (?:read the archive|accept archive entry) ?:? ?/, '')
    throw new PluginError('PACKAGE_INVALID', `cannot pack ${dir}: ${rule}`, { cause: error, details: error.details })
  }
}
