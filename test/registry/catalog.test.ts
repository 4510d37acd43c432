import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { RegistryConfig } from '../../src/core/config.ts'
import type { PluginName } from '../../src/core/name.ts'
import { Catalog, openRegistry } from '../../src/registry/index.ts'
import { configOf, HELLO, only, shelf } from './shelf.ts'

const catalogOf = (...registries: readonly RegistryConfig[]) =>
  new Catalog(registries, (config) => openRegistry(config, { downloads: null, uid: 0, patience: { backOffMs: 5 } }))

const manifest = (name: string, version: string, rest: object = {}) => ({
  name,
  version,
  files: { 'plugin.json': JSON.stringify({ name, version, entry: { runtime: 'node', path: 'main.js' }, ...rest }) },
})

const two = async (t: TestContext) => ({
  first: await shelf(t, manifest('acme/hello', '1.0.0', { description: 'says hello' })),
  second: await shelf(
    t,
    { version: '9.0.0' },
    manifest('other/hello', '1.0.0'),
    manifest('other/tool', '2.0.0', { description: 'hello, tool' }),
  ),
})

test('a release is listed with what its manifest says, and fetched as it is', async (t) => {
  const requires = { 'acme/base': '^1' }
  const rest = { requires, engines: { node: '>=22' }, platforms: ['linux/amd64'], description: 'says hello' }
  const { folder } = await shelf(t, manifest('acme/hello', '1.0.0', rest))
  const catalog = catalogOf(configOf(folder))
  const release = only(await catalog.releases(HELLO))
  assert.deepEqual(
    { ...release, sha256: '', bytes: 0 },
    {
      registry: 'main',
      name: HELLO,
      version: '1.0.0',
      sha256: '',
      bytes: 0,
      listedAtMs: Date.parse('2026-11-02T10:00:00Z'),
      yanked: null,
      deprecated: null,
      ...rest,
    },
  )
  const staged = await catalog.fetch(release)
  assert.deepEqual([staged.sha256, staged.bytes.length], [release.sha256, release.bytes])
  assert.equal(staged.source, join(folder, 'acme-hello-1.0.0.tgz'))
})

test('a name is served by the first registry that its patterns match', async (t) => {
  const { first, second } = await two(t)
  const catalog = catalogOf(
    configOf(first.folder, { name: 'own', namespaces: ['acme/*'] }),
    configOf(second.folder, { name: 'public' }),
  )
  assert.equal(only(await catalog.releases(HELLO)).version, '1.0.0')
  assert.equal(only(await catalog.releases('other/tool' as PluginName)).registry, 'public')
})

test('no registry for a name, and no such plugin in it, are said apart', async (t) => {
  const { first } = await two(t)
  await assert.rejects(catalogOf().releases(HELLO), {
    code: 'REGISTRY_NOT_FOUND',
    message: /no registry is configured/,
  })
  const catalog = catalogOf(configOf(first.folder, { namespaces: ['acme/*'] }))
  await assert.rejects(catalog.releases('other/tool' as PluginName), {
    code: 'REGISTRY_NOT_FOUND',
    message: /main \(acme\/\*\)/,
  })
  await assert.rejects(catalog.releases('acme/other' as PluginName), {
    code: 'RELEASE_NOT_FOUND',
    message: /main has no such/,
  })
})

test('a search asks all registries, finds in names before descriptions, and only what could be installed', async (t) => {
  const { first, second } = await two(t)
  const catalog = catalogOf(
    configOf(first.folder, { name: 'own', namespaces: ['acme/*'] }),
    configOf(second.folder, { name: 'public' }),
  )
  const { found, more, failed } = await catalog.search('HELLO')
  assert.deepEqual(
    found.map(({ name, version, registry }) => `${name} ${version} ${registry}`),
    ['acme/hello 1.0.0 own', 'other/hello 1.0.0 public', 'other/tool 2.0.0 public'],
  )
  assert.deepEqual([more, failed], [0, []])
  const limited = await catalog.search('', { limit: 1 })
  assert.deepEqual([limited.found.length, limited.more], [1, 2])
  assert.deepEqual(
    (await catalog.search('hello tool')).found.map(({ name }) => name),
    ['other/tool'],
  )
  assert.deepEqual((await catalog.search('nothing like it')).found, [])
})

test('a registry that cannot be asked is named, and the others are searched', async (t) => {
  const { first, second } = await two(t)
  rmSync(second.folder, { recursive: true })
  const dead = configOf('http://127.0.0.1:9/', { name: 'dead', namespaces: ['dead/*'] })
  const catalog = catalogOf(
    dead,
    configOf(first.folder, { name: 'own' }),
    configOf(second.folder, { name: 'gone', namespaces: ['gone/*'] }),
  )
  const { found, failed } = await catalog.search('hello')
  assert.deepEqual(
    found.map(({ name }) => name),
    [HELLO],
  )
  assert.deepEqual(
    failed.map(({ registry, error }) => `${registry} ${error.code}`),
    ['dead REGISTRY_UNREACHABLE', 'gone REGISTRY_UNREACHABLE'],
  )
})

test('two thousand questions at once about a folder take few descriptors', async (t) => {
  const { folder } = await shelf(t, {})
  const catalog = catalogOf(configOf(folder))
  let most = 0
  const timer = setInterval(() => {
    most = Math.max(most, readdirSync('/proc/self/fd').length)
  }, 1)
  t.after(() => clearInterval(timer))
  const before = readdirSync('/proc/self/fd').length
  const all = await Promise.all(Array.from({ length: 2000 }, () => catalog.releases(HELLO)))
  assert.equal(all.length, 2000)
  assert.ok(most > 0 && most < before + 64, `${most}`)
})
