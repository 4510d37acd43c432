import { type Dirent, lstatSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Sha256 } from '../core/digest.ts'
import type { InstallationState } from '../core/installation.ts'
import type { Layout } from '../core/layout.ts'
import { isPluginName, type PluginName, SEMVER } from '../core/name.ts'
import { type Db, read } from './database.ts'
import { DiskUse } from './disk-use.ts'
import { isAlive } from './holder.ts'
import { isAwaited } from './snapshots.ts'

/** Something on the disk that no row speaks of. */
export interface Stray {
  readonly path: string
  /** What would be free if this alone was gone. */
  readonly bytes: number
}

export interface StrayOf extends Stray {
  readonly name: PluginName
}

export interface StrayData extends StrayOf {
  /** `kept` by a removal; left behind by a `purge`; or of a plugin that this host has never heard of. */
  readonly fate: 'kept' | 'purged' | 'unknown'
}

/** What is on the disk and what the database says, compared both ways. */
export interface Inventory {
  readonly releasesWithoutRow: readonly (StrayOf & { readonly version: string })[]
  readonly rowsWithoutRelease: readonly {
    readonly name: PluginName
    readonly version: string
    readonly state: InstallationState
    /** Where it should be. */
    readonly path: string
  }[]
  readonly dataWithoutPlugin: readonly StrayData[]
  readonly logsWithoutPlugin: readonly StrayData[]
  readonly snapshotsWithoutRow: readonly StrayOf[]
  readonly snapshotRowsWithoutFolder: readonly {
    readonly id: number
    readonly name: PluginName
    readonly path: string
  }[]
  /** Plugins that have a user id and nothing that could belong to it. */
  readonly leakedUids: readonly { readonly name: PluginName; readonly uid: number }[]
  /** What killed processes left in staging. */
  readonly staging: readonly Stray[]
  /** Beginnings of tarballs that nobody has gone on with for a day. */
  readonly downloads: readonly Stray[]
  /** Whatever has no name of ours. Left alone. */
  readonly foreign: readonly string[]
}

export interface InventoryOptions {
  readonly layout: Layout
  readonly nowMs: number
  /** Left out: somebody is at work on it. */
  readonly isBusy: (name: PluginName) => boolean
  /** One plugin alone, and nothing that belongs to none. */
  readonly only?: PluginName | undefined
  /** Names below `staging/` that somebody is still to come back to. */
  readonly staged?: ReadonlySet<string> | undefined
}

const DOWNLOAD_MAX_MS = 24 * 3_600_000

/** Names are judged by their form alone, and nothing is entered that is not a folder of ours. */
export function takeInventory(db: Db, options: InventoryOptions): Inventory {
  const { layout, nowMs, staged = new Set(), only } = options
  const isBusy = (name: PluginName) => (only !== undefined && name !== only) || options.isBusy(name)
  const foreign: string[] = []
  const pluginsIn = (top: string) => pluginFolders(top, foreign).filter(({ name }) => !isBusy(name))
  // The disk first: a row is there before its release is, and as long as that is.
  const releases = pluginsIn(layout.plugins).flatMap(({ name, path }) =>
    releasesIn(path, foreign).map((release) => ({ name, ...release })),
  )
  const snapshots = pluginsIn(layout.allSnapshots).flatMap(({ name, path }) =>
    foldersIn(path, foreign)
      .filter((folder) => !isAwaited(basename(folder)))
      .map((folder) => ({ name, path: folder })),
  )
  const [data, logs] = [pluginsIn(layout.allData), pluginsIn(layout.allLogs)]
  const rows = rowsOf(db)
  const known = new Set([
    ...rows.installations.map((row) => layout.release(row.name, row.version, row.sha256)),
    ...rows.snapshots.map(({ name, folder }) => join(layout.snapshots(name), folder)),
  ])
  const withRows = new Set(rows.installations.map(({ name }) => name))
  const uids = new Map(rows.plugins.map(({ name, uid }) => [name, uid]))
  const strays = <T extends { readonly path: string }>(found: readonly T[]): (T & Stray)[] =>
    found.filter(({ path }) => !known.has(path)).map((one) => ({ ...one, ...stray(one.path) }))
  const withoutPlugin = (found: readonly { name: PluginName; path: string }[]): StrayData[] =>
    strays(found.filter(({ name }) => !withRows.has(name))).map((one) => ({
      ...one,
      fate: fateOf(uids.get(one.name)),
    }))
  return {
    releasesWithoutRow: strays(releases),
    rowsWithoutRelease: rows.installations
      .filter(({ name, state }) => SETTLED.has(state) && !isBusy(name))
      .map(({ name, version, state, sha256 }) => ({
        name,
        version,
        state,
        path: layout.release(name, version, sha256),
      }))
      .filter(({ path }) => isMissing(path)),
    dataWithoutPlugin: withoutPlugin(data),
    logsWithoutPlugin: withoutPlugin(logs),
    snapshotsWithoutRow: strays(snapshots),
    snapshotRowsWithoutFolder: rows.snapshots
      .map(({ id, name, folder }) => ({ id, name, path: join(layout.snapshots(name), folder) }))
      .filter(({ name, path }) => !isBusy(name) && isMissing(path)),
    leakedUids: rows.plugins.flatMap(({ name, uid, isRunning }) => {
      if (uid === null || isRunning === 1 || withRows.has(name) || isBusy(name)) return []
      // Logs are not its user's, but that it has none any more is what says that they may go.
      const folders = [layout.data(name), layout.snapshots(name), layout.logs(name)]
      return folders.every((folder) => namesIn(folder).length === 0) ? [{ name, uid }] : []
    }),
    staging: (only === undefined ? namesIn(layout.staging) : [])
      .filter(({ name }) => !staged.has(name) && !isAlive(name.split('~')[0] ?? ''))
      .map(({ name }) => stray(join(layout.staging, name))),
    downloads: filesOlderThan(join(layout.cache, 'downloads'), nowMs - DOWNLOAD_MAX_MS).map(stray),
    foreign: foreign.sort(),
  }
}

