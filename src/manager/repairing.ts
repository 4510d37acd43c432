import type { StagedTarball } from '../core/archive.ts'
import type { Installation } from '../core/installation.ts'
import { fetchTarball } from '../registry/index.ts'
import { fetchListed, openCatalog } from './catalog.ts'
import type { ChangeOptions } from './change.ts'
import type { Host } from './host.ts'
import { type RepairReport, repair } from './repair.ts'

export interface RepairHostOptions extends ChangeOptions {
  /** The tarball it was installed from. */
  readonly from?: string | undefined
  /** The name of a configured registry, a folder or an address, in the place of all that are configured. */
  readonly registry?: string | undefined
  readonly dryRun?: boolean | undefined
}

/** `repair` with everything that a tarball can come from: the file that is named, and the registries. */
export async function repairHost(host: Host, name: string | null, options: RepairHostOptions): Promise<RepairReport> {
  const { from, registry, signal, onProgress, dryRun } = options
  const tarball = from === undefined ? undefined : await fetchTarball(from)
  const fetch = (installation: Installation) => fetched(host, installation, registry, { signal, onProgress })
  return repair(host, name, { from: tarball, fetch, dryRun, signal, onProgress })
}

/** The very release that was installed; `null`: it came from a file, or its registry does not list it any more. */
async function fetched(
  host: Host,
  { name, version, digest, source }: Installation,
  registry: string | undefined,
  options: ChangeOptions,
): Promise<StagedTarball | null> {
  if (source === null && registry === undefined) return null
  const catalog = await openCatalog(host, registry ?? null)
  const releases = await catalog.releases(name, options)
  const listed = releases.find((one) => one.version === version && one.sha256 === digest)
  return listed === undefined ? null : fetchListed(host, catalog, listed, options)
}
