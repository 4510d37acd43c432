import type { LimitRequest } from './limits.ts'
import type { PluginName } from './name.ts'
import type { Platform, Protocol, Runtime } from './runtimes.ts'

export const MANIFEST_FILE = 'plugin.json'
export const MANIFEST_SCHEMA = 'https://bulkhead.dev/schema/plugin-1.json'

/** A manifest is a page, not a book; the bound also bounds every list in it. */
export const MANIFEST_MAX_BYTES = 256 * 1024

/** What a plugin may touch beyond its own files. */
export interface Permissions {
  readonly network: readonly string[]
  readonly read: readonly string[]
  readonly env: readonly string[]
}

/** One key of `config`: what the operator may set, and to what. */
export interface Setting {
  readonly type: 'string' | 'number' | 'integer' | 'boolean'
  readonly description?: string | undefined
  readonly enum?: readonly (string | number)[] | undefined
  readonly default?: string | number | boolean | undefined
  readonly required?: boolean | undefined
  readonly secret?: boolean | undefined
}

/** What is run beside the entry: `health`, and the hooks. In the same sandbox, with limits of its own. */
export interface HookEntry {
  /** The entry's, if not said. */
  readonly runtime: Runtime
  readonly path: string
  readonly args: readonly string[]
  /** Over the manifest's own. */
  readonly limits: LimitRequest
}

/** When a hook is run: after a release was unpacked, before a plugin is removed, before a newer or older release takes over the data. */
export const HOOKS = ['postinstall', 'preremove', 'migrate-data'] as const
export type HookName = (typeof HOOKS)[number]
/** What a run was that was none of the entry. */
export type HookRun = HookName | 'health'

/** A `plugin.json` that keeps every rule, with its defaults filled in. Only `parseManifest` accepts one. */
export interface Manifest {
  readonly name: PluginName
  readonly version: string
  readonly description?: string | undefined
  readonly license?: string | undefined
  readonly engines: { readonly [engine in 'bulkhead' | 'node' | 'python']?: string | undefined }
  readonly platforms?: readonly Platform[] | undefined
  readonly entry: {
    readonly runtime: Runtime
    readonly path: string
    readonly args: readonly string[]
    readonly preload: readonly string[]
  }
  readonly protocol: Protocol
  readonly limits: LimitRequest
  readonly permissions: Permissions
  readonly config: Readonly<Record<string, Setting>>
  /** Other plugins that must be installed, each with a range of versions. */
  readonly requires: Readonly<Record<string, string>>
  /** Run after an install or update; what fails it is undone. */
  readonly health?: HookEntry | undefined
  readonly hooks: { readonly [hook in HookName]?: HookEntry | undefined }
}

/** A program that a manifest names, and where. */
export interface NamedProgram {
  /** `entry.path`, `health.path`, `hooks.postinstall.path` … */
  readonly key: string
  readonly runtime: Runtime
  readonly path: string
}

export function hookProgramsOf({ health, hooks }: Pick<Manifest, 'health' | 'hooks'>): NamedProgram[] {
  const named = {
    ...(health && { health }),
    ...Object.fromEntries(HOOKS.map((hook) => [`hooks.${hook}`, hooks[hook]])),
  }
  return Object.entries(named).flatMap(([key, hook]) =>
    hook === undefined ? [] : [{ key: `${key}.path`, runtime: hook.runtime, path: hook.path }],
  )
}
