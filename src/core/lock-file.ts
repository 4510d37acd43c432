import { UNASKED_RUNS, type UnaskedRun } from './agreement.ts'
import type { Sha256, Sha512 } from './digest.ts'
import type { Installation } from './installation.ts'
import type { LimitRequest } from './limits.ts'
import type { HookEntry, Manifest, Permissions } from './manifest.ts'
import { type PluginName, SEMVER, tarballName } from './name.ts'
import { spellDuration, spellSize } from './quantity.ts'
import type { Platform, Protocol, Runtime } from './runtimes.ts'
import type { LimitsJson } from './signed-manifest.ts'
import type { ReleaseStatement } from './statement.ts'
import type { VerifiedStatement } from './verified.ts'
import { isVersionRange } from './version-range.ts'

export const LOCK_FILE = 'plugins.lock'
export const LOCK_VERSION = 1

/** A version with a build is one that somebody may ask for, and no range can say it. */
export const isLockRange = (text: string): boolean => isVersionRange(text) || SEMVER.test(text)

/** Where a release is fetched from again. Whatever comes is held against the digests. */
export type LockSource =
  /** `url` is for whoever reads it; each host has its own address for a registry of this name. `null`: a folder of the host. */
  | { readonly registry: string; readonly url: string | null }
  /** A registry that was named for once. */
  | { readonly url: string }
  /** A tarball, by its bare name: it lies beside the lock file. */
  | { readonly file: string }

/** Who speaks for a release beside its signers, and how: a release that comes without has lost it. */
export interface LockedProvenance extends Pick<VerifiedStatement, 'fileList'> {
  /** Ids of those whose countersignatures counted, sorted. */
  readonly countersigners: readonly string[]
  /** Types of other tools' statements that counted, sorted. */
  readonly predicates: readonly string[]
}

/** Each hook's own runtime and limits: they can be more than the plugin's. */
type Hooks<T> = { readonly [run in UnaskedRun]?: T | undefined }
export type LockedHooks = Hooks<Pick<HookEntry, 'runtime' | 'limits'>>

/** One plugin as it was reviewed: which bytes, by whom, and what they may do. */
export interface LockedPlugin extends LockedProvenance {
  readonly name: PluginName
  readonly version: string
  readonly source: LockSource
  /** What was asked for when it was installed; `null`: the newest, or it came with another one. */
  readonly range: string | null
  /** Not updated by `update --all`, for ever. One that is held until a date is a matter of one host. */
  readonly held: boolean
  /** Of the tarball, which is one for all platforms. */
  readonly sha256: Sha256
  readonly sha512: Sha512
  /** sha256 of `plugin.json`. */
  readonly manifest: Sha256
  /** Key ids and identities whose signatures counted, sorted; empty: nobody signed it. */
  readonly signers: readonly string[]
  /** `null`: every platform. */
  readonly platforms: readonly Platform[] | null
  readonly requires: Readonly<Record<string, string>>
  readonly runtime: Runtime
  readonly protocol: Protocol
  /** What it has run without being started. */
  readonly hooks: LockedHooks
  /** What was agreed to of what the manifest asks for, sorted. */
  readonly permissions: Permissions
  /** What the manifest asks for; each host cuts it by its own ceilings. */
  readonly limits: LimitRequest
}

/** Sorted by name. */
export interface LockFile {
  readonly plugins: readonly LockedPlugin[]
}

/** What a lock file shows of a manifest. */
export type LockedManifest = Pick<
  Manifest,
  'entry' | 'protocol' | 'health' | 'hooks' | 'permissions' | 'limits' | 'requires' | 'platforms'
>

/** What a line of a lock file is made of. */
export interface LockMaterial {
  readonly installation: Pick<Installation, 'name' | 'version' | 'signers' | 'consent'>
  readonly source: LockSource
  /** What was verified of the kept bundle. */
  readonly statement: Pick<ReleaseStatement, 'sha256' | 'sha512' | 'manifestDigest'>
  readonly manifest: LockedManifest
  readonly provenance: LockedProvenance
  readonly range: string | null
  /** For ever. */
  readonly held: boolean
}

/**
 * What an installation's source comes to for other hosts. `registries`: those of this host by name, with their addresses. A
 * folder is a place of this host and is left out; so is where a tarball lay.
 */
export function lockSourceOf(
  { name, version, source }: Pick<Installation, 'name' | 'version' | 'source'>,
  registries: ReadonlyMap<string, string>,
): LockSource {
  const isAddress = (text: string) => /^https?:\/\//.test(text)
  const url = source === null ? undefined : registries.get(source)
  if (source !== null && url !== undefined) return { registry: source, url: isAddress(url) ? url : null }
  return source !== null && isAddress(source) ? { url: source } : { file: tarballName(name, version) }
}

