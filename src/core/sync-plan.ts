import { PluginError } from './errors.ts'
import type { Installation } from './installation.ts'
import { type FoundRelease, faultsByLock } from './lock-consent.ts'
import type { LockedPlugin, LockFile } from './lock-file.ts'
import type { Permissions } from './manifest.ts'
import type { PluginName } from './name.ts'
import { printable } from './printable.ts'
import { type VersionRules, versionRules } from './version-range.ts'

/** What this host has of a plugin, as a lock file would say it. */
export interface HostPlugin extends Pick<Installation, 'name' | 'version' | 'requires' | 'signers'> {
  readonly sha256: string
  /** What was agreed to of what its manifest asks for. */
  readonly permissions: Permissions
  /** For ever. */
  readonly held: boolean
  /** Why it is not good as it is: modified, or not to be trusted any more; `null`: it is good. */
  readonly fault: string | null
  /** What was verified of it; `null`: it could not be. */
  readonly found: FoundRelease | null
}

/**
 * `bytes`, `signers` and `line` are differences that no command may settle: somebody has to look. `line`: what the file shows of
 * these bytes is not so. `extra`: it is not in the lock file and stays, because nobody said `prune`.
 */
export const SYNC_ACTIONS = [
  'remove',
  'extra',
  'install',
  'update',
  'downgrade',
  'repair',
  'permissions',
  'hold',
  'unhold',
  'bytes',
  'signers',
  'line',
  'keep',
] as const
export type SyncAction = (typeof SYNC_ACTIONS)[number]

export interface SyncRow {
  readonly name: PluginName
  readonly action: SyncAction
  /** The version here; `null`: none. */
  readonly from: string | null
  /** The version of the lock file; `null`: it has none. */
  readonly to: string | null
  readonly reason: string
}

/** Everything that is to be done, in the order it is done in: what goes, then what comes, what is needed first. */
export interface SyncPlan {
  readonly rows: readonly SyncRow[]
}

export interface SyncRequest {
  readonly lock: LockFile
  readonly installed: readonly HostPlugin[]
  /** Remove what the lock file does not have. */
  readonly prune: boolean
}

/** @throws PluginError `DEPENDENCY_CONFLICT` when what stays could not live with what comes */
export async function planSync({ lock, installed, prune }: SyncRequest): Promise<SyncPlan> {
  const rules = await versionRules()
  const locked = new Map(lock.plugins.map((plugin) => [plugin.name as string, plugin]))
  const here = new Map(installed.map((plugin) => [plugin.name as string, plugin]))
  const extras = dependenciesFirst(installed.filter(({ name }) => !locked.has(name))).reverse()
  if (!prune) assertLivesWith(extras, locked, rules)
  const going = extras.map(
    ({ name, version }): SyncRow => ({
      name,
      action: prune ? 'remove' : 'extra',
      from: version,
      to: null,
      reason: 'the lock file does not have it',
    }),
  )
  const coming = dependenciesFirst(lock.plugins).flatMap((plugin) => rowsOf(plugin, here.get(plugin.name), rules))
  return { rows: [...going, ...coming] }
}

function rowsOf(plugin: LockedPlugin, here: HostPlugin | undefined, rules: VersionRules): SyncRow[] {
  const { name, version } = plugin
  const row = (action: SyncAction, reason: string): SyncRow => ({
    name,
    action,
    from: here?.version ?? null,
    to: version,
    reason,
  })
  const holds = row(plugin.held ? 'hold' : 'unhold', plugin.held ? 'it is to be held' : 'it is not to be held')
  if (here === undefined) return [row('install', 'it is not installed'), ...(plugin.held ? [holds] : [])]
  const rest = here.held === plugin.held ? [] : [holds]
  if (here.version !== version) {
    const isNewer = rules.compare(version, here.version) > 0
    return [row(isNewer ? 'update' : 'downgrade', `${here.version} is installed`), ...rest]
  }
  if (here.sha256 !== plugin.sha256) {
    return [row('bytes', `other bytes are installed under this version: sha256:${here.sha256}, not ${plugin.sha256}`)]
  }
  const missing = plugin.signers.filter((id) => !here.signers.includes(id))
  if (missing.length > 0) {
    return [row('signers', `not counted when it was installed: ${missing.map((id) => printable(id, 200)).join(', ')}`)]
  }
  const faults = here.found === null ? [] : faultsByLock(plugin, here.found)
  if (faults.length > 0) return [row('line', faults.join('; '))]
  const rows = [
    ...(here.fault === null ? [] : [row('repair', here.fault)]),
    ...permissionRows(plugin, here).map((reason) => row('permissions', reason)),
    ...rest,
  ]
  return rows.length > 0 ? rows : [row('keep', 'as the lock file says')]
}

