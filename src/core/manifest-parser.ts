import * as z from 'zod/mini'
import { ManifestError } from './errors.ts'
import { faultsOf } from './faults.ts'
import { parseStrictJson } from './json.ts'
import { limitsSchema } from './limit-request.ts'
import type { LimitRequest } from './limits.ts'
import { HOOKS, MANIFEST_FILE, MANIFEST_MAX_BYTES, MANIFEST_SCHEMA, type Manifest } from './manifest.ts'
import { PLUGIN_NAME, type PluginName, SEMVER } from './name.ts'
import { faultOfHost, NETWORK_ENTRY } from './network-address.ts'
import { FLOORS, PLATFORMS, PROTOCOLS, RUNTIMES, type Runtime } from './runtimes.ts'
import { hookOf, hooksOf, requestOf } from './signed-manifest.ts'
import { RANGE_MAX_LENGTH, REQUIRES_MAX, VERSION_RANGE } from './version-range.ts'

/** Controls, line ends, marks of direction and what cannot be seen; written out, since validators differ on `\p`. */
const HIDDEN =
  '\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff'
export const TEXT = new RegExp(`^[^${HIDDEN}]*$`, 'u')
const PACKAGE_PATH = new RegExp(
  `^(?!\\.{1,2}(?:\\/|$))[^/\\\\${HIDDEN}]+(?:\\/(?!\\.{1,2}(?:\\/|$))[^/\\\\${HIDDEN}]+)*$`,
  'u',
)
const READ_PATH = new RegExp(`^(?:\\/(?!\\.{1,2}(?:\\/|$))[^/${HIDDEN}]+)+$`, 'u')

const text = (max: number) => z.string().check(z.minLength(1), z.maxLength(max), z.regex(TEXT))

/** A path inside the package: relative, forward slashes, no empty, `.` or `..` segment. */
const packagePath = () => z.string().check(z.maxLength(512), z.regex(PACKAGE_PATH))

const networkTarget = () =>
  z.string().check(
    z.maxLength(262),
    z.regex(NETWORK_ENTRY),
    // Not `<= 65535`: what has no port at all is told once, by the pattern.
    z.refine((value) => !(Number(value.slice(value.lastIndexOf(':') + 1)) > 65_535), {
      error: 'the port is at most 65535',
    }),
    z.superRefine((value, context) => {
      const host = value.slice(0, value.lastIndexOf(':'))
      const fault = NETWORK_ENTRY.test(value) ? faultOfHost(host) : null
      if (fault !== null) context.addIssue(fault)
    }),
  )

/** DESIGN §3: a read-only bind still lets a Unix socket be connected to, and /proc and /sys are the host's own. */
const FORBIDDEN_READS = ['/proc', '/sys', '/dev', '/run', '/var/run']
const readPath = () =>
  z.string().check(
    z.maxLength(1024),
    z.regex(READ_PATH),
    z.refine(
      (path) => !FORBIDDEN_READS.some((f) => path === f || path.startsWith(`${f}/`) || f.startsWith(`${path}/`)),
      {
        error: `may not lie at, under or above ${FORBIDDEN_READS.join(', ')}`,
      },
    ),
  )

/** Names that Bulkhead builds itself, and names that make a loader or interpreter run other code or write secrets. */
const RESERVED_ENV = new RegExp(
  `^(?:${[
    'PATH|HOME|TMPDIR|LANG|PLUGIN_.*|BULKHEAD_.*',
    'LD_.*|GLIBC_TUNABLES|GCONV_PATH|LOCPATH|OPENSSL_(?:CONF|ENGINES|MODULES)|SSLKEYLOGFILE',
    'NODE_(?:OPTIONS|PATH|COMPILE_CACHE|REPL_EXTERNAL_MODULE|V8_COVERAGE)|PYTHON.*',
    'BASH_ENV|ENV|IFS|PERL5LIB|PERL5OPT|RUBYLIB|RUBYOPT',
  ].join('|')})$`,
)
const envName = () =>
  z.string().check(
    z.regex(/^[A-Z_][A-Z0-9_]{0,127}$/),
    z.refine((name) => !RESERVED_ENV.test(name), { error: 'is reserved' }),
  )

