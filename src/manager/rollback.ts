import { assertGoTogether } from '../core/dependents.ts'
import { PluginError, StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import { versionRules } from '../core/version-range.ts'
import type { ChangeOptions } from './change.ts'
import { assertClock } from './clock.ts'
import { assertNotHeld } from './holds.ts'
import type { Host } from './host.ts'
import { assertStillHere } from './presence.ts'
import { scanKept } from './scanning.ts'
import { type DataFate, type Switching, switchOver } from './switching.ts'
import { verifyInstalled } from './verification.ts'

export interface RollbackOptions extends ChangeOptions {
  /** Default: the version that was left last. */
  readonly to?: string | undefined
  /** Its data stays as it is, rather than as it was when that version was left. */
  readonly keepData?: boolean | undefined
  /** Says what would be done. */
  readonly dryRun?: boolean | undefined
}

/** One of several that came together and go back together. */
export interface UndoOptions extends RollbackOptions {
  /**
   * It comes to what was there before, as it was, and nobody is asked whether it works. `mark`: the newest version that had been
   * here then. An update may go to what is left again, unless it `isLeft`: somebody had gone back from it before. `hadNoData`: there
   * was none then, and there is now.
   */
  readonly undo?: { readonly mark: string | null; readonly isLeft: boolean; readonly hadNoData: boolean } | undefined
  /** Others that go back with it: that they need what is left is no reason to stay, nor is what of them it needs. */
  readonly besides?: readonly string[] | undefined
}

export interface RollbackReport {
  readonly name: PluginName
  readonly version: string
  /** The version that was left. */
  readonly replaced: string
  /** The same, where no update goes to it again unless it is named; `null`: it is older, and none would. */
  readonly skipped: string | null
  readonly data: DataFate
  /** When the data that was put back was kept; `null`: it stays as it is. */
  readonly dataOfMs: number | null
  readonly isDryRun: boolean
  readonly restarted: number
}

/**
 * Back to a version that is kept: judged by the trust policy of this moment, every file hashed, shown to the scanners of this
 * host, with its data as it was when it was left.
 *
 * @throws StoreError `NOTHING_KEPT`, `WRONG_STATE`, `STORE_BUSY`, `DEPENDENCY_CONFLICT`, `DEPENDENCY_MISSING`; PluginError with the code of the verdict
 */
export async function rollback(host: Host, before: Installation, options: UndoOptions): Promise<RollbackReport> {
  assertClock(host)
  const { name } = before
  const kept = chosen(host, before, options.to)
  const rules = await versionRules()
  const { undo, besides = [] } = options
  const requires = Object.fromEntries(Object.entries(kept.requires).filter(([needed]) => !besides.includes(needed)))
  const assertFits = () => {
    assertNotHeld(host, before, 'roll back')
    assertGoTogether(host.store.list(), { ...kept, requires }, rules, besides)
  }
  assertFits()
  const { error } = await verifyInstalled(host, kept)
  if (error !== null) {
    assertStillHere(host, kept, 'roll back')
    throw noted(host, kept, error)
  }
  const snapshot = options.keepData === true ? null : host.store.snapshots.of(kept)
  const skipped = rules.compare(before.version, kept.version) > 0 ? before.version : null
  const told = { name, version: kept.version, replaced: before.version, skipped, dataOfMs: snapshot?.takenAtMs ?? null }
  if (options.dryRun === true) {
    return { ...told, data: snapshot === null ? 'as-it-is' : 'restored', isDryRun: true, restarted: 0 }
  }
  // What was there a moment ago is no new arrival: it must come back.
  if (undo === undefined) await scanned(host, kept)
  const way = undo === undefined ? 'back' : 'undo'
  const restoresData = options.keepData !== true
  const switching: Switching = { kept, before, way, restoresData, assertFits, ...undo }
  const { data, ended } = await switchOver(host, switching, options)
  return { ...told, data, isDryRun: false, restarted: ended }
}

/** Its scanners may know more today than when it was let in. */
async function scanned(host: Host, kept: Installation): Promise<void> {
  try {
    await scanKept(host, kept)
  } catch (error) {
    throw error instanceof PluginError && error.exitCode === 3 ? noted(host, kept, error) : error
  }
}

function noted({ store }: Host, { name, version }: Installation, error: PluginError): PluginError {
  store.note('refused', name, { version, code: error.code, verb: 'rollback' })
  return error
}

function chosen({ store }: Host, { name, version }: Installation, to: string | undefined): Installation {
  const kept = store.kept(name)
  const found = to === undefined ? kept[0] : kept.find((one) => one.version === to)
  if (found !== undefined) return found
  const versions = kept.map((one) => one.version)
  const what = to === undefined ? `${name} ${version} back` : `${name} back to ${to}`
  const why = versions.length === 0 ? 'no other version is kept' : `kept are ${versions.join(', ')}`
  throw new StoreError('NOTHING_KEPT', `cannot roll ${what}: ${why}`, {
    hint: `plugins install ${name}@VERSION --allow-downgrade fetches one`,
    details: { kept: versions },
  })
}
