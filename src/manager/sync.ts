import { dirname, join, resolve } from 'node:path'
import { PluginError } from '../core/errors.ts'
import { assertCoherent, consentByLock, type FoundRelease } from '../core/lock-consent.ts'
import { LOCK_FILE, type LockedPlugin, type LockFile } from '../core/lock-file.ts'
import { LOCK_MAX_BYTES, parseLockFile } from '../core/lock-file-parser.ts'
import type { Permissions } from '../core/manifest.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import {
  assertCanSync,
  assertDone,
  assertInSync,
  isInSync,
  planSync,
  type SyncPlan,
  type SyncRow,
} from '../core/sync-plan.ts'
import { readSafeFile } from '../verify/index.ts'
import { assertClock } from './clock.ts'
import type { Host } from './host.ts'
import { type HostKnowledge, surveyed } from './host-lock.ts'

export interface SyncOptions {
  /** Left out: `plugins.lock` in the working folder. */
  readonly lockFile?: string | undefined
  /** Change nothing, and refuse any difference. */
  readonly frozen?: boolean | undefined
  readonly dryRun?: boolean | undefined
  /** Remove what the lock file does not have. */
  readonly prune?: boolean | undefined
  /** Before each step. */
  readonly onRow?: ((row: SyncRow) => void) | undefined
}

export interface SyncReport {
  readonly lockFile: string
  /** What was done, or with `dryRun` would be. */
  readonly rows: readonly SyncRow[]
  /** It was the same before. */
  readonly unchanged: boolean
  readonly dryRun: boolean
}

/** What is done to one plugin at a time: each is a whole change of its own, done or not done. */
export interface SyncApply {
  /** Everything that `install` may be refused for is found before the first step; nothing is done yet. */
  decide(plugin: LockedPlugin, from: LockedRelease): Promise<void>
  /** The same of `hold`. */
  decideHold(name: PluginName): void
  /**
   * This version, from its source, in place of whatever is installed; older ones too. What needs it or what it needs is
   * not asked again: the lock file as a whole was.
   */
  install(plugin: LockedPlugin, from: LockedRelease): Promise<void>
  /** The same release once more, fetched and verified; what was modified goes. */
  repair(plugin: LockedPlugin, from: LockedRelease): Promise<void>
  /** Its permissions are these now and no others, agreed to by the lock file. */
  grant(plugin: LockedPlugin): Promise<void>
  /** For ever, or not at all. */
  hold(name: PluginName, held: boolean): Promise<void>
  /** Its data stays. */
  remove(name: PluginName): Promise<void>
}

/** How a release of a lock file is come by, and what lets it in. */
export interface LockedRelease {
  /** The tarball beside the lock file; `null`: it is fetched from the registry of `plugin.source`. */
  readonly tarball: string | null
  /** Instead of a question, once everything is verified: what is granted. @throws PluginError `LOCK_DIFFERS` */
  consent(found: FoundRelease): Permissions
}

/**
 * Makes this host as a lock file says: exactly its versions, bytes, signers, permissions and holds. Everything that no step
 * could settle is refused before the first one.
 *
 * @throws PluginError `LOCK_INVALID`, `LOCK_DIFFERS`, `DEPENDENCY_CONFLICT`, `FILE_UNREADABLE`, or what a step was refused for
 * @throws VerificationError `POLICY_UNSAFE` when others could write the lock file: it agrees to permissions
 */
export async function sync(
  host: Host,
  options: SyncOptions,
  knowledge: HostKnowledge,
  apply: SyncApply,
): Promise<SyncReport> {
  const path = resolve(options.lockFile ?? LOCK_FILE)
  assertClock(host)
  const lock = await readLock(host, path)
  const plan = await planOf(host, lock, knowledge, options)
  if (options.frozen === true) assertInSync(plan, path)
  assertCanSync(plan, path)
  const report = { lockFile: path, rows: plan.rows, unchanged: isInSync(plan), dryRun: options.dryRun === true }
  if (report.dryRun || report.unchanged) return report
  for (const row of plan.rows) await decide(row, lock, dirname(path), apply)
  for (const row of plan.rows) {
    if (row.action !== 'keep') options.onRow?.(row)
    await take(row, lock, dirname(path), apply)
  }
  assertDone(await planOf(host, lock, knowledge, options), path)
  return report
}

async function planOf(host: Host, lock: LockFile, knowledge: HostKnowledge, { prune }: SyncOptions): Promise<SyncPlan> {
  const installed = (await surveyed(host, knowledge)).map(({ plugin }) => plugin)
  return planSync({ lock, installed, prune: prune === true })
}

async function decide({ name, action }: SyncRow, lock: LockFile, folder: string, apply: SyncApply): Promise<void> {
  const plugin = lock.plugins.find((one) => one.name === name)
  if (action === 'hold') return apply.decideHold(name)
  if (plugin === undefined || !['install', 'update', 'downgrade'].includes(action)) return
  await apply.decide(plugin, releaseOf(plugin, folder))
}

const releaseOf = (plugin: LockedPlugin, folder: string): LockedRelease => ({
  tarball: 'file' in plugin.source ? join(folder, plugin.source.file) : null,
  consent: (found) => consentByLock(plugin, found),
})

async function take(row: SyncRow, lock: LockFile, folder: string, apply: SyncApply): Promise<void> {
  const { name, action } = row
  const plugin = lock.plugins.find((one) => one.name === name)
  if (action === 'remove') return apply.remove(name)
  if (plugin === undefined) return // It is not in the lock file, and stays.
  const from = releaseOf(plugin, folder)
  switch (action) {
    case 'install':
    case 'update':
    case 'downgrade':
      return apply.install(plugin, from)
    case 'repair':
      return apply.repair(plugin, from)
    case 'permissions':
      return apply.grant(plugin)
    case 'hold':
    case 'unhold':
      return apply.hold(name, action === 'hold')
    case 'bytes':
    case 'signers':
    case 'line':
    case 'extra':
    case 'keep':
      return
  }
}

async function readLock({ caller }: Host, path: string): Promise<LockFile> {
  const bytes = readSafeFile(path, caller.uid, LOCK_MAX_BYTES, 'LOCK_INVALID')
  if (bytes === null) {
    throw new PluginError('FILE_UNREADABLE', `cannot read ${printable(path, 400)}: it is not there`, {
      hint: 'plugins sync --write makes one from what is installed here',
    })
  }
  const lock = parseLockFile(bytes, path)
  await assertCoherent(lock, path)
  return lock
}
