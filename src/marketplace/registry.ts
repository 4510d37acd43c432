import { lstatSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { StagedTarball } from '../core/archive.ts'
import { PluginError, RegistryError, UsageError } from '../core/errors.ts'
import type { Manifest } from '../core/manifest.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import { parseRequest } from '../core/request.ts'
import {
  filesOf,
  type Mark,
  planIndex,
  ROOT_INDEX,
  readIndex,
  surveyFolder,
  withMark,
  writeIndex,
} from '../registry/index.ts'
import { readSignatureLines, withFileLock } from '../verify/index.ts'

export interface NamedRelease {
  readonly name: PluginName
  readonly version: string
}

export interface RegistryReport {
  readonly folder: string
  readonly plugins: number
  readonly releases: number
  readonly added: readonly NamedRelease[]
  /** Taken off the list, since their tarballs are gone. */
  readonly removed: readonly NamedRelease[]
  /** Files of the index that were written or taken away. */
  readonly written: number
}

export interface BuildOptions {
  /** Takes off the list what has no tarball any more; without it that is a fault. */
  readonly prune?: boolean | undefined
}

/**
 * Makes a folder of tarballs and their bundles a registry.
 * @throws RegistryError `REGISTRY_INVALID`, listing every fault: then nothing was written
 */
export async function buildRegistry(dir: string, options: BuildOptions, now: () => Date): Promise<RegistryReport> {
  return locked(dir, async (folder, stillHeld) => {
    const before = readIndex(folder)
    const survey = await surveyFolder(folder, assertSigned)
    const plan = await planIndex(folder, survey, before, { ...options, now: now() })
    const { written } = writeIndex(folder, plan.files, plan.gone, stillHeld)
    const { listing, added, removed } = plan
    return { folder, plugins: listing.size, releases: survey.releases.length, added, removed, written }
  })
}

/** Says of one listed release that nobody should choose it any more, or what its users shall be told. */
export async function markRelease(dir: string, request: string, mark: Mark): Promise<NamedRelease> {
  const { name, range: version } = await parseRequest(request)
  if (version === null) {
    throw new UsageError('USAGE', `cannot mark ${name}: expected one version, as ${name}@1.2.3`)
  }
  return locked(dir, async (folder, stillHeld) => {
    const { files } = await filesOf(folder, withMark(readIndex(folder), name, version, mark))
    writeIndex(folder, files, [], stillHeld)
    return { name, version }
  })
}

/** Hosts would refuse a bundle of another tarball; so is its folder. Whether the signatures are good is for them to say. */
function assertSigned({ bundle, sha256, sha512 }: StagedTarball, { name, version }: Manifest): void {
  for (const { signer, says } of bundle === null ? [] : readSignatureLines(bundle)) {
    if (says.kind === 'other') continue
    const about = says.kind === 'release' ? says.statement : says.subject
    if (about.name === name && about.version === version && about.sha256 === sha256 && about.sha512 === sha512) continue
    throw new RegistryError(
      'REGISTRY_INVALID',
      `cannot list it: its bundle is about ${about.name} ${about.version} (sha256:${about.sha256}), signed by ${signer}, ` +
        `and it is ${name} ${version} (sha256:${sha256})`,
    )
  }
}

/** Two builds of one folder at once: the second waits for a while, and is then told who is at work. */
async function locked<T>(dir: string, work: (folder: string, stillHeld: () => boolean) => Promise<T>): Promise<T> {
  const folder = resolve(dir)
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new RegistryError('REGISTRY_INVALID', `cannot use ${printable(folder, 400)}: it is not a folder`)
  }
  try {
    return await withFileLock(join(folder, ROOT_INDEX), (stillHeld) => work(folder, stillHeld))
  } catch (error) {
    if (error instanceof PluginError) throw error
    throw new PluginError(
      'DISK_FAILED',
      `cannot make the index of ${printable(folder, 400)}: ${(error as Error).message}`,
      {
        cause: error,
      },
    )
  }
}