const list = <T extends z.core.$ZodType>(item: T, max: number) => z._default(z.array(item).check(z.maxLength(max)), [])

const setting = z.strictObject({
  type: z.enum(['string', 'number', 'integer', 'boolean']),
  description: z.optional(text(500)),
  enum: z.optional(z.array(z.union([z.string(), z.number()])).check(z.minLength(1), z.maxLength(100))),
  default: z.optional(z.union([z.string(), z.number(), z.boolean()])),
  required: z.optional(z.boolean()),
  secret: z.optional(z.boolean()),
})

export const permissionsSchema = z.strictObject({
  network: list(networkTarget(), 100),
  read: list(readPath(), 32),
  env: list(envName(), 64),
})

export const versionRange = () =>
  z.string().check(z.maxLength(RANGE_MAX_LENGTH), z.regex(VERSION_RANGE, { error: RANGE_FORM }))
const RANGE_FORM = 'is no range of versions (such as ^1.2, >=1.2.0 <2, 1.x or ^1 || ^2; 1 - 3 is written >=1 <=3)'

/** Other plugins by name. A record has no `maxProperties` in zod, so the schema that is published is told of it apart. */
export const requiresSchema = z.record(z.string().check(z.regex(PLUGIN_NAME)), versionRange()).check(
  z.refine((plugins) => Object.keys(plugins).length <= REQUIRES_MAX, {
    error: `must be at most ${REQUIRES_MAX} plugins`,
  }),
  z.meta({ maxProperties: REQUIRES_MAX }),
)

/** `health`, or a hook: a program of the package, with limits of its own over the manifest's. */
const hook = z.strictObject({
  runtime: z.optional(z.enum(RUNTIMES)),
  path: packagePath(),
  args: list(z.string().check(z.maxLength(4096), z.regex(/^[^\u0000]*$/u)), 64),
  // What /data is does not depend on who looks at it.
  limits: z._default(z.omit(limitsSchema, { data: true }), {}),
})

/** DESIGN §3. The schema that `plugins schema` publishes is made from this same value. */
export const manifestSchema = z.strictObject({
  $schema: z.optional(z.literal(MANIFEST_SCHEMA)),
  name: z.string().check(z.regex(PLUGIN_NAME)),
  version: z.string().check(z.regex(SEMVER)),
  description: z.optional(text(500)),
  license: z.optional(text(100)),
  engines: z._default(
    z.strictObject({
      bulkhead: z.optional(versionRange()),
      node: z.optional(versionRange()),
      python: z.optional(versionRange()),
    }),
    {},
  ),
  platforms: z.optional(z.array(z.enum(PLATFORMS)).check(z.minLength(1), z.maxLength(PLATFORMS.length))),
  entry: z.strictObject({
    runtime: z.enum(RUNTIMES),
    path: packagePath(),
    args: list(z.string().check(z.maxLength(4096), z.regex(/^[^\u0000]*$/u)), 64),
    preload: list(text(200), 64),
  }),
  protocol: z._default(z.enum(PROTOCOLS), 'stdio'),
  limits: z._default(limitsSchema, {}),
  permissions: z._default(permissionsSchema, { network: [], read: [], env: [] }),
  config: z._default(z.record(z.string().check(z.regex(/^[a-zA-Z][a-zA-Z0-9_.-]{0,63}$/)), setting), {}),
  requires: z._default(requiresSchema, {}),
  health: z.optional(hook),
  hooks: z._default(
    z.strictObject({
      postinstall: z.optional(hook),
      preremove: z.optional(hook),
      'migrate-data': z.optional(hook),
    }),
    {},
  ),
})

