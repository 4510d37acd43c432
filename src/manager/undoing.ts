import { basename, join } from 'node:path'
import { asDiskFailed } from '../core/disk-failure.ts'
import { PluginError, StoreError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import { titleOfChange } from '../core/recovered.ts'
import type { OpenChange, StepUndo } from '../core/step.ts'
import type { Host } from './host.ts'

/**
 * Takes a change back by what was written down, the last step first. Safe to do again from wherever it was left. The row
 * goes last: as long as it is there, somebody will come for the rest.
 *
 * @throws PluginError `DISK_FAILED`, `STORE_BUSY`, `STORE_UNREADABLE`: what is left is still written down
 */
export async function undoChange(host: Pick<Host, 'store' | 'trees' | 'layout'>, change: OpenChange): Promise<void> {
  const { changes } = host.store
  const name = change.name as PluginName
  const steps = changes.steps(change)
  // A change that has come true, with nothing to clear up, has no row any more.
  for (const { position, undo } of steps) {
    // Somebody may have taken this process for dead. Then the steps are theirs, and a tree may be another's by now.
    changes.assertHeld(change)
    try {
      await undoStep(host, name, undo)
    } catch (error) {
      throw asDiskFailed(`undo the ${titleOfChange(change)}`, error)
    }
    changes.strike(change, position)
  }
  changes.end(change)
}

/** Into the trail: what has become of a change that a process left behind. */
export function noteRecovered({ store }: Pick<Host, 'store'>, { name, kind, isCommitted, startedAtMs }: OpenChange) {
  const outcome = isCommitted ? 'finished' : 'undone'
  store.note(outcome, name, { change: kind, startedAtMs })
  return outcome
}

/** Why a change that had come true was not cleared up by whoever made it; `null`: it was interrupted. */
export function whyLeft({ store }: Pick<Host, 'store'>, { name, startedAtMs }: OpenChange): string | null {
  const details = store.events.latest(name, ['left'])?.details
  return details?.startedAtMs === startedAtMs && typeof details.reason === 'string' ? details.reason : null
}

/** To whichever command comes next. Where not even that can be written down, others find it once this process has ended. */
export function leave({ store }: Pick<Host, 'store'>, change: OpenChange): void {
  try {
    store.changes.abandon(change)
  } catch (error) {
    if (!(error instanceof PluginError)) throw error
  }
}

async function undoStep(
  { store, trees, layout }: Pick<Host, 'store' | 'trees' | 'layout'>,
  name: PluginName,
  undo: StepUndo,
): Promise<void> {
  switch (undo.undo) {
    case 'forget': {
      const row = store.at(undo.installation)
      // The number of a row that is gone goes to the next; that one is none in the making of this plugin.
      if (row?.name === name && row.state === 'installing') store.forget(row)
      return
    }
    case 'discard':
      return trees.discard({ path: join(layout.staging, plainName(undo.folder)) })
    case 'remove-tree': {
      const release = { name, version: undo.version, digest: undo.digest }
      // Never written down for one that was there before; that a hand in the database says otherwise must not cost a tree.
      const owned = [...store.kept(name), store.find(name)].some((one) => one?.digest === undo.digest)
      return owned ? undefined : trees.remove(release)
    }
    case 'restore-data': {
      const { restoreSnapshot } = await import('../runtime/data/restore.ts')
      const from = undo.from === null ? null : join(layout.snapshots(name), plainName(undo.from))
      return restoreSnapshot({ from, data: layout.data(name) })
    }
    case 'drop-snapshot': {
      const [{ forgetSnapshot }, { thaw }] = await Promise.all([
        import('./snapshot-folder.ts'),
        import('../runtime/data/snapshot.ts'),
      ])
      // It may have ended in the middle of the copy.
      thaw(layout.data(name))
      return forgetSnapshot(layout, name, plainName(undo.folder))
    }
  }
}

/** What is undone lies where it is always put; a row that leads elsewhere was written by nobody of us. */
function plainName(folder: string): string {
  if (folder !== '' && folder !== '.' && folder !== '..' && basename(folder) === folder) return folder
  throw new StoreError('STORE_UNREADABLE', 'cannot undo a step: its row names no folder of ours')
}