const fateOf = (uid: number | null | undefined): StrayData['fate'] =>
  uid === undefined ? 'unknown' : uid === null ? 'purged' : 'kept'

const isMissing = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true

/** States whose release is there as a whole. */
const SETTLED: ReadonlySet<InstallationState> = new Set(['installed', 'disabled', 'quarantined', 'kept'])

const stray = (path: string): Stray => ({ path, bytes: new DiskUse().add(path).freeable })

interface Rows {
  readonly installations: readonly {
    readonly name: PluginName
    readonly version: string
    readonly sha256: Sha256
    readonly state: InstallationState
  }[]
  readonly snapshots: readonly { readonly id: number; readonly name: PluginName; readonly folder: string }[]
  readonly plugins: readonly { readonly name: PluginName; readonly uid: number | null; readonly isRunning: number }[]
}

/** In one transaction: what is compared is one moment's. */
function rowsOf(db: Db): Rows {
  const all = <T>(sql: string) => db.prepare<[], T>(sql).all()
  return read(db, () =>
    db.transaction(() => ({
      installations: all<Rows['installations'][number]>(
        `SELECT p.name, r.version, r.sha256, i.state FROM installations i
         JOIN plugins p ON p.id = i.plugin_id JOIN releases r ON r.id = i.release_id ORDER BY p.name, i.id`,
      ),
      snapshots: all<Rows['snapshots'][number]>(
        'SELECT s.id, p.name, s.folder FROM snapshots s JOIN plugins p ON p.id = s.plugin_id ORDER BY s.id',
      ),
      plugins: all<Rows['plugins'][number]>(
        `SELECT name, uid, EXISTS (SELECT 1 FROM runs WHERE plugin_id = plugins.id AND ended_at_ms IS NULL) AS isRunning
         FROM plugins ORDER BY name`,
      ),
    }))(),
  )
}

/** `NAMESPACE/NAME` folders below one of ours. Whatever else is there is foreign. */
function pluginFolders(top: string, foreign: string[]): { name: PluginName; path: string }[] {
  return foldersIn(top, foreign).flatMap((namespace) =>
    foldersIn(namespace, foreign).flatMap((path) => {
      const name = `${basename(namespace)}/${basename(path)}`
      if (isPluginName(name)) return [{ name, path }]
      foreign.push(path)
      return []
    }),
  )
}

const RELEASE = /^(?<version>.+)-[0-9a-f]{12}$/

function releasesIn(folder: string, foreign: string[]): { version: string; path: string }[] {
  return foldersIn(folder, foreign).flatMap((path) => {
    const version = RELEASE.exec(basename(path))?.groups?.version
    if (version !== undefined && SEMVER.test(version)) return [{ version, path }]
    foreign.push(path)
    return []
  })
}

/** Folders in a folder; a link in the place of one is foreign, and nobody follows it. */
function foldersIn(folder: string, foreign: string[]): string[] {
  return namesIn(folder).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return [path]
    foreign.push(path)
    return []
  })
}

function filesOlderThan(folder: string, beforeMs: number): string[] {
  return namesIn(folder).flatMap((entry) => {
    const path = join(folder, entry.name)
    const stats = entry.isFile() ? lstatSync(path, { throwIfNoEntry: false }) : undefined
    return stats !== undefined && stats.mtimeMs < beforeMs ? [path] : []
  })
}

/** In order. A link in the place of the folder itself is not followed: then there is nothing of ours. */
function namesIn(folder: string): Dirent[] {
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return []
  return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
}
