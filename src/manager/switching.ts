import { join } from 'node:path'
import type { Installation } from '../core/installation.ts'
import type { StepUndo } from '../core/step.ts'
import type { NewApproval, Settled, Switch, SwitchWay } from '../store/index.ts'
import { type ChangeOptions, change, type Steps } from './change.ts'
import { assertStillTrusted } from './clearance.ts'
import type { Host } from './host.ts'
import { assertStillHere, assertStillInstalled } from './presence.ts'
import { endOthers } from './restarting.ts'
import { signedManifestOf } from './signed-manifest.ts'
import { guardData } from './snapshots.ts'
import { triable, tryOut } from './trial.ts'

/** A kept release that was found good, and is to take the place of the one that is installed. */
export interface Switching {
  readonly kept: Installation
  readonly before: Installation
  readonly way: SwitchWay
  /** Its data as it was when it was left, rather than what is there. */
  readonly restoresData: boolean
  /** Where it comes from this time, and by what range; else what was so when it was installed. */
  readonly origin?: Switch['origin']
  /** Agreed to anew; else what it was agreed to be allowed before. */
  readonly approval?: NewApproval | undefined
  readonly assertFits?: Settled['assertFits']
  readonly mark?: Switch['mark']
  readonly isLeft?: Switch['isLeft']
  /** There was no data when it was left, and there is by now: what is put back is that there is none. */
  readonly hadNoData?: boolean | undefined
}

/** What became of `/data`. */
export type DataFate = 'restored' | 'as-it-is'

/**
 * The kept tree is there; so this is: the data of the one that goes is kept, the data of the one that comes is put back, it
 * shows that it works, and one transaction.
 */
export async function switchOver(
  host: Host,
  switching: Switching,
  options: ChangeOptions,
): Promise<{ readonly installation: Installation; readonly data: DataFate; readonly ended: number }> {
  const { kept, way } = switching
  const done = await change(host, kept.name, way === 'forth' ? 'update' : 'rollback', options, (steps) =>
    takeOver(host, switching, steps, options),
  )
  const late = options.restart === true ? await endOthers(host, kept.name, kept.version) : 0
  return { ...done, ended: done.ended + late }
}

async function takeOver(host: Host, switching: Switching, steps: Steps, options: ChangeOptions) {
  const { kept, before, way } = switching
  const { store, layout } = host
  // From here on nobody else changes it. Until now somebody could.
  assertStillInstalled(host, before, way === 'forth' ? 'install' : 'roll back')
  assertStillHere(host, kept, way === 'forth' ? 'install' : 'roll back')
  const release = layout.release(kept.name, kept.version, kept.digest)
  // Only what shows that it works: it has been set up before. What comes back with others worked a moment ago.
  const whole = { ...signedManifestOf(release, kept), hooks: {}, ...(way === 'undo' ? { health: undefined } : {}) }
  const manifest = triable(host, whole)
  const own = store.snapshots.of(kept)
  const isRestored = switching.restoresData && (own !== null || switching.hadNoData === true)

  const isTouched = isRestored || manifest.health !== undefined
  const data = await guardData(host, { name: kept.name, before, isTouched }, steps, options)
  const back = { undo: 'restore-data', from: data.snapshot?.folder ?? null } as const
  if (isRestored) {
    await steps.take('put its data back', back, async () => {
      const { restoreSnapshot } = await import('../runtime/data/restore.ts')
      const from = own === null ? null : join(layout.snapshots(kept.name), own.folder)
      await restoreSnapshot({ from, data: layout.data(kept.name) })
    })
  }
  await tryOut(host, { installation: kept, manifest, from: null }, data, steps, options)

  // Runs that had to end, and data that had to be kept, have taken their time.
  await assertStillTrusted(host, kept)
  steps.proceed()
  const leftovers: StepUndo[] = own === null ? [] : [{ undo: 'drop-snapshot', folder: own.folder }]
  const fate: DataFate = isRestored ? 'restored' : 'as-it-is'
  const installation = store.switchTo(kept, before, {
    change: steps.change,
    leftovers: [...data.leftovers, ...leftovers],
    snapshot: data.snapshot,
    approval: switching.approval ?? null,
    origin: switching.origin,
    details: { data: fate },
    way,
    assertFits: switching.assertFits,
    mark: switching.mark,
    isLeft: switching.isLeft,
  })
  return { installation, data: fate, ended: data.ended }
}
