import type { LimitRequest } from './limits.ts'
import type { ManifestJson } from './manifest-parser.ts'
import type { PluginName } from './name.ts'

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

/** A `plugin.json` that keeps every rule. Only `parseManifest` makes one. */
export interface Manifest extends Omit<ManifestJson, 'name' | 'limits' | 'permissions' | '$schema'> {
  readonly name: PluginName
  readonly limits: LimitRequest
  readonly permissions: Permissions
}
