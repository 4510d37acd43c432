import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isFailure } from '../core/disk-failure.ts'
import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import type { StepUndo } from '../core/step.ts'
import type { InstallReport } from './admission.ts'
import { change } from './change.ts'
import { freshen } from './freshening.ts'
import type { Host } from './host.ts'
import type { Placed } from './placing.ts'
import { finishRemoval } from './recovery.ts'
import { remove } from './remove.ts'
import { rollback } from './rollback.ts'

/** What there was of a plugin before a release of it came in. */
export interface Past {
  /** The newest version that had been here. */
  readonly mark: string | null
  /** Versions that somebody had gone back from. */
  readonly left: ReadonlySet<string>
  /** Versions that could be gone back to. */
  readonly kept: readonly string[]
  /** Its own, or some that an earlier installation had left. */
  readonly hasData: boolean
  readonly hasLogs: boolean
}

/** One of several that come in together. */
export interface Came extends InstallReport {
  readonly past: Past
  readonly placed: Placed
}

/** What became of those that had come in before one of them could not. */
export interface WayBack {
  readonly undone: readonly Came[]
  readonly stays: readonly { readonly one: Came; readonly error: unknown }[]
}

export const pastOf = ({ store, layout }: Host, name: PluginName): Past => ({
  mark: store.history(name).highWater,
  left: new Set(store.releases.left(name).keys()),
  kept: store.kept(name).map(({ version }) => version),
  hasData: existsSync(layout.data(name)),
  hasLogs: existsSync(layout.logs(name)),
})

/**
 * As if they had never come in. What is needed goes back first, and what was not there before is removed last, by whoever needs
 * it. It ends whatever the signal that may have led here.
 */
export async function takeBack(host: Host, came: readonly Came[]): Promise<WayBack> {
  const besides = came.map(({ name }) => name)
  const undone: Came[] = []
  const stays: { one: Came; error: unknown }[] = []
  const isNew = ({ replaced }: Came) => replaced === null
  for (const one of [...came.filter((one) => !isNew(one)), ...came.filter(isNew).reverse()]) {
    const installed = host.store.find(one.name)
    try {
      if (installed === null || !isSame(installed, one.placed.installation)) continue
      if (one.replaced === null) await takeOut(host, installed, one, besides)
      else await putBack(host, installed, { ...one, replaced: one.replaced }, besides)
      undone.push(one)
    } catch (error) {
      stays.push({ one, error })
    }
  }
  return { undone, stays }
}

/** Else somebody else has changed it since, and meant it, in the same version too. SQLite gives the number of a row again. */
const isSame = (one: Installation, other: Installation): boolean =>
  one.id === other.id && one.installedAtMs === other.installedAtMs

/** All of them are here to stay: what was kept for the way back goes, and versions that are too many. */
export async function letStand(host: Host, came: readonly Came[]): Promise<void> {
  for (const { name, placed } of came) {
    if (placed.keptData !== null) await forgetKeptData(host, name, placed.keptData)
    const surplus = host.store.kept(name).slice(host.config.keepVersions - 1)
    await drop(host, surplus)
  }
}

/** Its publisher has no say in it: a hook of what should not be here keeps nothing here. */
async function takeOut(host: Host, installed: Installation, { past, placed }: Came, besides: readonly string[]) {
  const purge = !past.hasData && !past.hasLogs
  // A hand may have taken it away.
  const { keptData } = placed
  const kept = keptData !== null && existsSync(join(host.layout.snapshots(installed.name), keptData)) ? keptData : null
  const data = purge ? [] : dataUndo(past, kept)
  await remove(host, installed, {
    purge,
    hooks: false,
    besides,
    undo: { mark: past.mark, data },
  })
}

/** The last is done first. */
function dataUndo({ hasData }: Past, keptData: string | null): StepUndo[] {
  if (!hasData) return [{ undo: 'restore-data', from: null }]
  if (keptData === null) return []
  return [
    { undo: 'drop-snapshot', folder: keptData },
    { undo: 'restore-data', from: keptData },
  ]
}

async function putBack(
  host: Host,
  installed: Installation,
  { name, version, replaced, past }: Came & { readonly replaced: string },
  besides: readonly string[],
) {
  // What is newer than the last of its runs has seen nothing of the data, and what went on running has written to it since.
  const hasRun = host.store.runs.history(name, 1)[0]?.version === version
  const hadNoData = !past.hasData && existsSync(host.layout.data(name))
  const undo = { mark: past.mark, isLeft: past.left.has(version), hadNoData }
  await rollback(host, installed, { to: replaced, keepData: !hasRun, besides, undo })
  if (past.kept.includes(version)) return
  await drop(
    host,
    host.store.kept(name).filter((one) => one.digest === installed.digest),
  )
}

/** What could not be deleted is left to the next command, and what somebody else is at already is left to them. */
async function drop(host: Host, versions: readonly Installation[]): Promise<void> {
  for (const one of versions) {
    try {
      await finishRemoval(host, host.store.drop(one))
      await freshen(host, one.name)
    } catch (error) {
      if (!isFailure(error)) throw error
    }
  }
}

/** While nobody else works on the plugin; where somebody does, `gc` finds it. */
async function forgetKeptData(host: Host, name: PluginName, folder: string): Promise<void> {
  const { forgetSnapshot } = await import('./snapshot-folder.ts')
  try {
    await change(host, name, 'gc', {}, () => forgetSnapshot(host.layout, name, folder))
  } catch (error) {
    if (!isFailure(error)) throw error
  }
}
