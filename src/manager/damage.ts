import { lstatSync } from 'node:fs'
import { dirname } from 'node:path'
import { sha256 } from '../core/digest.ts'
import { PluginError, StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { packageOf } from '../core/layout.ts'
import type { Differences, Judged } from '../store/index.ts'
import { assertSameRelease, readBundle, reexamine } from './clearance.ts'
import { readFileList } from './file-list.ts'
import type { Host } from './host.ts'

/** What is the matter with a version that is installed or kept. */
export type Damage =
  /** Nothing. */
  | { readonly kind: 'none' }
  /** Its files are not those that were signed; what it was judged by is whole. */
  | { readonly kind: 'files'; readonly judged: Judged; readonly found: Differences }
  /** It is not there, or what it was judged by is damaged or gone: only its tarball says again what it is. */
  | { readonly kind: 'evidence'; readonly reason: PluginError }
  /** It is refused as it is, which no repair changes; or it cannot be looked at. */
  | { readonly kind: 'refused'; readonly reason: PluginError }

/** Every file is hashed, and whatever lies beside them is looked at. */
export async function damageOf(host: Host, installation: Installation): Promise<Damage> {
  const path = host.layout.release(installation.name, installation.version, installation.digest)
  const obstacle = [dirname(dirname(path)), dirname(path)].find((folder) => isThere(folder) === 'other')
  if (obstacle !== undefined) return { kind: 'refused', reason: notOurs(installation, obstacle) }
  if (isThere(path) !== 'folder') return { kind: 'evidence', reason: gone(installation) }
  const judged = await judgedIn(host, installation, path)
  if ('kind' in judged) return judged
  const found = await host.trees.recheck({ path, packageDir: packageOf(path) }, judged)
  if (found.modified.length + found.missing.length + found.extra.length > 0) return { kind: 'files', judged, found }
  return { kind: 'none' }
}

async function judgedIn(host: Host, installation: Installation, path: string): Promise<Judged | Damage> {
  try {
    const { verdict } = await reexamine(host, path, installation, { thorough: true })
    if (!verdict.ok) throw verdict.error
    assertSameRelease(installation, verdict.value)
    return { verified: verdict.value, recorded: recordedIn(path, installation) }
  } catch (reason) {
    if (!(reason instanceof PluginError)) throw reason
    return { kind: isAsInstalled(host, installation, path) ? 'refused' : 'evidence', reason }
  }
}

export const recordedIn = (path: string, installation: Pick<Installation, 'name' | 'version' | 'filesDigest'>) =>
  installation.filesDigest === null ? null : readFileList(path, installation)

/**
 * Is what it was judged by the very same as when it was installed? Then a refusal is about trust, and not about what lies here. An
 * earlier version has not kept what that was: then its refusal stands as well.
 */
function isAsInstalled(host: Host, installation: Installation, path: string): boolean {
  try {
    recordedIn(path, installation)
    if (installation.unsignedUntilMs !== null) return true
    const bundle = sha256(readBundle(path, installation))
    const { install } = host.store.verdicts.of(installation.name, installation.version)
    return install === null || install.bundle === bundle
  } catch (error) {
    if (error instanceof PluginError && error.code === 'MODIFIED') return false
    throw error
  }
}

/** Of the name itself: what a link leads to was put there by somebody else. */
function isThere(path: string): 'folder' | 'other' | null {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats === undefined ? null : stats.isDirectory() ? 'folder' : 'other'
}

const gone = ({ name, version }: Installation): StoreError =>
  new StoreError('REPAIR_FAILED', `cannot find the files of ${name} ${version}: their folder is gone`)

const notOurs = ({ name, version }: Installation, path: string): StoreError =>
  new StoreError('REPAIR_FAILED', `cannot repair ${name} ${version}: ${path} is a link, or no folder`, {
    hint: 'somebody has put it there; move it away, and repair again',
  })
