import { statSync } from 'node:fs'
import { join } from 'node:path'
import { StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import type { StepUndo } from '../core/step.ts'
import { takeSnapshot } from '../runtime/data/snapshot.ts'
import type { Steps } from './change.ts'
import type { Host } from './host.ts'
import { isAnyRunning } from './recovery.ts'

/** `/data` as it was before a change. */
export interface DataGuard {
  /** Below the plugin's snapshots; `null`: there was no data. */
  readonly snapshot: { readonly folder: string; readonly bytes: number } | null
  /** What is to be cleared up when the change has come true. */
  readonly leftovers: readonly StepUndo[]
}

export interface Guarded {
  readonly name: PluginName
  /** What gives way; its data is kept with it. */
  readonly before: Installation | null
  /** Something works on the data before the change is true: then nothing of the plugin may run, or start. */
  readonly isTouched: boolean
}

/**
 * Keeps `/data` as the release that gives way has it, to be put back when the change is undone, or gone back on later.
 *
 * @throws StoreError `WRONG_STATE`: it runs, and could not be put back under a running program
 */
export async function guardData(host: Host, { name, before, isTouched }: Guarded, steps: Steps): Promise<DataGuard> {
  const { changes } = host.store
  if (isTouched) changes.quieten(steps.change, () => assertNoneRuns(host, name))
  const data = host.layout.data(name)
  // Without a release that gives way, and with nobody who would change it, it stays as it is.
  if (!isThere(data) || (before === null && !isTouched)) return { snapshot: null, leftovers: [] }
  const folder = before === null ? 'kept' : `${before.version}-${before.digest.slice(0, 12)}`
  const into = join(host.layout.snapshots(name), folder)
  const taken = await steps.take('keep its data', { undo: 'drop-snapshot', folder }, () =>
    takeSnapshot({ data, into, isRunning: isAnyRunning(host, name) }),
  )
  if (taken === null) return { snapshot: null, leftovers: [] }
  const leftovers: StepUndo[] = before === null ? [{ undo: 'drop-snapshot', folder }] : []
  return { snapshot: { folder, bytes: taken.bytes }, leftovers }
}

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined

function assertNoneRuns(host: Host, name: PluginName): void {
  if (!isAnyRunning(host, name)) return
  throw new StoreError('WRONG_STATE', `cannot change ${name}: it runs, and its data is to be worked on`, {
    hint: `plugins stop ${name} first, or give --restart`,
  })
}
