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
}
