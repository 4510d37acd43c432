import { isFailure } from '../core/disk-failure.ts'
import type { Installation } from '../core/installation.ts'
import { packageOf } from '../core/layout.ts'
import type { Check, VerifiedRelease } from '../core/verified.ts'
import type { NewApproval, Settled, Settlement } from '../store/index.ts'
import { type ChangeOptions, change, type Steps } from './change.ts'
import { assertStillTrusted } from './clearance.ts'
import { acceptance } from './evidence.ts'
import { freshen } from './freshening.ts'
import type { Host } from './host.ts'
import { neighbours } from './neighbours.ts'
import { finishRemoval } from './recovery.ts'
import { endOthers } from './restarting.ts'
import { isSameTrust } from './roots.ts'
import { isScanned, scan } from './scanning.ts'
import { guardData } from './snapshots.ts'
import { isTried, triable, tryOut } from './trial.ts'

/** A release that everything was decided about; what is left is to bring it in. */
export interface Placement {
  readonly release: VerifiedRelease
  readonly checks: readonly Check[]
  readonly approval: NewApproval
  /** What was installed when it was decided. */
  readonly before: Installation | null
  readonly source: string | null
  readonly asked: string | null
  readonly allowedDowngrade: boolean
  readonly assertFits: Settled['assertFits']
  /** So many versions beside it stay. */
  readonly keep: number
  /** Another one may take it back with it: nothing goes that would be needed for that. */
  readonly mayGoBack: boolean
}

/** As far as an installation is told of. */
export interface Placed extends Pick<Settlement, 'installation' | 'replaced'> {
  /** Data that an earlier installation had left, as it was: below its snapshots, of what may go back. */
  readonly keptData: string | null
}

/**
 * DESIGN §4, install 12 and 13: unpack, let the operator's scanners look, move into place, try it out, one transaction. Each
 * step's undo is written down before the step is taken.
 */
export async function place(host: Host, placement: Placement, options: ChangeOptions): Promise<Placed> {
  const { name } = placement.release.manifest
  const { before } = placement
  let settled: Settlement & Placed
  try {
    settled = await change(host, name, before === null ? 'install' : 'update', options, (steps) =>
      bringIn(host, placement, steps, options),
    )
  } catch (error) {
    // What had been linked into the tree that is gone again left other times on the files of the one that stays.
    if (before !== null) await freshen(host, name)
    throw error
  }
  await tidy(host, settled)
  if (options.restart === true) await endOthers(host, name, settled.installation.version)
  return settled
}

async function bringIn(
  host: Host,
  placement: Placement,
  steps: Steps,
  options: ChangeOptions,
): Promise<Settlement & Placed> {
  const { store, trees } = host
  const { release, before } = placement
  const { statement } = release.verified
  const manifest = triable(host, release.manifest)
  const seen = store.history(statement.name).highWater
  const begun = store.begin(release, {
    ...placement,
    consent: placement.approval.agreement.permissions,
    change: steps.change,
    seenHighWater: seen,
  })

  steps.proceed()
  const tree = await trees.unpack(release, {
    beside: await neighbours(host, begun.name),
    mayLink: !isScanned(host, release),
    onProgress: options.onProgress,
    onStage: (folder) => steps.note('unpack', { undo: 'discard', folder }),
  })
  await scan(host, release, tree)

  const { version, digest } = begun
  await steps.take('move into place', { undo: 'remove-tree', version, digest }, () => trees.promote(tree, begun))
  const path = host.layout.release(begun.name, version, digest)
  const seal = await trees.seal(packageOf(path), statement.files)

  const data = await guardData(host, { name: begun.name, before, isTouched: isTried(manifest) }, steps, options)
  await tryOut(host, { installation: begun, manifest, from: before?.version ?? null }, data, steps, options)

  if (!(await isSameTrust(host, release.verified))) await assertStillTrusted(host, begun)
  steps.proceed()
  const keptData = placement.mayGoBack && before === null ? (data.snapshot?.folder ?? null) : null
  const settled = store.settle(begun, {
    seal,
    highWater: await newest(seen, version),
    allowedDowngrade: placement.allowedDowngrade,
    verdict: acceptance(release.verified, placement.checks),
    change: steps.change,
    snapshot: data.snapshot,
    leftovers: keptData === null ? data.leftovers : [],
    approval: placement.approval,
    assertFits: placement.assertFits,
    keep: placement.mayGoBack ? Number.POSITIVE_INFINITY : placement.keep,
  })
  return { ...settled, keptData }
}

/** The new release stands whatever happens now: versions beyond those to keep are finished by the next command if not here. */
async function tidy(host: Host, { installation, surplus }: Settlement): Promise<void> {
  for (const old of surplus) {
    try {
      await finishRemoval(host, old)
    } catch (error) {
      if (!isFailure(error)) throw error
    }
  }
  if (surplus.length > 0) await freshen(host, installation.name)
}

async function newest(seen: string | null, version: string): Promise<string> {
  if (seen === null) return version
  const { default: compare } = await import('semver/functions/compare-build.js')
  return compare(version, seen) > 0 ? version : seen
}
