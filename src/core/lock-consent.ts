import { PluginError } from './errors.ts'
import {
  grantedOf,
  type LockedManifest,
  type LockedPlugin,
  type LockedProvenance,
  type LockFile,
  lockedPlugin,
} from './lock-file.ts'
import { invalidLock } from './lock-file-parser.ts'
import type { Permissions } from './manifest.ts'
import { printable } from './printable.ts'
import type { ReleaseStatement } from './statement.ts'
import { versionRules } from './version-range.ts'

/** What was fetched and verified in the name of a lock file. */
export interface FoundRelease extends LockedProvenance {
  readonly statement: Pick<ReleaseStatement, 'name' | 'version' | 'sha256' | 'sha512' | 'manifestDigest'>
  /** Ids of those whose signatures counted. */
  readonly signers: readonly string[]
  readonly manifest: LockedManifest
}

const SHOWN = [
  ...(['name', 'version', 'sha256', 'sha512', 'manifest', 'platforms', 'requires'] as const),
  ...(['runtime', 'protocol', 'hooks', 'limits'] as const),
]

/**
 * Where a line of a lock file is not what was found, of a release that is to come and of one that is here alike. Signers beside
 * those it names do no harm, nor does whoever else speaks for it; one that is missing does.
 */
export function faultsByLock(locked: LockedPlugin, found: FoundRelease): string[] {
  const { statement, signers, manifest } = found
  const shown = lockedPlugin({
    installation: { ...statement, signers, consent: manifest.permissions },
    statement,
    manifest,
    provenance: found,
    source: locked.source,
    range: locked.range,
    held: locked.held,
  })
  const faults = SHOWN.filter((key) => canonical(locked[key]) !== canonical(shown[key])).map(
    (key) => `${key} is ${told(shown[key])}, the lock file has ${told(locked[key])}`,
  )
  const lost = (what: string, named: readonly string[], counted: readonly string[]) => {
    const missing = named.filter((one) => !counted.includes(one)).map((one) => printable(one, 200))
    if (missing.length > 0) faults.push(`no ${what} ${missing.join(', ')}`)
  }
  lost('signature counted of', locked.signers, signers)
  lost('countersignature counted of', locked.countersigners, found.countersigners)
  lost('statement counted of type', locked.predicates, found.predicates)
  if (locked.fileList === 'signed' && found.fileList !== 'signed') {
    faults.push('its signers do not say which files it has, and the lock file says that they do')
  }
  for (const key of ['network', 'read', 'env'] as const) {
    const more = locked.permissions[key].filter((value) => !manifest.permissions[key].includes(value))
    if (more.length > 0) faults.push(`the lock file grants ${key} ${told(more)}, which it does not ask for`)
  }
  return faults
}

/**
 * A lock file that was reviewed says yes, for the very bytes it names and for what it shows of them: a line that a reviewer
 * read and that is not so is no yes.
 *
 * @returns what is granted, which may be less than the manifest asks for
 * @throws PluginError `LOCK_DIFFERS` listing every difference
 */
export function consentByLock(locked: LockedPlugin, found: FoundRelease): Permissions {
  const faults = faultsByLock(locked, found)
  if (faults.length === 0) return grantedOf(locked.permissions, found.manifest.permissions)
  throw new PluginError(
    'LOCK_DIFFERS',
    `cannot install ${locked.name} ${locked.version}: it is not what the lock file says: ${faults.join('; ')}`,
    {
      hint: 'review it, then let plugins sync --write write the lock file anew on a host that has it',
      details: { faults },
    },
  )
}

/** Without what is not set, and with keys in one order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : Array.isArray(inner)
        ? [...inner].sort()
        : inner,
  )
}

const told = (value: unknown): string => printable(typeof value === 'string' ? value : canonical(value), 300)

/**
 * What a lock file has must go together: everything that is needed is in it, in a version that will do, and nothing needs
 * itself by a way round.
 * @throws PluginError `LOCK_INVALID` listing every fault
 */
export async function assertCoherent({ plugins }: LockFile, source: string): Promise<void> {
  const { satisfies } = await versionRules()
  const all = new Map(plugins.map((plugin) => [plugin.name as string, plugin]))
  const faults = plugins.flatMap(({ name, version, requires }) =>
    Object.entries(requires).flatMap(([needed, range]) => {
      const found = all.get(needed)
      if (found !== undefined && satisfies(found.version, range)) return []
      return [
        `${name} ${version} needs ${needed} ${range}, and there is ${found === undefined ? 'none' : found.version}`,
      ]
    }),
  )
  const cycle = cycleIn(all)
  if (cycle !== null) faults.push(`${cycle.join(' → ')} is a cycle`)
  if (faults.length > 0) throw invalidLock(source, faults)
}

/** The first one there is, from its first name back to it. */
function cycleIn(all: ReadonlyMap<string, LockedPlugin>): string[] | null {
  const done = new Set<string>()
  const way: string[] = []
  const visit = (name: string): string[] | null => {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name]
    if (done.has(name)) return null
    way.push(name)
    for (const needed of Object.keys(all.get(name)?.requires ?? {}).sort()) {
      const cycle = visit(needed)
      if (cycle !== null) return cycle
    }
    way.pop()
    done.add(name)
    return null
  }
  for (const name of all.keys()) {
    const cycle = visit(name)
    if (cycle !== null) return cycle
  }
  return null
}
