import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { MANIFEST_MAX_BYTES } from '../../src/core/manifest.ts'
import { parseManifest } from '../../src/core/manifest-parser.ts'
import { manifestJsonSchema } from '../../src/core/manifest-schema.ts'
import { changed, type Json, places } from '../helpers/edited.ts'

const plain = { name: 'acme/hello', version: '1.0.0', entry: { runtime: 'node', path: 'main.js' } }
const full = {
  $schema: 'https://bulkhead.dev/schema/plugin-1.json',
  name: 'acme/word-count',
  version: '1.2.3-rc.1+build.5',
  description: 'Counts words',
  license: 'MIT',
  engines: { bulkhead: '>=1', node: '>=22' },
  platforms: ['linux/amd64', 'linux/arm64'],
  entry: { runtime: 'exec', path: 'bin/word-count', args: ['--fast', ''], preload: ['pandas'] },
  protocol: 'stdio',
  limits: {
    memory: '128M',
    cpu: 0.5,
    processes: 32,
    files: 64,
    tmp: '16M',
    data: '64M',
    output: '16M',
    timeout: '300s',
    idle: '60s',
  },
  permissions: {
    network: ['api.example.com:443', '*.example.org:1'],
    read: ['/usr/share/zoneinfo'],
    env: ['API_TOKEN'],
  },
  config: { units: { type: 'string', enum: ['si', 'us'], default: 'si' } },
}

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value))
const faultsOf = (value: unknown): string[] => {
  try {
    parseManifest(Buffer.isBuffer(value) ? value : bytes(value))
    return []
  } catch (error) {
    const { code, details } = error as { code: string; details: { faults: { path: string; message: string }[] } }
    assert.equal(code, 'MANIFEST_INVALID')
    return details.faults.map(({ path, message }) => `${path}: ${message}`)
  }
}

test('reads the manifest of the design, in the units that the rest of the code counts in', () => {
  const manifest = parseManifest(bytes(full))
  assert.equal(manifest.limits.memoryBytes, 128 * 2 ** 20)
  assert.equal(manifest.limits.timeoutMs, 300_000)
  assert.deepEqual(manifest.permissions, full.permissions)
  assert.equal('$schema' in manifest, false)
})

test('what is left out has a default, and every list is there', () => {
  const manifest = parseManifest(bytes(plain))
  assert.equal(manifest.protocol, 'stdio')
  assert.deepEqual(manifest.permissions, { network: [], read: [], env: [] })
  assert.deepEqual([manifest.entry.args, manifest.entry.preload], [[], []])
})

test('every fault is told at once, each with its path', () => {
  const wrong = {
    ...plain,
    version: '1.0',
    colour: 'red',
    entry: { runtime: 'ruby', path: '../main.js' },
    limits: { memory: '128 MB', cpu: 0, sockets: 1 },
    permissions: { network: ['example.com:443', 'example.com', 'a:65536'], env: ['PATH', 'lower'] },
    config: { unit: { type: 'string', secrets: true } },
  }
  const paths = faultsOf(wrong).map((line) => line.slice(0, line.indexOf(': ')))
  assert.deepEqual(paths.sort(), [
    'colour',
    'config.unit.secrets',
    'entry.path',
    'entry.runtime',
    'limits.cpu',
    'limits.memory',
    'limits.sockets',
    'permissions.env[0]',
    'permissions.env[1]',
    'permissions.network[1]',
    'permissions.network[2]',
    'version',
  ])
  assert.deepEqual(faultsOf({ ...plain, colour: 1 }), ['colour: is not a known key'])
  assert.deepEqual(faultsOf({ ...plain, name: undefined }), ['name: is missing (expected string)'])
})

test('that it requires itself is told beside every other fault', () => {
  assert.deepEqual(faultsOf({ ...plain, colour: 1, requires: { 'acme/hello': '^1', 'acme/other': 'newest' } }), [
    'requires."acme/other": is no range of versions (such as ^1.2, >=1.2.0 <2, 1.x or ^1 || ^2; 1 - 3 is written >=1 <=3)',
    'colour: is not a known key',
    'requires."acme/hello": a plugin cannot require itself',
  ])
})

