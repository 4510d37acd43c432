import type { Installation } from '../core/installation.ts'
import { takeUp } from '../runtime/index.ts'
import type { Host } from './host.ts'

/**
 * Finishes or undoes what processes that are gone left behind; every command begins with it. Cheap when there is nothing:
 * two indexed queries and one folder to list.
 */
export async function recover(host: Host): Promise<void> {
  takeUpRuns(host)
  const interrupted = host.store.interrupted()
  for (const installation of interrupted) {
    if (installation.state === 'removing') await removeTree(host, installation)
    else await undoInstall(host, installation)
  }
  if (interrupted.length > 0) await host.trees.sweepStaging()
}

/** What ended without a Node process to see it: the launcher's reports, and runs whose launcher was killed. */
export function takeUpRuns({ layout, store }: Pick<Host, 'layout' | 'store'>): void {
  const open = store.runs.open()
  const alive = new Set(open.filter((one) => one.alive).map(({ run }) => run.id))
  takeUp(
    layout.spool,
    (run) => alive.has(run),
    ({ run, outcome, endedAtMs }) => store.runs.end(run, outcome, endedAtMs),
  )
  for (const { run, alive: isAlive } of store.runs.open()) if (!isAlive) store.runs.lose(run.id)
}

/** An install that did not reach its last transaction never was: its tree goes, complete or not. */
async function undoInstall({ store, trees }: Host, installation: Installation): Promise<void> {
  if (!store.holdsRelease(installation)) await trees.remove(installation)
  store.forget(installation)
}

/**
 * The second half of a removal. A run of that release that is still going keeps its files until it ends; then some later
 * command comes here again.
 */
export async function removeTree(
  { store, trees }: Pick<Host, 'store' | 'trees'>,
  installation: Installation,
): Promise<boolean> {
  const isRunning = store.runs
    .open()
    .some(({ run, alive }) => alive && run.name === installation.name && run.version === installation.version)
  if (isRunning) return false
  if (!store.holdsRelease(installation)) await trees.remove(installation)
  store.forget(installation)
  return true
}