/** The part that the floors of the runtimes are about: looked at although another part is wrong. */
const boundsSchema = z.object({ entry: z.object({ runtime: z.enum(RUNTIMES) }), limits: z._default(limitsSchema, {}) })
/** The same for what a plugin may not need: itself. */
const needsSchema = z.object({ name: z.string(), requires: z.record(z.string(), z.string()) })

/** @throws ManifestError `MANIFEST_INVALID`, listing every fault with its path, not only the first. */
export function parseManifest(bytes: Uint8Array, source: string = MANIFEST_FILE): Manifest {
  const json = parseStrictJson(bytes, { maxBytes: MANIFEST_MAX_BYTES, maxDepth: 16 })
  if (!json.ok) throw invalid(source, [{ path: '', message: json.reason }])
  const parsed = manifestSchema.safeParse(json.value)
  if (!parsed.success) {
    const bounds = boundsSchema.safeParse(json.value)
    const floors = bounds.success ? runtimeFaults(bounds.data.entry.runtime, requestOf(bounds.data.limits)) : []
    const needs = needsSchema.safeParse(json.value)
    throw invalid(source, [...faultsOf(parsed.error), ...floors, ...(needs.success ? needFaults(needs.data) : [])])
  }
  const { name, limits, $schema: _, health, hooks, ...rest } = parsed.data
  const manifest = {
    ...rest,
    name: name as PluginName,
    limits: requestOf(limits),
    ...(health === undefined ? {} : { health: hookOf(health, rest.entry.runtime) }),
    hooks: hooksOf(hooks, rest.entry.runtime),
  }
  const faults = [
    ...runtimeFaults(manifest.entry.runtime, manifest.limits),
    ...hookFaults(manifest),
    ...needFaults(manifest),
  ]
  if (faults.length > 0) throw invalid(source, faults)
  return manifest
}

interface Fault {
  readonly path: string
  readonly message: string
}

function invalid(source: string, faults: readonly Fault[]): ManifestError {
  const lines = faults.map((fault) => `${fault.path === '' ? source : fault.path}: ${fault.message}`)
  return new ManifestError('MANIFEST_INVALID', `cannot use ${source}: ${lines.join('; ')}`, {
    hint: 'plugins schema prints every key and its rule',
    details: { faults },
  })
}

function needFaults({ name, requires }: { name: string; requires: Readonly<Record<string, string>> }): Fault[] {
  return Object.hasOwn(requires, name)
    ? [{ path: `requires."${name}"`, message: 'a plugin cannot require itself' }]
    : []
}

/** Below its floor a runtime hangs instead of failing, so asking for less is a fault of the manifest. */
function runtimeFaults(runtime: Runtime, limits: LimitRequest, at = ''): Fault[] {
  const floor = FLOORS[runtime]
  const faults: Fault[] = []
  const atLeast = (path: string, value: number | undefined, least: number, shown: string) => {
    if (value !== undefined && value < least)
      faults.push({ path: at + path, message: `${runtime} needs at least ${shown}` })
  }
  atLeast('limits.memory', limits.memoryBytes, floor.memoryBytes, `${floor.memoryBytes / 2 ** 20}M`)
  atLeast('limits.processes', limits.processesMax, floor.processesMax, `${floor.processesMax}`)
  atLeast('limits.files', limits.filesMax, floor.filesMax, `${floor.filesMax}`)
  return faults
}

/** Of a hook the limits are the manifest's where it has none of its own: what suffices for the one may not for the other. */
function hookFaults({ limits, health, hooks }: Pick<Manifest, 'limits' | 'health' | 'hooks'>): Fault[] {
  const all = [['health', health] as const, ...HOOKS.map((hook) => [`hooks.${hook}`, hooks[hook]] as const)]
  return all.flatMap(([key, hook]) => {
    if (hook === undefined) return []
    const own = Object.fromEntries(Object.entries(hook.limits).filter(([, value]) => value !== undefined))
    return runtimeFaults(hook.runtime, { ...limits, ...own }, `${key}.`)
  })
}
