import * as z from 'zod/mini'
import { PluginError } from './errors.ts'
import { faultsOf } from './faults.ts'
import { parseStrictJson } from './json.ts'
import { limitsSchema, requestOf } from './limit-request.ts'
import { type LimitRequest, PROFILES, type Profile } from './limits.ts'
import { PLUGIN_NAME } from './name.ts'

const absolute = z.string().check(z.maxLength(1024), z.regex(/^\/[^\u0000\n]*$/))

const schema = z.strictObject({
  profile: z._default(z.enum(PROFILES), 'production'),
  defaults: z._default(limitsSchema, {}),
  ceilings: z._default(limitsSchema, {}),
  plugins: z._default(
    z.record(z.string().check(z.regex(PLUGIN_NAME)), z.strictObject({ ceilings: z._default(limitsSchema, {}) })),
    {},
  ),
  uids: z._default(
    z.strictObject({
      first: z.int().check(z.gte(1000), z.lte(2 ** 32 - 3)),
      count: z.int().check(z.gte(1), z.lte(2 ** 31)),
    }),
    {
      // systemd's UIDS-GIDS leaves 1879048192 to 2147483647 unclaimed.
      first: 1_879_048_192,
      count: 65_536,
    },
  ),
  interpreters: z._default(z.strictObject({ node: z.optional(absolute), python: z.optional(absolute) }), {}),
})

/** What the host's operator decided, `config.json`. A missing file is every default. */
export interface Config {
  readonly profile: Profile
  readonly defaults: LimitRequest
  readonly ceilings: LimitRequest
  /** Ceilings of one plugin, over the general ones. */
  readonly plugins: Readonly<Record<string, { readonly ceilings: LimitRequest }>>
  readonly uids: { readonly first: number; readonly count: number }
  readonly interpreters: { readonly node?: string | undefined; readonly python?: string | undefined }
}

/** @throws PluginError `CONFIG_INVALID`, listing every fault with its path. */
export function parseConfig(bytes: Uint8Array, source: string): Config {
  const json = parseStrictJson(bytes, { maxBytes: 1024 * 1024, maxDepth: 8 })
  if (!json.ok) throw invalid(source, [json.reason])
  const parsed = schema.safeParse(json.value)
  if (!parsed.success) {
    throw invalid(
      source,
      faultsOf(parsed.error).map(({ path, message }) => `${path}: ${message}`),
    )
  }
  const { defaults, ceilings, plugins, ...rest } = parsed.data
  return {
    ...rest,
    defaults: requestOf(defaults),
    ceilings: requestOf(ceilings),
    plugins: Object.fromEntries(
      Object.entries(plugins).map(([name, own]) => [name, { ceilings: requestOf(own.ceilings) }]),
    ),
  }
}

export const DEFAULT_CONFIG: Config = parseConfig(Buffer.from('{}'), 'the built-in configuration')

function invalid(source: string, faults: readonly string[]): PluginError {
  return new PluginError('CONFIG_INVALID', `cannot use ${source}: ${faults.join('; ')}`, { details: { faults } })
}