test('the sentence names the file and each fault', () => {
  assert.throws(() => parseManifest(bytes({ ...plain, name: 'Acme' }), 'x/plugin.json'), {
    code: 'MANIFEST_INVALID',
    message: /^cannot use x\/plugin\.json: name: has the wrong form/,
  })
})

test('a runtime that gets too little is told beside every other fault', () => {
  assert.deepEqual(faultsOf({ ...plain, colour: 1, limits: { memory: '8M' } }), [
    'colour: is not a known key',
    'limits.memory: node needs at least 96M',
  ])
})

test('less than a runtime needs is a fault of the manifest: below that it hangs', () => {
  const asking = (runtime: string, limits: object) => faultsOf({ ...plain, entry: { runtime, path: 'x' }, limits })
  assert.deepEqual(asking('node', { memory: '95M', processes: 15, files: 31 }), [
    'limits.memory: node needs at least 96M',
    'limits.processes: node needs at least 16',
    'limits.files: node needs at least 32',
  ])
  assert.deepEqual(asking('node', { memory: '96M', processes: 16, files: 32 }), [])
  assert.deepEqual(asking('python', { memory: '23M' }), ['limits.memory: python needs at least 24M'])
  assert.deepEqual(asking('exec', { memory: '3M' }), ['limits.memory: exec needs at least 4M'])
})

test('a hook gets what its own runtime needs, and /data is not its own to size', () => {
  const hooked = (hook: object, rest = {}) =>
    faultsOf({
      ...plain,
      entry: { runtime: 'exec', path: 'x' },
      hooks: { postinstall: { path: 'y', ...hook } },
      ...rest,
    })
  assert.deepEqual(hooked({ runtime: 'node' }, { limits: { memory: '16M' } }), [
    'hooks.postinstall.limits.memory: node needs at least 96M',
  ])
  assert.deepEqual(hooked({ runtime: 'node', limits: { memory: '96M' } }, { limits: { memory: '16M' } }), [])
  assert.deepEqual(hooked({ limits: { data: '1M' } }), ['hooks.postinstall.limits.data: is not a known key'])
  assert.deepEqual(faultsOf({ ...plain, health: { path: 'y', limits: { files: 8 } } }), [
    'health.limits.files: node needs at least 32',
  ])
})

const entry = (path: string) => ({ ...plain, entry: { runtime: 'exec', path } })
const asking = (key: string, value: string) => ({ ...plain, permissions: { [key]: [value] } })
const needing = (range: string) => ({ ...plain, requires: { 'acme/other': range } })
const limited = (limits: object) => ({ ...plain, entry: { runtime: 'exec', path: 'x' }, limits })

