import * as z from 'zod/mini'
import { type Config, DEFAULT_CONFIG, NETWORKS, type RegistryConfig, type ScannerConfig } from './config.ts'
import { consentPolicyOf, consentSchema } from './consent-policy.ts'
import { ENGINES } from './engines.ts'
import { PluginError } from './errors.ts'
import { faultsOf } from './faults.ts'
import { parseStrictJson } from './json.ts'
import { REQUIRED_LAYERS } from './layers.ts'
import { limitsSchema } from './limit-request.ts'
import { PROFILES } from './limits.ts'
import { PLUGIN_NAME } from './name.ts'
import { PATTERN } from './name-pattern.ts'
import { isExactAddress, isUnspecified } from './network-address.ts'
import { DURATION, parseDuration, parseLongDuration, parseSize, SIZE } from './quantity.ts'
import { REGISTRY_NAME, type RegistryAddress, readAddress } from './registry-address.ts'
import { type LimitsJson, requestOf } from './signed-manifest.ts'

const absolute = z.string().check(z.maxLength(1024), z.regex(/^\/[^\u0000\n]*$/))

/** Half of what the launcher takes: those of the host and those of a plugin are put together. */
const PRIVATE_MAX = 32
const privateAddresses = z._default(
  z
    .array(
      z.string().check(
        z.refine((text) => isExactAddress(text) && !isUnspecified(text), {
          error: 'expected one address and a port, such as 10.0.0.5:5432 or [fd00::5]:5432',
        }),
      ),
    )
    .check(z.maxLength(PRIVATE_MAX)),
  [],
)

const percent = z.optional(z.int().check(z.gte(0), z.lte(100)))

/** What the pattern before it has refused already is no fault of this one too. */
const between = (least: number, most: number, parse: (text: string) => number | undefined, what: string) =>
  z.refine<string>((text) => (parse(text) ?? least) >= least && (parse(text) ?? most) <= most, `expected ${what}`)

const sample = z.string().check(z.regex(DURATION), between(100, 3_600_000, parseDuration, '100ms to 1h'))
/** The launcher keeps two files of half the size, and each must hold a line. */
const logSize = z.string().check(z.regex(SIZE), between(2 ** 14, 2 ** 40, parseSize, '16K and more'))

const profile = z.strictObject({
  defaults: z._default(limitsSchema, {}),
  ceilings: z._default(limitsSchema, {}),
  network: z.optional(z.enum(NETWORKS)),
  alerts: z._default(z.strictObject({ memory: percent, cpu: percent, files: percent }), {}),
})

const plugin = z.strictObject({
  profile: z.optional(z.enum(PROFILES)),
  defaults: z._default(limitsSchema, {}),
  ceilings: z._default(limitsSchema, {}),
  network: z.optional(z.enum(NETWORKS)),
  privateAddresses,
  engine: z.optional(z.enum(ENGINES)),
  weaker: z._default(z.array(z.enum(REQUIRED_LAYERS)).check(z.maxLength(REQUIRED_LAYERS.length)), []),
  settings: z._default(
    z.record(
      z.string().check(z.maxLength(64)),
      z.union([z.string(), z.number(), z.boolean(), z.strictObject({ file: absolute })]),
    ),
    {},
  ),
})

const SCANNERS_MAX = 16
const SCANNER_TIMEOUT_MAX_MS = 600_000
const SCANNER_TIMEOUT = '60s'
/** A NUL would end the argument early, for the program and not for whoever reads the file. */
const argument = z.string().check(z.maxLength(4096), z.regex(/^[^\u0000]*$/))

const scanner = z.strictObject({
  name: z.string().check(z.regex(/^[a-z0-9](?:[a-z0-9-]{0,37}[a-z0-9])?$/)),
  command: z.tuple([absolute], argument).check(z.refine(({ length }) => length <= 64, 'has more than 64 items')),
  timeout: z._default(
    z
      .string()
      .check(z.regex(DURATION), between(100, SCANNER_TIMEOUT_MAX_MS, parseDuration, 'a time from 100ms to 10m')),
    SCANNER_TIMEOUT,
  ),
  // An empty list would be a scanner that never looks at anything, which nobody can have meant.
  plugins: z._default(z.array(z.string().check(z.regex(PATTERN))).check(z.minLength(1), z.maxLength(256)), ['*/*']),
})

/** A module's name as `import` takes it; what is no name of one would be another program's argument. */
const moduleName = z.string().check(z.maxLength(200), z.regex(/^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$/))
const preload = z.strictObject({
  python: z._default(z.array(moduleName).check(z.maxLength(64)), []),
  memory: z.optional(z.string().check(z.regex(SIZE), between(2 ** 26, 2 ** 40, parseSize, '64M and more'))),
})

const AGE_MAX_MS = 365 * 86_400_000
const updates = z.strictObject({
  minimumAge: z.optional(
    z.string().check(
      z.refine((text) => (parseLongDuration(text) ?? Number.POSITIVE_INFINITY) <= AGE_MAX_MS, {
        error: 'expected a time of at most 365d, such as 7d or 12h',
      }),
    ),
  ),
  exempt: z._default(z.array(z.string().check(z.regex(PATTERN))).check(z.maxLength(1000)), []),
  countersignedAtOnce: z._default(z.boolean(), false),
})

const hasUniqueNames = (named: readonly { readonly name: string }[]): boolean =>
  new Set(named.map(({ name }) => name)).size === named.length

