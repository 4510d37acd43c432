import { statSync } from 'node:fs'
import { join } from 'node:path'
import { StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import type { StepUndo } from '../core/step.ts'
import { takeSnapshot } from '../runtime/data/snapshot.ts'
import { looseFolder } from '../store/index.ts'
import type { ChangeOptions, Steps } from './change.ts'
import type { Host } from './host.ts'
import { isAnyRunning } from './recovery.ts'
import { endRuns } from './restarting.ts'

/** `/data` as it was before a change. */
export interface DataGuard {
  /** Below the plugin's snapshots; `null`: there was no data. */
  readonly snapshot: { readonly folder: string; readonly bytes: number } | null
  /** What is to be cleared up when the change has come true. */
  readonly leftovers: readonly StepUndo[]
  /** How many runs were ended for it. */
  readonly ended: number
}

/** Whoever starts it again at once may be faster than we are, a few times. */
const ENDINGS_MAX = 5

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
export async function guardData(
  host: Host,
  { name, before, isTouched }: Guarded,
  steps: Steps,
  { restart }: ChangeOptions = {},
): Promise<DataGuard> {
  let ended = 0
  for (let left = restart === true ? ENDINGS_MAX : 0; ; left--) {
    if (left > 0 && isAnyRunning(host, name)) ended += await endRuns(host, name)
    if (!isTouched || isQuiet(host, name, steps, left > 0)) break
  }
  const data = host.layout.data(name)
  // Without a release that gives way, and with nobody who would change it, it stays as it is.
  if (!isThere(data) || (before === null && !isTouched)) return { snapshot: null, leftovers: [], ended }
  const folder = before === null ? looseFolder() : `${before.version}-${before.digest.slice(0, 12)}`
  const into = join(host.layout.snapshots(name), folder)
  const taken = await steps.take('keep its data', { undo: 'drop-snapshot', folder }, () =>
    takeSnapshot({ data, into, isRunning: isAnyRunning(host, name) }),
  )
  if (taken === null) return { snapshot: null, leftovers: [], ended }
  const leftovers: StepUndo[] = before === null ? [{ undo: 'drop-snapshot', folder }] : []
  return { snapshot: { folder, bytes: taken.bytes }, leftovers, ended }
}

/** From here on nothing of it starts. `mayFail`: that something runs is told, and not thrown. */
function isQuiet(host: Host, name: PluginName, { change }: Steps, mayFail: boolean): boolean {
  try {
    host.store.changes.quieten(change, () => assertNoneRuns(host, name))
    return true
  } catch (error) {
    if (mayFail && error instanceof StoreError && isAnyRunning(host, name)) return false
    throw error
  }
}

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined

function assertNoneRuns(host: Host, name: PluginName): void {
  if (!isAnyRunning(host, name)) return
  throw new StoreError('WRONG_STATE', `cannot change ${name}: it runs, and its data is to be worked on`, {
    hint: `plugins stop ${name} first; update and rollback do it with --restart`,
  })
}