/** Each beside its nearest neighbour. The second list is refused by the schema that is published, too. */
const VALID: readonly object[] = [
  plain,
  full,
  ...['a', 'a/b', '.hidden', 'a/..b', '...', 'bin/ä', `${'a/'.repeat(255)}b`].map(entry),
  ...['a:1', 'a.b:65535', '*.a.b:443', '10.0.0.1:80', `${'a'.repeat(63)}:1`].map((value) => asking('network', value)),
  ...['/usr', '/usr/share', '/etc/...', '/running', '/devices', '/var/run2'].map((value) => asking('read', value)),
  ...['A', '_A1', 'HOMEPAGE', 'NODE_ENV', 'PATHS', 'A'.repeat(128)].map((value) => asking('env', value)),
  ...[
    { memory: '4M' },
    { memory: '999999G' },
    { cpu: 0.01 },
    { cpu: 256 },
    { timeout: '1ms' },
    { idle: '9999999h' },
  ].map(limited),
  { ...plain, name: `${'a'.repeat(39)}/b-1` },
  { ...plain, config: { 'a.b-c_1': { type: 'boolean', default: true, required: true, secret: false } } },
  { ...plain, platforms: ['linux/arm64'] },
  ...['1', '^1.2', '~1.2.3-rc.1', '>=1.2.0 <2', '1.x', '1.2.*', '*', '^1 || ^2', '>= 22', '=1.0.0'].map(needing),
  ...['^1', '>=0.1'].map((range) => ({ ...plain, engines: { bulkhead: range, node: range, python: range } })),
  { ...plain, requires: Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`acme/n${at}`, '*'])) },
]
const REFUSED_BY_BOTH: readonly unknown[] = [
  null,
  [],
  'x',
  {},
  ...['', '/a', 'a/', 'a//b', '.', '..', './a', 'a/../b', 'a/..', 'a\\b', 'a\nb', `${'a/'.repeat(256)}b`].map(entry),
  ...[
    'a',
    'a:0',
    'A:1',
    ':1',
    '*:1',
    '*.*.a:1',
    '-a:1',
    'a-:1',
    'a..b:1',
    'http://a:1',
    'a:01',
    `${'a'.repeat(64)}:1`,
  ].map((value) => asking('network', value)),
  ...['', 'usr', '/', '/usr/', '/usr//share', '/usr/../etc', '/a/.', '/a\nb'].map((value) => asking('read', value)),
  ...['', 'a', '1A', 'A-B', 'A=B', 'A'.repeat(129)].map((value) => asking('env', value)),
  ...[
    { memory: '0M' },
    { memory: '01M' },
    { memory: '1.5G' },
    { memory: 128 },
    { memory: '1T' },
    { cpu: 0 },
    { cpu: 257 },
    { cpu: '1' },
    { processes: 0 },
    { processes: 1.5 },
    { timeout: '5' },
    { timeout: '0s' },
    { timeout: '5d' },
  ].map(limited),
  ...['acme', 'acme/', '/x', 'a/b/c', 'Acme/x', 'acme/-x', 'acme/x-', `${'a'.repeat(40)}/x`, 'acme/x\n', 'a_b/c'].map(
    (name) => ({ ...plain, name }),
  ),
  ...['1', '1.0', '01.0.0', 'v1.0.0', '1.0.0-', '1.0.0-01', ' 1.0.0', '1.0.0\n', `1.0.0-${'a'.repeat(60)}`].map(
    (version) => ({ ...plain, version }),
  ),
  { ...plain, platforms: [] },
  { ...plain, platforms: ['linux/386'] },
  { ...plain, protocol: 'http' },
  { ...plain, $schema: 'https://bulkhead.dev/schema/plugin-2.json' },
  { ...plain, config: { '1a': { type: 'string' } } },
  { ...plain, config: { a: { type: 'string', enum: [] } } },
  { ...plain, description: '' },
  { ...plain, description: 'a\u001b[31mb' },
  { ...plain, description: 'x'.repeat(501) },
  ...[
    '',
    'newest',
    'v1',
    '1 - 3',
    '1.x.3',
    '1.0.0+build',
    '01',
    '^1 ||',
    '1  2',
    ' 1',
    '>=1\n',
    `1${' 1'.repeat(50)}`,
  ].map(needing),
  { ...plain, requires: { acme: '*' } },
  { ...plain, requires: Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`acme/n${at}`, '*'])) },
  { ...plain, engines: { node: 'latest' } },
  { ...plain, engines: { deno: '>=1' } },
]
/** Rules that a JSON Schema cannot say: the parser is stricter, never laxer. */
const REFUSED_BY_THE_PARSER: readonly unknown[] = [
  asking('network', 'a:65536'),
  ...['127.1:80', '010.0.0.1:80', '1.2.3.256:80', '0x7f.1:80', '2130706433:80', '*.10.0.0.1:80', 'a.1e:80'].map(
    (value) => asking('network', value),
  ),
  asking('network', `${'a.'.repeat(127)}a:443`),
  ...['/proc', '/proc/1', '/sys', '/dev/null', '/run', '/run/user', '/var', '/var/run', '/var/run/x'].map((value) =>
    asking('read', value),
  ),
  ...[
    'PATH',
    'HOME',
    'TMPDIR',
    'LANG',
    'PLUGIN_NAME',
    'LD_PRELOAD',
    'NODE_OPTIONS',
    'NODE_PATH',
    'PYTHONPATH',
    'BULKHEAD_HOME',
  ].map((value) => asking('env', value)),
  { ...plain, limits: { memory: '95M' } },
  { ...plain, requires: { 'acme/hello': '*' } },
]

