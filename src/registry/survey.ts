import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ARCHIVE_BOUNDS, fileBytesOf, type StagedTarball } from '../core/archive.ts'
import { readArchive } from '../core/archive-reader.ts'
import { PluginError } from '../core/errors.ts'
import { MANIFEST_FILE, type Manifest } from '../core/manifest.ts'
import { parseManifest } from '../core/manifest-parser.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import type { IndexedRelease } from './index-file.ts'
import { DEPTH_MAX, INDEX_FOLDER, isTarballPath, ROOT_INDEX } from './paths.ts'
import { BUNDLE_SUFFIXES, fetchTarball } from './tarball.ts'

/** What is wrong with a folder that is to become a registry. */
export interface BuildFault {
  /** Relative to the folder. */
  readonly path: string
  readonly message: string
}

export interface SurveyedRelease extends Omit<IndexedRelease, 'listedAtMs' | 'yanked' | 'deprecated'> {
  readonly name: PluginName
}

export interface Survey {
  readonly releases: readonly SurveyedRelease[]
  readonly faults: readonly BuildFault[]
}

/** A look at a release beyond what the archive says; what it throws is a fault of the folder. */
export type Inspect = (tarball: StagedTarball, manifest: Manifest) => void

const TARBALLS_MAX = 200_000

/** Every tarball below a folder, read whole, with what its manifest says. Nothing is written. */
export async function surveyFolder(folder: string, inspect: Inspect): Promise<Survey> {
  const releases: SurveyedRelease[] = []
  const faults: BuildFault[] = []
  for (const path of await tarballsIn(folder, faults)) {
    try {
      releases.push(await surveyed(folder, path, inspect))
    } catch (error) {
      if (!(error instanceof PluginError)) throw error
      faults.push({ path, message: error.message })
    }
  }
  return { releases, faults }
}

/** One at a time: a tarball may be as large as memory allows one to be. */
async function surveyed(folder: string, path: string, inspect: Inspect): Promise<SurveyedRelease> {
  const tarball = await fetchTarball(join(folder, path))
  const archive = readArchive(tarball.bytes, ARCHIVE_BOUNDS)
  const entry = archive.entries.find((one) => one.path === MANIFEST_FILE)
  if (entry === undefined) throw new PluginError('MANIFEST_MISSING', `cannot find ${MANIFEST_FILE} in it`)
  const manifest = parseManifest(fileBytesOf(archive, entry))
  const bundle = await bundleOf(folder, path)
  if (tarball.bundle === null || bundle === null) {
    throw new PluginError(
      'REGISTRY_INVALID',
      `cannot list it: there is no ${path}${BUNDLE_SUFFIXES[0]}, nobody signed it`,
    )
  }
  inspect(tarball, manifest)
  const { name, version, requires, engines, platforms, description } = manifest
  return {
    name,
    version,
    tarball: path,
    bundle,
    sha256: tarball.sha256,
    bytes: tarball.bytes.length,
    description: description ?? null,
    requires,
    engines: Object.fromEntries(
      Object.entries(engines).flatMap(([key, range]) => (range === undefined ? [] : [[key, range]])),
    ),
    platforms: platforms ?? null,
  }
}

/** `fetchTarball` has read it already, and made certain that there is one alone. */
async function bundleOf(folder: string, path: string): Promise<string | null> {
  const slash = path.lastIndexOf('/')
  const names = await readdir(join(folder, path.slice(0, slash + 1)))
  const suffix = BUNDLE_SUFFIXES.find((one) => names.includes(`${path.slice(slash + 1)}${one}`))
  return suffix === undefined ? null : `${path}${suffix}`
}

/** In one order on every machine. What is hidden, and the index itself, is passed over; a link is a fault wherever it leads. */
async function tarballsIn(folder: string, faults: BuildFault[]): Promise<readonly string[]> {
  const found: string[] = []
  const walk = async (at: string, depth: number): Promise<void> => {
    const entries = await readdir(join(folder, at), { withFileTypes: true })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = at === '' ? entry.name : `${at}/${entry.name}`
      const fault = (message: string) => void faults.push({ path: printable(path, 400), message })
      if (entry.name.startsWith('.') || path === INDEX_FOLDER || path === ROOT_INDEX) continue
      if (entry.isSymbolicLink()) fault('cannot list it: it is a symbolic link')
      else if (entry.isDirectory()) {
        if (depth === DEPTH_MAX) fault(`cannot look into it: it is more than ${DEPTH_MAX} folders deep`)
        else await walk(path, depth + 1)
      } else if (!entry.isFile()) fault('cannot list it: it is not a regular file')
      else if (path.endsWith('.tgz')) {
        if (isTarballPath(path)) found.push(path)
        else
          fault('cannot list it: expected letters, digits and . _ + ~ - in its path, no leading dot, and a short one')
      }
      if (found.length > TARBALLS_MAX) {
        throw new PluginError(
          'REGISTRY_INVALID',
          `cannot use ${printable(folder, 400)}: it holds more than ${TARBALLS_MAX} tarballs`,
        )
      }
    }
  }
  await walk('', 1)
  return found
}
