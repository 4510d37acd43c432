import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { importsOf, type Source, sources } from './sources.ts'

const ROOMS = ['registry', 'verify', 'store', 'runtime'] as const

/** DESIGN §1: which part of the house a source file belongs to. */
function partOf(path: string): string {
  const [, first = ''] = path.split('/')
  if (first === 'manager.ts' || first === 'marketplace.ts') return 'conductors'
  if (first === 'manager' || first === 'marketplace') return 'conductors'
  return first.replace(/\.ts$/, '')
}

const MAY_SEE: Readonly<Record<string, readonly string[]>> = {
  cli: ['cli', 'index'],
  index: ['conductors', 'core', 'version', ...ROOMS],
  grpc: ['index', 'core', 'runtime'],
  // A sub-path of the package, for whoever wants it: `@bulkhead/plugins/mcp`.
  mcp: ['conductors', 'core', 'runtime'],
  conductors: ['conductors', 'core', 'version', ...ROOMS],
  ...Object.fromEntries(ROOMS.map((room) => [room, [room, 'core', 'version']])),
  // What authors take along into a plugin: one file, without the rest of the house.
  kit: ['kit', 'core'],
  core: ['core'],
  version: [],
}

const own = (source: Source) => importsOf(source).filter((target) => target.startsWith('src/'))
const all = sources('src/**/*.ts')

test('every source file belongs to a part of the house', () => {
  assert.ok(all.length > 100)
  for (const { path } of all) assert.ok(partOf(path) in MAY_SEE, `${path} is in no known part`)
})

test('imports go downstairs, and rooms never import each other', () => {
  const wrong = all.flatMap((source) =>
    own(source)
      .filter((target) => !MAY_SEE[partOf(source.path)]?.includes(partOf(target)))
      .map((target) => `${source.path} imports ${target}`),
  )
  assert.deepEqual(wrong, [])
})

test('the command line sees nothing of the library but its public face', () => {
  for (const source of sources('src/cli/**/*.{ts,js}')) {
    const outside = own(source).filter((target) => !target.startsWith('src/cli/'))
    assert.deepEqual(
      [...new Set(outside)].filter((target) => target !== 'src/index.ts'),
      [],
      source.path,
    )
  }
})

/** What comes along with a file, as soon as it is imported: files of ours, and packages. */
function loadedBy(first: string): string[] {
  const loaded = new Set<string>()
  const load = (path: string) => {
    if (loaded.has(path)) return
    loaded.add(path)
    const [source] = sources(path)
    const values = (source?.text ?? '').matchAll(/^(?:import|export) (?!type\b)[^;'()]*?from '([^']+)'/gm)
    for (const [, target = ''] of values) {
      if (target.startsWith('.')) load(join(dirname(path), target))
      else loaded.add(target)
    }
  }
  load(first)
  return [...loaded]
}

test('importing the public face loads no package and no part that works', () => {
  const beyond = loadedBy('src/index.ts').filter(
    (path) => !/^(?:src\/(?:core\/|index|version|store\/sqlite-binding)|node:)/.test(path),
  )
  assert.deepEqual(beyond, [])
})

test('importing the transport for MCP clients loads the two ends of a pipe, and nothing that starts a sandbox', () => {
  const beyond = loadedBy('src/mcp.ts').filter(
    (path) =>
      !/^(?:src\/(?:core\/|mcp\.ts|runtime\/channel\/|manager\/(?:mcp|loaded)\/|manager\/plugin-name)|node:)/.test(
        path,
      ),
  )
  assert.deepEqual(beyond, [])
})

test('an example uses what is published, Node, and its own files', () => {
  for (const source of sources('examples/**/*.mjs')) {
    const [folder] = /^examples\/[^/]+\//.exec(source.path) ?? []
    const outside = importsOf(source).filter(
      (target) => !/^(?:node:|@bulkhead\/plugins)/.test(target) && !target.startsWith(folder ?? 'examples/'),
    )
    assert.deepEqual(outside, [], source.path)
  }
})

test('core does no input or output', () => {
  const PURE = ['node:crypto', 'node:path', 'node:zlib', 'node:util', 'node:buffer', 'zod/mini', 'semver']
  for (const source of sources('src/core/**/*.ts')) {
    const bare = importsOf(source).filter((target) => !target.startsWith('src/'))
    assert.deepEqual(
      bare.filter((target) => !PURE.includes(target)),
      [],
      source.path,
    )
    assert.doesNotMatch(
      source.text,
      /\bprocess\.(?:env|stdout|stderr|argv|exit)\b|\bDate\.now\(\)|\bfetch\(/,
      source.path,
    )
  }
})

test('a verified value is made in one file of the sources, and nowhere else', () => {
  const makers = sources('src/**/*.ts').filter(({ text }) =>
    /\bas (?:unknown as )?Verified(?:Release|Statement)\b/.test(text),
  )
  assert.deepEqual(
    makers.map(({ path }) => path),
    ['src/verify/verifier.ts'],
  )
})

test('no file is longer than a reader can hold: 400 lines, 450 of C', () => {
  const long = sources('src/**/*.{ts,js,c,h}')
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ path, lines }) => lines > (/\.[ch]$/.test(path) ? 450 : 400))
  assert.deepEqual(long, [])
})

test('a release version is written once and repeated once', () => {
  const [manifest] = sources('package.json')
  const [version] = sources('src/version.ts')
  const published = (JSON.parse(manifest?.text ?? '{}') as { version: string }).version
  assert.ok(version?.text.includes(`'${published}'`), `${version?.text.trim()} is not ${published}`)
})