export function lockFileOf(materials: readonly LockMaterial[]): LockFile {
  return { plugins: materials.map(lockedPlugin).sort(byName) }
}

export function lockedPlugin(material: LockMaterial): LockedPlugin {
  const { installation, source, statement, manifest, provenance, range, held } = material
  const { name, version, signers, consent } = installation
  return {
    name,
    version,
    source,
    range,
    held,
    sha256: statement.sha256,
    sha512: statement.sha512,
    manifest: statement.manifestDigest,
    signers: sorted(signers),
    countersigners: sorted(provenance.countersigners),
    predicates: sorted(provenance.predicates),
    fileList: provenance.fileList,
    platforms: manifest.platforms === undefined ? null : (sorted(manifest.platforms) as Platform[]),
    requires: sortedKeys(manifest.requires),
    runtime: manifest.entry.runtime,
    protocol: manifest.protocol,
    hooks: eachHook({ ...manifest.hooks, health: manifest.health }, ({ runtime, limits }) => ({ runtime, limits })),
    permissions: grantedOf(consent, manifest.permissions),
    limits: manifest.limits,
  }
}

/** In the order of `UNASKED_RUNS`. */
export const eachHook = <T, U>(hooks: Hooks<T>, of: (hook: T) => U): Hooks<U> =>
  Object.fromEntries(
    UNASKED_RUNS.flatMap((run) => {
      const hook = hooks[run]
      return hook === undefined ? [] : [[run, of(hook)]]
    }),
  )

/** What of a manifest's permissions was agreed to, sorted: what this host adds by its own configuration is not a plugin's. */
export function grantedOf(consent: Permissions, asked: Permissions): Permissions {
  const granted = (key: keyof Permissions) => sorted(asked[key].filter((value) => consent[key].includes(value)))
  return { network: granted('network'), read: granted('read'), env: granted('env') }
}

/** One value a line, keys and lists in one order, no time and no place of a host: what differs between two is what changed. */
export function formatLockFile({ plugins }: LockFile): string {
  const document = { lockVersion: LOCK_VERSION, plugins: [...plugins].sort(byName).map(written) }
  return `${JSON.stringify(document, null, 2)}\n`
}

function written(plugin: LockedPlugin): Readonly<Record<string, unknown>> {
  const { name, version, source, range, held, sha256, sha512, manifest } = plugin
  return {
    name,
    version,
    source: writtenSource(source),
    range,
    held,
    sha256,
    sha512,
    manifest,
    signers: sorted(plugin.signers),
    countersigners: sorted(plugin.countersigners),
    predicates: sorted(plugin.predicates),
    fileList: plugin.fileList,
    platforms: plugin.platforms === null ? null : sorted(plugin.platforms),
    requires: sortedKeys(plugin.requires),
    runtime: plugin.runtime,
    protocol: plugin.protocol,
    hooks: eachHook(plugin.hooks, ({ runtime, limits }) => ({ runtime, limits: spelled(limits) })),
    permissions: {
      network: sorted(plugin.permissions.network),
      read: sorted(plugin.permissions.read),
      env: sorted(plugin.permissions.env),
    },
    limits: spelled(plugin.limits),
  }
}

function writtenSource(source: LockSource): LockSource {
  if ('registry' in source) return { registry: source.registry, url: source.url }
  return 'url' in source ? { url: source.url } : { file: source.file }
}

/** Limits as `plugin.json` spells them, each in its largest unit. */
export function spelled(limits: LimitRequest): LimitsJson {
  const sized = (bytes: number | undefined) => (bytes === undefined ? undefined : spellSize(bytes))
  const timed = (ms: number | undefined) => (ms === undefined ? undefined : spellDuration(ms))
  return {
    memory: sized(limits.memoryBytes),
    cpu: limits.cpu,
    processes: limits.processesMax,
    files: limits.filesMax,
    tmp: sized(limits.tmpBytes),
    data: sized(limits.dataBytes),
    fileSize: sized(limits.fileSizeBytes),
    io: sized(limits.ioBytesPerSecond),
    output: sized(limits.outputBytes),
    timeout: timed(limits.timeoutMs),
    idle: timed(limits.idleMs),
    connections: limits.connectionsMax,
    network: sized(limits.networkBytes),
  }
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1)

/** By code units, each once: the same on every machine. */
const sorted = <T extends string>(values: readonly T[]): T[] => [...new Set(values)].sort()

const sortedKeys = (record: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
