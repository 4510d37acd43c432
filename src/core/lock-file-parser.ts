import * as z from 'zod/mini'
import type { Sha256, Sha512 } from './digest.ts'
import { PluginError } from './errors.ts'
import { faultsOf } from './faults.ts'
import { parseStrictJson } from './json.ts'
import { limitsSchema } from './limit-request.ts'
import { eachHook, isLockRange, LOCK_VERSION, type LockedPlugin, type LockFile } from './lock-file.ts'
import { permissionsSchema, requiresSchema } from './manifest-parser.ts'
import { PLUGIN_NAME, type PluginName, SEMVER } from './name.ts'
import { printable } from './printable.ts'
import { PLATFORMS, PROTOCOLS, RUNTIMES } from './runtimes.ts'
import { requestOf } from './signed-manifest.ts'

export const LOCK_MAX_BYTES = 16 * 2 ** 20
const PLUGINS_MAX = 5_000
/** Printable ASCII: ids of keys, and an issuer and an identity with a blank between. */
const SIGNER = /^[!-~]{1,1000}(?: [!-~]{1,1000})?$/
const REGISTRY = /^[a-z0-9][a-z0-9._-]{0,63}$/
/** As an in-toto statement names its predicate: an address, or a name of somebody's own. */
const PREDICATE = /^[!-~]{1,1000}$/
/** An address anybody may read: no user, no password. */
const ADDRESS = /^https?:\/\/[^\s@/?#\\]{1,255}(?:\/[!-~]{0,1000})?$/
/** A bare name: it lies beside the lock file and nowhere else. */
const TARBALL = /^[A-Za-z0-9][A-Za-z0-9.+_-]{0,200}\.tgz$/

const isEachOnce = { error: 'has a value twice' }
const each = <T extends string>(values: readonly T[]): boolean => new Set(values).size === values.length
const digest = (length: number) => z.string().check(z.regex(new RegExp(`^[0-9a-f]{${length}}$`)))

const eachOnce = (pattern: RegExp) =>
  z.array(z.string().check(z.regex(pattern))).check(z.maxLength(64), z.refine(each, isEachOnce))

const hook = z.optional(z.strictObject({ runtime: z.enum(RUNTIMES), limits: limitsSchema }))

const plugin = z.strictObject({
  name: z.string().check(z.regex(PLUGIN_NAME)),
  version: z.string().check(z.regex(SEMVER)),
  source: z.union(
    [
      z.strictObject({
        registry: z.string().check(z.regex(REGISTRY)),
        url: z.nullable(z.string().check(z.regex(ADDRESS))),
      }),
      z.strictObject({ url: z.string().check(z.regex(ADDRESS)) }),
      z.strictObject({ file: z.string().check(z.regex(TARBALL)) }),
    ],
    { error: 'must be {"registry": NAME, "url": ADDRESS or null}, {"url": ADDRESS} or {"file": NAME.tgz}' },
  ),
  range: z.nullable(z.string().check(z.refine(isLockRange, { error: 'is no range of versions' }))),
  held: z.boolean(),
  sha256: digest(64),
  sha512: digest(128),
  manifest: digest(64),
  signers: eachOnce(SIGNER),
  countersigners: eachOnce(SIGNER),
  predicates: eachOnce(PREDICATE),
  fileList: z.enum(['signed', 'recorded']),
  platforms: z.nullable(
    z.array(z.enum(PLATFORMS)).check(z.minLength(1), z.maxLength(PLATFORMS.length), z.refine(each, isEachOnce)),
  ),
  requires: requiresSchema,
  runtime: z.enum(RUNTIMES),
  protocol: z.enum(PROTOCOLS),
  hooks: z.strictObject({ health: hook, postinstall: hook, preremove: hook, 'migrate-data': hook }),
  permissions: permissionsSchema,
  limits: limitsSchema,
})

const schema = z.strictObject({
  lockVersion: z.literal(LOCK_VERSION),
  plugins: z.array(plugin).check(z.maxLength(PLUGINS_MAX)),
})

/** Its version alone, before everything else in it is called a fault. */
const versionSchema = z.looseObject({ lockVersion: z.int() })

/**
 * In whatever order it stands: people merge such files by hand. What each plugin says must go together is looked at by
 * `assertCoherent`.
 * @throws PluginError `LOCK_INVALID`, listing every fault with its path
 */
export function parseLockFile(bytes: Uint8Array, source: string): LockFile {
  const json = parseStrictJson(bytes, { maxBytes: LOCK_MAX_BYTES, maxDepth: 8 })
  if (!json.ok) throw invalidLock(source, [json.reason])
  const version = versionSchema.safeParse(json.value)
  if (version.success && version.data.lockVersion > LOCK_VERSION) {
    throw invalidLock(source, [
      `lockVersion: ${version.data.lockVersion} was written by a newer version of Bulkhead, this one knows ${LOCK_VERSION}`,
    ])
  }
  const parsed = schema.safeParse(json.value)
  if (!parsed.success) {
    throw invalidLock(
      source,
      faultsOf(parsed.error).map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)),
    )
  }
  const plugins = parsed.data.plugins.map(
    ({ name, sha256, sha512, manifest, limits, hooks, ...rest }): LockedPlugin => ({
      ...rest,
      name: name as PluginName,
      sha256: sha256 as Sha256,
      sha512: sha512 as Sha512,
      manifest: manifest as Sha256,
      limits: requestOf(limits),
      hooks: eachHook(hooks, ({ runtime, limits: own }) => ({ runtime, limits: requestOf(own) })),
    }),
  )
  const faults = plugins.flatMap(faultsOfPlugin)
  const names = plugins.map(({ name }) => name)
  const twice = names.filter((name, at) => names.indexOf(name) !== at)
  faults.push(...[...new Set(twice)].map((name) => `plugins: ${name} is there twice`))
  if (faults.length > 0) throw invalidLock(source, faults)
  return { plugins: plugins.sort((a, b) => (a.name < b.name ? -1 : 1)) }
}

function faultsOfPlugin({ name, requires, permissions }: LockedPlugin, at: number): string[] {
  const twice = Object.entries(permissions).filter(([, values]) => !each(values))
  return [
    ...(Object.hasOwn(requires, name) ? [`plugins[${at}].requires."${name}": a plugin cannot require itself`] : []),
    ...twice.map(([key]) => `plugins[${at}].permissions.${key}: has a value twice`),
  ]
}

/** Faults in a sentence: the rest are in `details`, each on a line of its own. */
const SHOWN_MAX = 10

export function invalidLock(source: string, faults: readonly string[]): PluginError {
  const more = faults.length > SHOWN_MAX ? `; and ${faults.length - SHOWN_MAX} more` : ''
  return new PluginError(
    'LOCK_INVALID',
    `cannot use ${printable(source, 400)}: ${faults.slice(0, SHOWN_MAX).join('; ')}${more}`,
    { hint: 'plugins sync --write makes one from what is installed here', details: { faults } },
  )
}
