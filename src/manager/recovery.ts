import { existsSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { asDiskFailed, isFailure } from '../core/disk-failure.ts'
import { PluginError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { logOf } from '../core/layout.ts'
import type { PluginName } from '../core/name.ts'
import type { Recovered } from '../core/recovered.ts'
import type { OpenChange } from '../core/step.ts'
import { isLeafOf, pruneLogs, removeData, removeLogs, sweepLeaf, takeUp } from '../runtime/index.ts'
import type { OpenRun } from '../store/index.ts'
import { type Host, type HostOptions, openHost } from './host.ts'
import { launcherOf } from './live.ts'

/** Opens a home, and finishes or undoes what an earlier process left behind. */
export async function openRecovered(options: HostOptions = {}): Promise<Host> {
  const host = await openHost(options)
  try {
    for (const recovered of await recover(host)) options.onRecovered?.(recovered)
    return host
  } catch (error) {
    host.store.close()
    throw error
  }
}

/**
 * Finishes or undoes what processes that are gone left behind; every command begins with it. Cheap when there is nothing:
 * three indexed queries and two folders to list.
 */
export async function recover(host: Host): Promise<Recovered[]> {
  takeUpRuns(host)
  const recovered: Recovered[] = []
  for (const found of host.store.changes.abandoned())
    recovered.push(...(await attempt(found, () => recoverChange(host, found))))
  const interrupted = host.store.interrupted()
  // Before the rows: as long as one is there, a command that is killed here too is made good by the next.
  await sweepStaging(host)
  for (const found of interrupted) {
    const kind = found.state === 'installing' ? 'install' : 'remove'
    recovered.push(...(await attempt({ name: found.name, kind }, () => recoverInstallation(host, found))))
  }
  return recovered
}

/** Cheap where nobody is at work. What cannot be deleted keeps nobody from anything; `gc` tells of it. */
async function sweepStaging({ layout, trees }: Host): Promise<void> {
  try {
    if (readdirSync(layout.staging).length > 0) await trees.sweepStaging()
  } catch (error) {
    if (!isFailure(error)) throw error
  }
}

/** What is wrong with one plugin, or with the disk, keeps nobody from all the others. */
async function attempt(
  { name, kind }: Pick<Recovered, 'name' | 'kind'>,
  work: () => Promise<Pick<Recovered, 'outcome' | 'reason'> | null>,
): Promise<Recovered[]> {
  try {
    const become = await work()
    return become === null ? [] : [{ name, kind, ...become }]
  } catch (error) {
    if (!isFailure(error)) throw error
    return [{ name, kind, outcome: 'left', reason: error.message }]
  }
}

/** `null`: somebody else was faster, or it cannot be done yet. */
async function recoverChange(host: Host, found: OpenChange): Promise<Pick<Recovered, 'outcome' | 'reason'> | null> {
  const { changes } = host.store
  if (!(await hooksHaveEnded(host, found.name as PluginName))) return null
  const change = changes.claim(found)
  if (change === null) return null
  const { leave, noteRecovered, undoChange, whyLeft } = await import('./undoing.ts')
  try {
    await undoChange(host, change)
  } catch (error) {
    leave(host, change)
    throw error
  }
  return { outcome: noteRecovered(host, change), reason: change.isCommitted ? whyLeft(host, change) : null }
}

const HOOKS_END_MS = 5_000

/** What it tried out ends with the process that started it, and takes a moment to do so. `false`: not yet. */
export async function hooksHaveEnded(host: Host, name: PluginName): Promise<boolean> {
  for (const deadline = Date.now() + HOOKS_END_MS; isAnyRunning(host, name, 'hook'); await sleep(20)) {
    if (Date.now() > deadline) return false
  }
  // How they ended is told by the change; that they did, by this.
  takeUpRuns(host)
  return true
}

async function recoverInstallation(
  host: Host,
  found: Installation,
): Promise<Pick<Recovered, 'outcome' | 'reason'> | null> {
  if (isRunning(host, found)) return null
  // Two commands may find the same row. Only one may touch the tree: once the row is gone, the tree's name may be taken
  // by the next install.
  const installation = host.store.claim(found)
  if (installation === null) return null
  await finishRemoval(host, installation)
  if (found.state === 'installing') return { outcome: 'undone', reason: null }
  // Of a plugin that is there still, it was a version too many; and what was left on purpose was not interrupted.
  const isSilent = found.holder === '' || host.store.find(found.name) !== null
  return isSilent ? null : { outcome: 'finished', reason: null }
}

/** Where not even that can be written down, it is found once this process has ended. */
function abandon({ store }: Pick<Host, 'store'>, pending: Installation): void {
  try {
    store.abandon(pending)
  } catch (error) {
    if (!(error instanceof PluginError)) throw error
  }
}

/** What ended without a Node process to see it: the launcher's reports, and runs whose launcher was killed. */
export function takeUpRuns(host: Pick<Host, 'layout' | 'store' | 'config'>): void {
  const { layout, store } = host
  let open: OpenRun[] | undefined
  // Asked for when the spool has been listed, not before: `takeUp` says why.
  const known = () => (open ??= store.runs.open())
  takeUp(
    layout.spool,
    (run) => known().some((one) => one.alive && one.run.id === run),
    ({ run, outcome, endedAtMs, watched }) => {
      store.runs.end(run, outcome, endedAtMs, watched)
      const row = known().find((one) => one.run.id === run)
      sweep(row)
      if (row !== undefined) boundLogs(host, row.run.name, run)
    },
  )
  for (const lost of known()) {
    if (lost.isOrphan()) wake(lost)
    // One whose folder came after the spool was listed may have its report in it: for the next command.
    if (lost.alive || existsSync(layout.spoolOf(lost.run.id))) continue
    if (store.runs.lose(lost.run.id)) sweep(lost)
  }
}

/** When a run has left a log, those of its plugin may be too much: the oldest go. */
export function boundLogs(
  { layout, store, config }: Pick<Host, 'layout' | 'store' | 'config'>,
  name: PluginName,
  run: string,
): void {
  const folder = layout.logs(name)
  if (!existsSync(logOf(folder, run))) return
  let live: Set<string> | undefined
  pruneLogs(folder, config.logs.pluginBytes, (one) => {
    live ??= new Set(store.runs.open().flatMap((open) => (open.alive ? [open.run.id] : [])))
    return live.has(one)
  })
}

/** It ends with its host, unless it was stopped: then it has not heard of that yet. */
function wake(orphan: OpenRun): void {
  const launcher = launcherOf(orphan)
  if (launcher === null) return
  try {
    process.kill(launcher.pid, 'SIGCONT')
  } catch {
    // It ended by itself.
  }
}

/** A host that was killed together with its launcher leaves cgroup directories; a launcher that ended by itself leaves none. */
function sweep(dead: OpenRun | undefined): void {
  if (dead === undefined || dead.alive) return
  for (const leaf of dead.place?.leaves ?? []) if (isLeafOf(leaf, dead.run.id)) sweepLeaf(leaf)
}

/**
 * The second half of a removal; and of an install that did not reach its last transaction, which never was: its tree goes,
 * complete or not. A run of a replaced release that is still going keeps its files until it ends; then some later command
 * comes here again.
 *
 * @throws PluginError `DISK_FAILED`, `STORE_BUSY`: what could not be deleted is left to the next command
 */
export async function finishRemoval(host: Pick<Host, 'store' | 'trees' | 'layout'>, one: Installation): Promise<void> {
  try {
    await finishRemovalOf(host, one)
  } catch (error) {
    abandon(host, one)
    throw asDiskFailed(`remove ${one.name} ${one.version}`, error)
  }
}

async function finishRemovalOf(
  { store, trees, layout }: Pick<Host, 'store' | 'trees' | 'layout'>,
  installation: Installation,
): Promise<void> {
  if (isRunning({ store }, installation)) return store.abandon(installation)
  const snapshot = store.snapshots.of(installation)
  if (snapshot !== null && !store.holdsRelease(installation)) {
    const { forgetSnapshot } = await import('./snapshot-folder.ts')
    await forgetSnapshot(layout, installation.name, snapshot.folder)
  }
  if (installation.isPurging) {
    removeData(layout.data(installation.name))
    removeLogs(layout.logs(installation.name))
  }
  if (!store.holdsRelease(installation)) await trees.remove(installation)
  store.forget(installation)
}

/** Does anything of the plugin run, of whatever version? `hook`: something that is run for a change. */
export const isAnyRunning = ({ store }: Pick<Host, 'store'>, name: PluginName, kind?: 'hook'): boolean =>
  store.runs.open().some(({ run, alive }) => alive && run.name === name && (kind === undefined || run.hook !== null))

const isRunning = ({ store }: Pick<Host, 'store'>, { name, version }: Installation): boolean =>
  store.runs.open().some(({ run, alive }) => alive && run.name === name && run.version === version)
