import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openCatalog } from '../../src/manager/catalog.ts'
import { openHost } from '../../src/manager/host.ts'
import { Registries } from '../../src/manager/registries.ts'
import { HELLO, only, shelf } from '../registry/shelf.ts'

async function house(t: TestContext, config: string | null = null) {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-home-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const home = join(folder, 'home')
  mkdirSync(home, { mode: 0o700 })
  const path = join(home, 'config.json')
  if (config !== null) writeFileSync(path, config, { mode: 0o600 })
  const host = await openHost({ home })
  t.after(() => host.store.close())
  return { host, path, home, registries: new Registries(host), config: () => readFileSync(path, 'utf8') }
}

const MAIN = { url: 'https://plugins.example' }

test('registries are added, listed in the order in which they are asked, and removed', async (t) => {
  const { registries, host, path } = await house(t)
  assert.deepEqual(await registries.list(), [])
  await registries.add('main', MAIN)
  await registries.add('own', { url: '/srv/plugins', namespaces: ['acme/*'], first: true })
  const [own, main] = await registries.list()
  assert.deepEqual(own, { name: 'own', url: '/srv/plugins', namespaces: ['acme/*'], insecure: false, tokenFile: null })
  assert.deepEqual([main?.name, main?.url], ['main', 'https://plugins.example/'])
  assert.equal((await registries.remove('own')).url, '/srv/plugins')
  await registries.remove('main')
  assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), {})
  assert.deepEqual(
    host.store.events.list(null, 10).map(({ kind, subject }) => `${kind} ${subject}`),
    ['registry-added main', 'registry-added own', 'registry-removed own', 'registry-removed main'],
  )
})

test('every other character of config.json stays, and so does its mode', async (t) => {
  const text = '{ "uids": {"first": 2000000000,\n\t"count": 1e3},  "profile":"strict" }\n'
  const { registries, path, config } = await house(t, text)
  await registries.add('main', MAIN)
  assert.ok(config().startsWith('{ "uids": {"first": 2000000000,\n\t"count": 1e3},  "profile":"strict",'))
  assert.equal(statSync(path).mode & 0o777, 0o600)
  await registries.remove('main')
  assert.equal(config(), text)
})

test('what the new registry will not be asked for is said, and what others will not be', async (t) => {
  const { registries } = await house(t)
  await registries.add('main', MAIN)
  const behind = await registries.add('own', { url: '/srv/own', namespaces: ['acme/*'] })
  assert.match(behind.notes.join(), /acme\/\* is served by main, which comes before it; --first changes that/)
  await registries.remove('own')
  assert.deepEqual((await registries.add('own', { url: '/srv/own', namespaces: ['acme/*'], first: true })).notes, [])
  const all = await registries.add('all', { url: '/srv/all', first: true })
  assert.match(all.notes.join(), /acme\/\* was served by own, and is by all alone now.*was served by main/)
})

test('what no configuration may hold is refused before anything is written', async (t) => {
  const { registries, path } = await house(t)
  const cases: readonly [string, object, RegExp][] = [
    ['Main', MAIN, /name/],
    ['a/b', MAIN, /name/],
    ['main', { url: 'http://plugins.example' }, /this machine alone/],
    ['main', { url: 'https://u:p@plugins.example' }, /password/],
    ['main', { ...MAIN, namespaces: ['acme'] }, /no pattern/],
  ]
  for (const [name, asked, message] of cases)
    await assert.rejects(registries.add(name, asked as typeof MAIN), { code: 'USAGE', message })
  await assert.rejects(registries.add('main', { url: '/srv', tokenFile: '/t' }), {
    code: 'CONFIG_INVALID',
    message: /tokenFile/,
  })
  assert.ok(!existsSync(path))
  await registries.add('main', MAIN)
  await assert.rejects(registries.add('main', MAIN), { code: 'WRONG_STATE', message: /one of this name/ })
  await assert.rejects(registries.remove('other'), { code: 'REGISTRY_NOT_FOUND', message: /there is main/ })
})

test('a config.json that others could have written, or that is damaged, is not edited', async (t) => {
  const { registries, path, host, home } = await house(t)
  await registries.add('main', MAIN)
  chmodSync(path, 0o666)
  await assert.rejects(registries.add('own', MAIN), { code: 'POLICY_UNSAFE' })
  await assert.rejects(openCatalog(host), { code: 'POLICY_UNSAFE' })
  rmSync(path)
  symlinkSync('/etc/hostname', path)
  await assert.rejects(registries.add('own', MAIN), { code: 'POLICY_UNSAFE' })
  rmSync(path)
  writeFileSync(path, '{"profile": "none"}', { mode: 0o600 })
  await assert.rejects(registries.add('own', MAIN), { code: 'CONFIG_INVALID' })
  assert.equal(readFileSync(path, 'utf8'), '{"profile": "none"}')
  assert.deepEqual(
    readdirSync(home).filter((name) => /lock|tmp/.test(name)),
    [],
  )
})

test('ten who add at once lose nothing', async (t) => {
  const { registries } = await house(t)
  await Promise.all(Array.from({ length: 10 }, (_, at) => registries.add(`r${at}`, { url: `/srv/${at}` })))
  assert.equal((await registries.list()).length, 10)
})

test('for one command a registry is named by its name, its folder or its address', async (t) => {
  const own = await shelf(t, {})
  const { registries, host } = await house(t)
  await assert.rejects((await openCatalog(host)).releases(HELLO), { code: 'REGISTRY_NOT_FOUND' })
  await registries.add('own', { url: own.folder, namespaces: ['acme/*'] })
  await registries.add('first', { url: '/nowhere', first: true })
  await assert.rejects((await openCatalog(host)).releases(HELLO), { code: 'REGISTRY_UNREACHABLE' })
  for (const asked of ['own', own.folder, `file://${own.folder}`])
    assert.equal(
      only(await (await openCatalog(host, asked)).releases(HELLO)).registry,
      asked === 'own' ? 'own' : own.folder,
    )
  await assert.rejects((await openCatalog(host, 'own')).releases('other/x' as typeof HELLO), {
    code: 'REGISTRY_NOT_FOUND',
  })
  await assert.rejects(openCatalog(host, 'none'), { code: 'REGISTRY_NOT_FOUND', message: /there are first, own/ })
  await assert.rejects(openCatalog(host, 'http://plugins.example'), { code: 'USAGE' })
})
