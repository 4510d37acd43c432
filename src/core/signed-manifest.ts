import { parseStrictJson } from './json.ts'
import type { LimitRequest } from './limits.ts'
import { type HookEntry, type HookName, MANIFEST_MAX_BYTES, type Manifest } from './manifest.ts'
import { parseDuration, parseSize } from './quantity.ts'
import type { Runtime } from './runtimes.ts'

/** Limits as `plugin.json` and `config.json` spell them. */
export interface LimitsJson {
  readonly memory?: string | undefined
  readonly cpu?: number | undefined
  readonly processes?: number | undefined
  readonly files?: number | undefined
  readonly tmp?: string | undefined
  readonly data?: string | undefined
  readonly fileSize?: string | undefined
  readonly io?: string | undefined
  readonly output?: string | undefined
  readonly timeout?: string | undefined
  readonly idle?: string | undefined
  readonly connections?: number | undefined
  readonly network?: string | undefined
}

/** The same in the units that the rest of the code counts in. */
export function requestOf(asked: LimitsJson): LimitRequest {
  const sized = (value: string | undefined) => (value === undefined ? undefined : parseSize(value))
  const timed = (value: string | undefined) => (value === undefined ? undefined : parseDuration(value))
  return {
    memoryBytes: sized(asked.memory),
    cpu: asked.cpu,
    processesMax: asked.processes,
    filesMax: asked.files,
    tmpBytes: sized(asked.tmp),
    dataBytes: sized(asked.data),
    fileSizeBytes: sized(asked.fileSize),
    ioBytesPerSecond: sized(asked.io),
    outputBytes: sized(asked.output),
    timeoutMs: timed(asked.timeout),
    idleMs: timed(asked.idle),
    connectionsMax: asked.connections,
    networkBytes: sized(asked.network),
  }
}

/**
 * The manifest in bytes that `parseManifest` accepted before they were installed, and whose digest was compared with the
 * signed one since. It checks nothing again: building the schema costs more than the whole rest of a run. A test holds
 * it equal to the parser. `null`: these are not such bytes.
 */
export function readSignedManifest(bytes: Uint8Array): Manifest | null {
  const json = parseStrictJson(bytes, { maxBytes: MANIFEST_MAX_BYTES, maxDepth: 16 })
  if (!json.ok || !isManifestLike(json.value)) return null
  const { $schema: _, limits = {}, permissions = {}, entry, health, hooks = {}, ...rest } = json.value
  return {
    ...rest,
    engines: rest.engines ?? {},
    entry: { ...entry, args: entry.args ?? [], preload: entry.preload ?? [] },
    protocol: rest.protocol ?? 'stdio',
    limits: requestOf(limits),
    permissions: { network: [], read: [], env: [], ...permissions },
    config: rest.config ?? {},
    requires: rest.requires ?? {},
    ...(health === undefined ? {} : { health: hookOf(health, entry.runtime) }),
    hooks: hooksOf(hooks, entry.runtime),
  }
}

/** `health` or a hook as `plugin.json` spells it. */
export type HookJson = Pick<HookEntry, 'path'> & {
  readonly runtime?: Runtime | undefined
  readonly args?: readonly string[] | undefined
  readonly limits?: LimitsJson | undefined
}
export type HooksJson = { readonly [hook in HookName]?: HookJson | undefined }

export const hookOf = ({ runtime, path, args, limits }: HookJson, ofEntry: Runtime): HookEntry => ({
  runtime: runtime ?? ofEntry,
  path,
  args: args ?? [],
  limits: requestOf(limits ?? {}),
})

export const hooksOf = (hooks: HooksJson, ofEntry: Runtime): Manifest['hooks'] =>
  Object.fromEntries(
    Object.entries(hooks).flatMap(([name, hook]) => (hook === undefined ? [] : [[name, hookOf(hook, ofEntry)]])),
  )

/** `plugin.json` before its defaults are filled in. */
type Written = Pick<Manifest, 'name' | 'version'> &
  Partial<Omit<Manifest, 'limits' | 'permissions' | 'entry' | 'health' | 'hooks'>> & {
    readonly $schema?: string
    readonly entry: Pick<Manifest['entry'], 'runtime' | 'path'> & Partial<Manifest['entry']>
    readonly limits?: LimitsJson
    readonly permissions?: Partial<Manifest['permissions']>
    readonly health?: HookJson
    readonly hooks?: HooksJson
  }

const isManifestLike = (value: unknown): value is Written =>
  typeof value === 'object' && value !== null && 'name' in value && 'entry' in value
