import * as z from 'zod/mini'
import { type Config, DEFAULT_CONFIG } from './config.ts'
import { PluginError } from './errors.ts'
import { faultsOf } from './faults.ts'
import { parseStrictJson } from './json.ts'
import { limitsSchema } from './limit-request.ts'
import { PROFILES } from './limits.ts'
import { PLUGIN_NAME } from './name.ts'
import { requestOf } from './signed-manifest.ts'

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
    DEFAULT_CONFIG.uids,
  ),
  interpreters: z._default(z.strictObject({ node: z.optional(absolute), python: z.optional(absolute) }), {}),
})

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

function invalid(source: string, faults: readonly string[]): PluginError {
  return new PluginError('CONFIG_INVALID', `cannot use ${source}: ${faults.join('; ')}`, { details: { faults } })
}