export const REGISTRIES_MAX = 32

const registry = z
  .strictObject({
    name: z.string().check(z.regex(REGISTRY_NAME)),
    url: z.string(),
    namespaces: z._default(z.array(z.string().check(z.regex(PATTERN))).check(z.minLength(1), z.maxLength(256)), [
      '*/*',
    ]),
    insecure: z._default(z.boolean(), false),
    tokenFile: z.optional(absolute),
  })
  .check(
    z.superRefine(({ url, insecure, tokenFile }, context) => {
      const reading = readAddress(url, insecure)
      if (!reading.ok) context.addIssue({ code: 'custom', path: ['url'], message: reading.fault })
      else if (tokenFile !== undefined && !maySendToken(reading.address))
        context.addIssue({ code: 'custom', path: ['tokenFile'], message: 'a token is sent over https:// alone' })
    }),
  )

/** At this machine, too: whoever listens at a port before the registry does, or while it is down, is sent it otherwise. */
const maySendToken = (address: RegistryAddress): boolean =>
  address.kind === 'http' && new URL(address.url).protocol === 'https:'

const schema = z.strictObject({
  profile: z._default(z.enum(PROFILES), 'production'),
  defaults: z._default(limitsSchema, {}),
  ceilings: z._default(limitsSchema, {}),
  profiles: z._default(
    z.strictObject({
      development: z.optional(profile),
      production: z.optional(profile),
      strict: z.optional(profile),
    }),
    {},
  ),
  plugins: z._default(z.record(z.string().check(z.regex(PLUGIN_NAME)), plugin), {}),
  privateAddresses,
  engine: z._default(z.enum(ENGINES), 'native'),
  uids: z._default(
    z.strictObject({
      first: z.int().check(z.gte(1000), z.lte(2 ** 32 - 3)),
      count: z.int().check(z.gte(1), z.lte(2 ** 31)),
    }),
    DEFAULT_CONFIG.uids,
  ),
  interpreters: z._default(z.strictObject({ node: z.optional(absolute), python: z.optional(absolute) }), {}),
  preload: z._default(preload, { python: [] }),
  sample: z.optional(sample),
  logs: z._default(
    z.strictObject({ run: z.optional(z.union([z.literal(0), logSize])), plugin: z.optional(logSize) }),
    {},
  ),
  compileCache: z._default(z.boolean(), DEFAULT_CONFIG.compileCache),
  scanners: z._default(
    z.array(scanner).check(z.maxLength(SCANNERS_MAX), z.refine(hasUniqueNames, 'has a name twice')),
    [],
  ),
  keepVersions: z._default(z.int().check(z.gte(1), z.lte(100)), DEFAULT_CONFIG.keepVersions),
  consent: z._default(consentSchema, {}),
  updates: z._default(updates, { exempt: [], countersignedAtOnce: false }),
  registries: z._default(
    z.array(registry).check(z.maxLength(REGISTRIES_MAX), z.refine(hasUniqueNames, 'has a name twice')),
    [],
  ),
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
  const {
    profiles,
    plugins,
    sample: every = '',
    logs,
    scanners,
    registries,
    consent,
    updates: ages,
    preload: { python, memory = '' },
    ...rest
  } = parsed.data
  const { minimumAge = '', ...ageless } = ages
  return {
    ...counted(rest),
    profiles: countedEach(profiles),
    plugins: countedEach(plugins),
    sampleMs: parseDuration(every) ?? DEFAULT_CONFIG.sampleMs,
    logs: {
      runBytes: logs.run === 0 ? 0 : (parseSize(logs.run ?? '') ?? DEFAULT_CONFIG.logs.runBytes),
      pluginBytes: parseSize(logs.plugin ?? '') ?? DEFAULT_CONFIG.logs.pluginBytes,
    },
    preload: { python, memoryBytes: parseSize(memory) ?? DEFAULT_CONFIG.preload.memoryBytes },
    scanners: scanners.map(scannerOf),
    consent: consentPolicyOf(consent),
    updates: { ...ageless, minimumAgeMs: parseLongDuration(minimumAge) ?? 0 },
    registries: registries.flatMap(registryOf),
  }
}

/** Its address was read by the schema already; what is none did not come so far. */
function registryOf({ url, tokenFile, ...rest }: z.infer<typeof registry>): RegistryConfig[] {
  const reading = readAddress(url, rest.insecure)
  return reading.ok ? [{ ...rest, address: reading.address, tokenFile: tokenFile ?? null }] : []
}

function scannerOf({ timeout, ...rest }: z.infer<typeof scanner>): ScannerConfig {
  return { ...rest, timeoutMs: parseDuration(timeout) ?? SCANNER_TIMEOUT_MAX_MS }
}

interface Written {
  readonly defaults: LimitsJson
  readonly ceilings: LimitsJson
}

/** The same with its limits in the units that the code counts in. */
function counted<T extends Written>(entry: T) {
  return { ...entry, defaults: requestOf(entry.defaults), ceilings: requestOf(entry.ceilings) }
}

function countedEach<T extends Written>(entries: Readonly<Record<string, T | undefined>>) {
  return Object.fromEntries(
    Object.entries(entries).flatMap(([name, entry]) => (entry === undefined ? [] : [[name, counted(entry)]])),
  )
}

function invalid(source: string, faults: readonly string[]): PluginError {
  return new PluginError('CONFIG_INVALID', `cannot use ${source}: ${faults.join('; ')}`, { details: { faults } })
}
