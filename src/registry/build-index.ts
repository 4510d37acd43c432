import { RegistryError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import { latestFor } from '../core/release-choice.ts'
import {
  formatPluginFile,
  formatRootFile,
  type IndexedRelease,
  PLUGIN_MAX_BYTES,
  PLUGINS_MAX,
  parsePluginFile,
  parseRootFile,
  ROOT_MAX_BYTES,
} from './index-file.ts'
import type { Listing } from './index-folder.ts'
import { pluginIndex, ROOT_INDEX } from './paths.ts'
import type { ListedPlugin } from './registry.ts'
import type { BuildFault, Survey, SurveyedRelease } from './survey.ts'

/** What an index is to be: all of its files, and what is not to be among them any more. */
export interface IndexPlan {
  readonly listing: Listing
  readonly files: ReadonlyMap<string, Buffer>
  readonly gone: readonly PluginName[]
  readonly added: readonly { readonly name: PluginName; readonly version: string }[]
  readonly removed: readonly { readonly name: PluginName; readonly version: string }[]
}

export interface PlanOptions {
  readonly now: Date
  /** What was listed and has no tarball any more is taken off the list; without it, that is a fault. */
  readonly prune?: boolean | undefined
}

/**
 * The index of what was found in a folder, after the one that is there: what was listed keeps its date and its marks, and never
 * gets other bytes under its version.
 * @throws RegistryError `REGISTRY_INVALID`, listing every fault
 */
export async function planIndex(
  folder: string,
  survey: Survey,
  before: Listing,
  options: PlanOptions,
): Promise<IndexPlan> {
  const faults = [...survey.faults, ...twice(survey.releases), ...changed(survey.releases, before)]
  const found = new Map<string, SurveyedRelease>(survey.releases.map((one) => [keyOf(one.name, one.version), one]))
  const removed = [...before].flatMap(([name, releases]) =>
    releases.filter(({ version }) => !found.has(keyOf(name, version))).map((one) => ({ name, ...one })),
  )
  // A file that does not read need not be a tarball that is gone.
  if (options.prune !== true && survey.faults.length === 0) {
    for (const { name, version, tarball } of removed)
      faults.push({
        path: tarball,
        message: `cannot find it, and ${name} ${version} is listed: --prune takes it off the list`,
      })
  }
  if (faults.length > 0) throw refused(folder, faults)
  const listedAtMs = Math.floor(options.now.getTime() / 1000) * 1000
  const listing = new Map<PluginName, IndexedRelease[]>()
  const added: { name: PluginName; version: string }[] = []
  for (const { name, ...release } of survey.releases) {
    const known = before.get(name)?.find(({ version }) => version === release.version)
    if (known === undefined) added.push({ name, version: release.version })
    const { yanked = null, deprecated = null } = known ?? {}
    const entry = { ...release, listedAtMs: known === undefined ? listedAtMs : known.listedAtMs, yanked, deprecated }
    listing.set(name, [...(listing.get(name) ?? []), entry])
  }
  const { files, listing: sorted } = await filesOf(folder, listing)
  const gone = [...before.keys()].filter((name) => !listing.has(name))
  return { listing: sorted, files, gone, added, removed: removed.map(({ name, version }) => ({ name, version })) }
}

/** The files of a listing, which our own parser accepts. */
export async function filesOf(
  folder: string,
  listing: Listing,
): Promise<{ readonly files: Map<string, Buffer>; readonly listing: Listing }> {
  const { compareBuild } = (await import('semver')).default
  const files = new Map<string, Buffer>()
  const sorted = new Map<PluginName, readonly IndexedRelease[]>()
  const plugins: ListedPlugin[] = []
  const faults: BuildFault[] = []
  for (const [name, unsorted] of [...listing].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const releases = [...unsorted].sort((a, b) => compareBuild(a.version, b.version))
    const bytes = formatPluginFile(name, releases)
    if (bytes.length > PLUGIN_MAX_BYTES)
      faults.push({
        path: pluginIndex(name),
        message: `cannot write it: ${bytes.length} bytes, more than ${PLUGIN_MAX_BYTES}`,
      })
    else parsePluginFile(bytes, name, pluginIndex(name))
    files.set(pluginIndex(name), bytes)
    sorted.set(name, releases)
    // Only what anybody should choose is found by a search.
    const newest = (await latestFor(releases, null)) ?? (await latestFor(releases, null, { includePrerelease: true }))
    if (newest !== null) plugins.push({ name, version: newest.version, description: newest.description })
  }
  const root = formatRootFile(plugins)
  if (root.length > ROOT_MAX_BYTES || plugins.length > PLUGINS_MAX)
    faults.push({
      path: ROOT_INDEX,
      message: `cannot write it: ${plugins.length} plugins in ${root.length} bytes are too many`,
    })
  if (faults.length > 0) throw refused(folder, faults)
  parseRootFile(root, ROOT_INDEX)
  files.set(ROOT_INDEX, root)
  return { files, listing: sorted }
}

const keyOf = (name: PluginName, version: string): string => `${name}@${version}`

function twice(releases: readonly SurveyedRelease[]): BuildFault[] {
  const first = new Map<string, string>()
  return releases.flatMap(({ name, version, tarball }) => {
    const other = first.get(keyOf(name, version))
    if (other === undefined) {
      first.set(keyOf(name, version), tarball)
      return []
    }
    return [{ path: tarball, message: `cannot list it: ${name} ${version} is in ${other} too` }]
  })
}

function changed(releases: readonly SurveyedRelease[], before: Listing): BuildFault[] {
  return releases.flatMap(({ name, version, sha256, tarball }) => {
    const known = before.get(name)?.find((one) => one.version === version)
    if (known === undefined || known.sha256 === sha256) return []
    return [
      {
        path: tarball,
        message: `cannot list it: ${name} ${version} is listed with other bytes (sha256:${known.sha256}); a version never changes`,
      },
    ]
  })
}

const FAULTS_SHOWN = 50

function refused(folder: string, faults: readonly BuildFault[]): RegistryError {
  const lines = faults.slice(0, FAULTS_SHOWN).map(({ path, message }) => `${printable(path, 400)}: ${message}`)
  const more = faults.length > FAULTS_SHOWN ? `; and ${faults.length - FAULTS_SHOWN} more` : ''
  return new RegistryError(
    'REGISTRY_INVALID',
    `cannot make the index of ${printable(folder, 400)}: ${lines.join('; ')}${more}`,
    { hint: 'nothing was written', details: { faults } },
  )
}
