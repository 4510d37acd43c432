import * as z from 'zod/mini'
import { ARCHIVE_BOUNDS } from '../core/archive.ts'
import type { Sha256 } from '../core/digest.ts'
import { RegistryError } from '../core/errors.ts'
import { faultsOf } from '../core/faults.ts'
import { parseStrictJson } from '../core/json.ts'
import type { ListedRelease } from '../core/listed-release.ts'
import { TEXT } from '../core/manifest-parser.ts'
import { PLUGIN_NAME, type PluginName, SEMVER } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import { isBundleOf, isTarballPath } from './paths.ts'
import type { ListedPlugin } from './registry.ts'

/** Of `index.json`: 50,000 plugins with a sentence each. */
export const ROOT_MAX_BYTES = 32 * 2 ** 20
export const PLUGINS_MAX = 50_000
/** Of `index/NAMESPACE/NAME.json`. */
export const PLUGIN_MAX_BYTES = 4 * 2 ** 20
export const RELEASES_MAX = 5_000
const FORMAT = 1

/** One release in the file of its plugin, with the places of its files. */
export interface IndexedRelease extends Omit<ListedRelease, 'registry' | 'name'> {
  readonly tarball: string
  readonly bundle: string
}

const text = (max: number) => z.string().check(z.minLength(1), z.maxLength(max), z.regex(TEXT))
/** Whole seconds in UTC, so that one moment has one spelling. */
const instant = z
  .string()
  .check(z.refine((value) => isInstant(value), { error: 'expected a time in UTC such as 2026-11-01T08:00:00Z' }))
const isInstant = (value: string): boolean =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value) && formatInstant(Date.parse(value)) === value
const formatInstant = (ms: number): string => (Number.isNaN(ms) ? '' : `${new Date(ms).toISOString().slice(0, 19)}Z`)

const ranges = (key: RegExp, max: number) =>
  z._default(
    z
      .record(z.string().check(z.regex(key)), text(100))
      .check(z.refine((value) => Object.keys(value).length <= max, `has more than ${max} keys`)),
    {},
  )

const release = z
  .strictObject({
    version: z.string().check(z.regex(SEMVER)),
    tarball: z.string().check(z.refine(isTarballPath, 'expected a plain relative path of a .tgz')),
    bundle: z.string().check(z.maxLength(600)),
    sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
    bytes: z.int().check(z.gte(1), z.lte(ARCHIVE_BOUNDS.tarballBytes)),
    listedAt: z.optional(instant),
    description: z.optional(text(500)),
    yanked: z.optional(text(500)),
    deprecated: z.optional(text(500)),
    requires: ranges(PLUGIN_NAME, 256),
    engines: ranges(/^[a-z]{1,16}$/, 16),
    // Not those that we know: one release for a machine of tomorrow must not hide all others.
    platforms: z.optional(
      z.array(z.string().check(z.regex(/^[a-z0-9]{1,16}\/[a-z0-9_]{1,16}$/))).check(z.minLength(1), z.maxLength(32)),
    ),
  })
  .check(
    z.superRefine(({ tarball, bundle }, context) => {
      if (!isBundleOf(bundle, tarball))
        context.addIssue({
          code: 'custom',
          path: ['bundle'],
          message: 'expected the name of the tarball and .sigstore.json or .jsonl',
        })
    }),
  )

const isUnique = (values: readonly string[]): boolean => new Set(values).size === values.length

const pluginFile = z.strictObject({
  registry: z.literal(FORMAT),
  name: z.string().check(z.regex(PLUGIN_NAME)),
  releases: z.array(release).check(
    z.maxLength(RELEASES_MAX),
    z.refine((releases) => isUnique(releases.map(({ version }) => version)), 'has a version twice'),
  ),
})

const rootFile = z.strictObject({
  registry: z.literal(FORMAT),
  plugins: z
    .array(
      z.strictObject({
        name: z.string().check(z.regex(PLUGIN_NAME)),
        version: z.string().check(z.regex(SEMVER)),
        description: z.optional(text(500)),
      }),
    )
    .check(
      z.maxLength(PLUGINS_MAX),
      z.refine((plugins) => isUnique(plugins.map(({ name }) => name)), 'has a name twice'),
    ),
})