const schemaAccepts = (() => {
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(manifestJsonSchema())
  return (value: unknown): boolean => validate(value) === true
})()

test('the published schema and the parser agree about valid and invalid manifests', () => {
  for (const value of VALID) {
    assert.deepEqual(faultsOf(value), [], JSON.stringify(value))
    assert.equal(schemaAccepts(value), true, JSON.stringify(value))
  }
  for (const value of REFUSED_BY_BOTH) {
    assert.notDeepEqual(faultsOf(value), [], JSON.stringify(value))
    assert.equal(schemaAccepts(value), false, JSON.stringify(value))
  }
  for (const value of REFUSED_BY_THE_PARSER) assert.equal(faultsOf(value).length, 1, JSON.stringify(value))
})

test('whatever the parser accepts of a mutated manifest the schema accepts, and the rest is a fault with a path', () => {
  const spots = [...places(full)]
  const junk: fc.Arbitrary<Json | undefined> = fc.oneof(
    fc.constant(undefined),
    fc.constantFrom<Json>(null, true, 0, -1, 0.5, 2 ** 40, '', '..', '/', 'a', '1M', '1s', {}, [], [[]], { a: 1 }),
    fc.string({ maxLength: 20 }),
    fc.constantFrom<Json>(
      ...spots.map((spot) => spot.reduce((at: unknown, step) => (at as never)[step], full) as Json),
    ),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...spots), junk), { minLength: 1, maxLength: 3 }), (edits) => {
      const mutated = JSON.parse(
        JSON.stringify(
          edits.reduce<unknown>((document, [spot, value]) => {
            try {
              return changed(document, spot, value)
            } catch {
              return document // an earlier edit took the place away
            }
          }, full),
        ),
      )
      const faults = faultsOf(mutated)
      if (faults.length === 0) assert.equal(schemaAccepts(mutated), true)
      else for (const fault of faults) assert.match(fault, /^[^:]*: ./)
    }),
    { numRuns: 1500 },
  )
})

test('two readings of one text are refused: a key twice, a key of the prototype, no UTF-8', () => {
  assert.match(faultsOf(Buffer.from('{"name":"acme/a","name":"acme/b"}')).join(), /name/)
  assert.notDeepEqual(faultsOf(Buffer.from(`{"__proto__":{},${JSON.stringify(plain).slice(1)}`)), [])
  assert.notDeepEqual(faultsOf(Buffer.concat([bytes(plain), Buffer.from([0xff])])), [])
  assert.notDeepEqual(faultsOf(Buffer.from(`\ufeff${JSON.stringify(plain)}`)), [])
})

test('a manifest is a page, not a book', () => {
  const padded = (length: number) => Buffer.from(JSON.stringify(plain).padEnd(length))
  assert.deepEqual(faultsOf(padded(MANIFEST_MAX_BYTES)), [])
  assert.equal(faultsOf(padded(MANIFEST_MAX_BYTES + 1)).length, 1)
})

test('the manifests of the reference plugins keep every rule', () => {
  for (const plugin of ['hello', 'word-count', 'table', 'everything']) {
    const path = join(import.meta.dirname, '../../plugins', plugin, 'plugin.json')
    assert.deepEqual(faultsOf(readFileSync(path)), [], plugin)
  }
})