/** At most one, which names every difference. */
function permissionRows({ permissions }: LockedPlugin, here: HostPlugin): string[] {
  const parts = (['network', 'read', 'env'] as const).flatMap((key) => {
    const [more, less] = [
      minus(permissions[key], here.permissions[key]),
      minus(here.permissions[key], permissions[key]),
    ]
    return [
      ...(more.length === 0 ? [] : [`gains ${key} ${more.join(', ')}`]),
      ...(less.length === 0 ? [] : [`loses ${key} ${less.join(', ')}`]),
    ]
  })
  return parts.length === 0 ? [] : [parts.join('; ')]
}

const minus = (values: readonly string[], others: readonly string[]): string[] =>
  values.filter((value) => !others.includes(value)).map((value) => printable(value, 300))

/** What is there and stays needs of what comes what it needed before. */
function assertLivesWith(
  extras: readonly HostPlugin[],
  locked: ReadonlyMap<string, LockedPlugin>,
  rules: VersionRules,
): void {
  const faults = extras.flatMap(({ name, version, requires }) =>
    Object.entries(requires).flatMap(([needed, range]) => {
      const to = locked.get(needed)?.version
      return to === undefined || rules.satisfies(to, range)
        ? []
        : [`${name} ${version}, which the lock file does not have, needs ${needed} ${range}, not ${to}`]
    }),
  )
  if (faults.length === 0) return
  throw new PluginError('DEPENDENCY_CONFLICT', `cannot go by the lock file: ${faults.join('; ')}`, {
    hint: '--prune removes what the lock file does not have',
    details: { faults },
  })
}

/** Whether this host is as the lock file says. */
export const isInSync = ({ rows }: SyncPlan): boolean => rows.every(({ action }) => action === 'keep')

const SHOWN_MAX = 10

/**
 * For `--frozen`, which changes nothing: any difference at all.
 * @throws PluginError `LOCK_DIFFERS` listing each
 */
export function assertInSync(plan: SyncPlan, source: string): void {
  refuse(
    plan.rows.filter(({ action }) => action !== 'keep'),
    `cannot go on with --frozen: this host is not as ${printable(source, 400)} says`,
    'plugins sync makes it so; plugins sync --dry-run shows what that would do',
  )
}

/**
 * Before anything is changed: a lock file cannot tell why there are other bytes here, who took back a signature, or who was shown
 * what is not so.
 * @throws PluginError `LOCK_DIFFERS` listing each
 */
export function assertCanSync(plan: SyncPlan, source: string): void {
  refuse(
    plan.rows.filter(({ action }) => ['bytes', 'signers', 'line'].includes(action)),
    `cannot make this host as ${printable(source, 400)} says`,
    'plugins verify NAME --explain; find out which of the two is right before anything is removed',
  )
}

/**
 * Afterwards: what was to be done is done.
 * @throws PluginError `LOCK_DIFFERS` listing what is not
 */
export function assertDone(plan: SyncPlan, source: string): void {
  refuse(
    plan.rows.filter(({ action }) => action !== 'keep' && action !== 'extra'),
    `cannot make this host as ${printable(source, 400)} says: something else changed it meanwhile`,
    'plugins sync again',
  )
}

function refuse(rows: readonly SyncRow[], what: string, hint: string): void {
  if (rows.length === 0) return
  const faults = rows.map(sentenceOf)
  const more = faults.length > SHOWN_MAX ? `; and ${faults.length - SHOWN_MAX} more` : ''
  throw new PluginError('LOCK_DIFFERS', `${what}: ${faults.slice(0, SHOWN_MAX).join('; ')}${more}`, {
    hint,
    details: { faults, rows },
  })
}

function sentenceOf({ name, action, from, to, reason }: SyncRow): string {
  const versions = [from, to].filter((version, at, all) => version !== null && all.indexOf(version) === at)
  return `${name} ${versions.join(' to ')} (${action}): ${reason}`
}

/** Names in order, each after what it needs; a cycle is told by `assertCoherent`. */
function dependenciesFirst<P extends { readonly name: string; readonly requires: Readonly<Record<string, string>> }>(
  plugins: readonly P[],
): P[] {
  const all = new Map([...plugins].sort((a, b) => (a.name < b.name ? -1 : 1)).map((plugin) => [plugin.name, plugin]))
  const ordered: P[] = []
  const seen = new Set<string>()
  const visit = (name: string) => {
    const plugin = all.get(name)
    if (plugin === undefined || seen.has(name)) return
    seen.add(name)
    for (const needed of Object.keys(plugin.requires).sort()) visit(needed)
    ordered.push(plugin)
  }
  for (const name of all.keys()) visit(name)
  return ordered
}