/** @throws RegistryError `REGISTRY_INVALID`, listing every fault with its path */
export function parsePluginFile(bytes: Uint8Array, name: PluginName, source: string): readonly IndexedRelease[] {
  const file = parse(pluginFile, bytes, PLUGIN_MAX_BYTES, source)
  if (file.name !== name) throw invalid(source, [`name: expected ${name}, found ${file.name}`])
  return file.releases.map(({ listedAt, sha256, description, yanked, deprecated, platforms, ...rest }) => ({
    ...rest,
    sha256: sha256 as Sha256,
    description: description ?? null,
    listedAtMs: listedAt === undefined ? null : Date.parse(listedAt),
    yanked: yanked ?? null,
    deprecated: deprecated ?? null,
    platforms: platforms ?? null,
  }))
}

/** @throws RegistryError `REGISTRY_INVALID`, listing every fault with its path */
export function parseRootFile(bytes: Uint8Array, source: string): readonly ListedPlugin[] {
  return parse(rootFile, bytes, ROOT_MAX_BYTES, source).plugins.map(({ name, description, ...rest }) => ({
    ...rest,
    name: name as PluginName,
    description: description ?? null,
  }))
}

/** The same releases give the same bytes: fixed order of keys, one line for each release. */
export function formatPluginFile(name: PluginName, releases: readonly IndexedRelease[]): Buffer {
  const lines = releases.map((one) => {
    const { version, tarball, bundle, sha256, bytes, listedAtMs, requires, engines, ...said } = one
    return JSON.stringify({
      version,
      tarball,
      bundle,
      sha256,
      bytes,
      ...(listedAtMs === null ? {} : { listedAt: formatInstant(listedAtMs) }),
      ...given({ description: said.description, yanked: said.yanked, deprecated: said.deprecated }),
      ...given({ requires: sortedOrNull(requires), engines: sortedOrNull(engines), platforms: said.platforms }),
    })
  })
  return document(`"name": ${JSON.stringify(name)},\n  "releases"`, lines)
}

export function formatRootFile(plugins: readonly ListedPlugin[]): Buffer {
  const lines = plugins.map(({ name, version, description }) =>
    JSON.stringify({ name, version, ...given({ description }) }),
  )
  return document('"plugins"', lines)
}

const document = (head: string, lines: readonly string[]): Buffer =>
  Buffer.from(`{\n  "registry": ${FORMAT},\n  ${head}: [${lines.map((line) => `\n    ${line}`).join(',')}\n  ]\n}\n`)

const given = (values: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null))

function sortedOrNull(record: Readonly<Record<string, string>>): object | null {
  const entries = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.length === 0 ? null : Object.fromEntries(entries)
}

function parse<T extends z.core.$ZodType>(schema: T, bytes: Uint8Array, maxBytes: number, source: string): z.infer<T> {
  const json = parseStrictJson(bytes, { maxBytes, maxDepth: 8, maxStructure: maxBytes / 2 })
  if (!json.ok) throw invalid(source, [json.reason])
  const parsed = z.safeParse(schema, json.value)
  if (parsed.success) return parsed.data
  throw invalid(
    source,
    faultsOf(parsed.error).map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)),
  )
}

/** A file of a thousand faults is not a sentence of a thousand faults. */
const FAULTS_SHOWN = 20

function invalid(source: string, faults: readonly string[]): RegistryError {
  const more = faults.length > FAULTS_SHOWN ? `; and ${faults.length - FAULTS_SHOWN} more` : ''
  const shown = faults.slice(0, FAULTS_SHOWN)
  return new RegistryError('REGISTRY_INVALID', `cannot use ${printable(source, 400)}: ${shown.join('; ')}${more}`, {
    hint: 'tell whoever runs the registry; nothing was changed here',
    details: { faults: faults.slice(0, 1000) },
  })
}
