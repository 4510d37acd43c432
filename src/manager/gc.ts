import { rmSync } from 'node:fs'
import { basename } from 'node:path'
import { isFailure, isOfDisk, reasonOfDisk } from '../core/disk-failure.ts'
import { StoreError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import { dropSnapshot } from '../runtime/data/snapshot.ts'
import { removeData, removeLogs } from '../runtime/index.ts'
import { DiskUse, type Inventory } from '../store/index.ts'
import { freshen } from './freshening.ts'
import type { Host } from './host.ts'
import { finishRemoval } from './recovery.ts'

export interface GcOptions {
  /** Says what would go. */
  readonly dryRun?: boolean | undefined
}

/** One thing that is nobody's. */
export interface Collected {
  readonly what: CollectedKind
  /** `null`: of no plugin. */
  readonly name: PluginName | null
  /** A version, a user id, or the name of a file or folder. */
  readonly detail: string
  /** `null`: it is a row alone. */
  readonly path: string | null
  /** What would be free if it alone went; files that others share stay with them. */
  readonly bytes: number
}

export type CollectedKind =
  /** A release that no row speaks of. */
  | 'release'
  /** A kept version beyond `keepVersions`. */
  | 'version'
  | 'snapshot'
  | 'snapshot-row'
  | 'data'
  | 'logs'
  | 'uid'
  | 'staging'
  | 'download'

export interface GcReport {
  readonly isDryRun: boolean
  /** What went, or would. */
  readonly collected: readonly Collected[]
  /** What is free by it, all together. */
  readonly bytes: number
  /** What should have gone and is there still, and why. */
  readonly left: readonly (Collected & { readonly reason: string })[]
  /** Kept by `remove`, or of a plugin that this host has never heard of: `remove NAME --purge` deletes it. */
  readonly keptData: readonly { readonly name: PluginName; readonly path: string; readonly bytes: number }[]
  /** Installed, and not there: `plugins repair` puts it back. */
  readonly missing: readonly { readonly name: PluginName; readonly version: string }[]
  /** Paths that have no name of ours, and are left alone. */
  readonly foreign: readonly string[]
}

/**
 * Removes what is nobody's. Data goes only where its plugin was purged; what somebody is at work on is left to the next time,
 * and so is what has no name of ours.
 */
export async function collect(host: Host, { dryRun = false }: GcOptions = {}): Promise<GcReport> {
  const inventory = await inventoryOf(host)
  const found = [...strays(inventory), ...surplus(host)]
  const use = new DiskUse()
  for (const { path } of found) if (path !== null) use.add(path)
  const report = {
    isDryRun: dryRun,
    keptData: inventory.dataWithoutPlugin.filter(({ fate }) => fate !== 'purged').map(({ fate: _, ...rest }) => rest),
    missing: inventory.rowsWithoutRelease.map(({ name, version }) => ({ name, version })),
    foreign: inventory.foreign,
  }
  if (dryRun) return { ...report, collected: found, bytes: use.freeable, left: [] }
  const collected: Collected[] = []
  const left: GcReport['left'][number][] = []
  for (const [name, things] of Map.groupBy(found, (one) => one.name)) {
    for (const [one, reason] of await (name === null ? removeLoose(host, things) : removeOf(host, name, things))) {
      if (reason === null) collected.push(one)
      else left.push({ ...one, reason })
    }
  }
  // One that stays takes nothing, and is tried again the next time.
  await reasonAgainst(() => host.trees.tidy())
  const gone = new DiskUse()
  for (const { path } of left) if (path !== null) gone.add(path)
  return { ...report, collected, bytes: Math.max(0, use.freeable - gone.freeable), left }
}

/** What somebody is at work on is no stray: a change of a plugin, and the folders it will come back to. */
function inventoryOf(host: Host, only?: PluginName): Promise<Inventory> {
  const { store, layout } = host
  const open = store.changes.open().filter(({ name }) => name !== only)
  const busy = new Set<string>(open.map(({ name }) => name))
  const staged = new Set(
    open
      .flatMap((change) => store.changes.steps(change))
      .flatMap(({ undo }) => ('folder' in undo ? [undo.folder] : [])),
  )
  return store.inventory({ layout, nowMs: Date.now(), isBusy: (name) => busy.has(name), staged, only })
}

function strays(found: Inventory): Collected[] {
  const of =
    <T extends { readonly path: string; readonly bytes: number; readonly name?: PluginName }>(what: CollectedKind) =>
    (one: T): Collected => ({
      what,
      name: one.name ?? null,
      detail: basename(one.path),
      path: one.path,
      bytes: one.bytes,
    })
  const purged = <T extends { readonly fate: string }>(all: readonly T[]) => all.filter(({ fate }) => fate === 'purged')
  return [
    ...found.releasesWithoutRow.map(of('release')),
    ...found.snapshotsWithoutRow.map(of('snapshot')),
    ...found.snapshotRowsWithoutFolder.map(({ id, name }) => rowOf('snapshot-row', name, `${id}`)),
    ...purged(found.dataWithoutPlugin).map(of('data')),
    ...purged(found.logsWithoutPlugin).map(of('logs')),
    ...found.leakedUids.map(({ name, uid }) => rowOf('uid', name, `${uid}`)),
    ...found.staging.map(of('staging')),
    ...found.downloads.map(of('download')),
  ]
}

const rowOf = (what: CollectedKind, name: PluginName, detail: string): Collected => ({
  what,
  name,
  detail,
  path: null,
  bytes: 0,
})

/** Kept versions beyond those that the operator wants kept; the newest of them stay. */
function surplus({ store, layout, config }: Host): Collected[] {
  const isRunning = (name: string, version: string) =>
    store.runs.open().some(({ run, alive }) => alive && run.name === name && run.version === version)
  return store.names().flatMap((name) =>
    store
      .kept(name)
      .slice(config.keepVersions - 1)
      .filter(({ version }) => !isRunning(name, version))
      .map(({ version, digest }) => {
        const path = layout.release(name, version, digest)
        return { what: 'version' as const, name, detail: version, path, bytes: new DiskUse().add(path).freeable }
      }),
  )
}

type Fate = readonly [Collected, reason: string | null]

/** Of one plugin, while nobody else changes it; and only what is still nobody's then. */
async function removeOf(host: Host, name: PluginName, things: readonly Collected[]): Promise<Fate[]> {
  const change = begun(host, name)
  if (typeof change === 'string') return things.map((one) => [one, change])
  try {
    const now = [...strays(await inventoryOf(host, name)), ...surplus(host)]
    const isStill = (one: Collected) =>
      now.some(({ what, name, detail }) => what === one.what && name === one.name && detail === one.detail)
    const fates: Fate[] = []
    for (const one of things.filter(isStill)) fates.push([one, await reasonAgainst(() => removeOne(host, name, one))])
    const gone = fates
      .filter(([, reason]) => reason === null)
      .map(([{ what, detail, bytes }]) => ({ what, detail, bytes }))
    if (gone.length > 0) host.store.note('collected', name, { gone: gone.slice(0, NOTED), count: gone.length })
    return fates
  } finally {
    host.store.changes.end(change)
    await freshen(host, name)
  }
}

/** The trail is kept for ever. */
const NOTED = 50

/** The change, or why there can be none now. */
function begun({ store }: Host, name: PluginName) {
  try {
    return store.changes.begin(name, 'gc')
  } catch (error) {
    if (error instanceof StoreError && error.code === 'STORE_BUSY') return error.message
    throw error
  }
}

async function removeOne(host: Host, name: PluginName, { what, detail, path }: Collected): Promise<void> {
  const { store, trees } = host
  switch (what) {
    case 'version':
      for (const old of store.kept(name)) if (old.version === detail) await finishRemoval(host, store.drop(old))
      return
    case 'snapshot-row':
      return store.snapshots.forget(Number(detail))
    case 'uid':
      return store.forgetKept(name)
    case 'release':
      return trees.removeStray(path ?? '')
    case 'snapshot':
      return dropSnapshot(path ?? '')
    case 'data':
      return removeData(path ?? '')
    case 'logs':
      return removeLogs(path ?? '')
    case 'staging':
    case 'download':
      return rmSync(path ?? '', { recursive: true, force: true })
  }
}

async function removeLoose(host: Host, things: readonly Collected[]): Promise<Fate[]> {
  const fates: Fate[] = []
  for (const one of things) {
    const { path } = one
    if (path === null) continue
    fates.push([one, await reasonAgainst(() => rmSync(path, { recursive: true, force: true }))])
  }
  const gone = fates.filter(([, reason]) => reason === null)
  if (gone.length > 0)
    host.store.note('collected', 'gc', { count: gone.length, bytes: gone.reduce((sum, [{ bytes }]) => sum + bytes, 0) })
  return fates
}

/** One that cannot be removed must not keep the others. */
async function reasonAgainst(work: () => void | Promise<void>): Promise<string | null> {
  try {
    await work()
    return null
  } catch (error) {
    if (isFailure(error)) return isOfDisk(error) ? reasonOfDisk(error) : error.message
    throw error
  }
}
