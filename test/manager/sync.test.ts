import assert from 'node:assert/strict'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { formatLockFile, type LockedPlugin } from '../../src/core/lock-file.ts'
import { parseLockFile } from '../../src/core/lock-file-parser.ts'
import { foundOf } from '../../src/manager/found-release.ts'
import { type Host, openHost } from '../../src/manager/host.ts'
import type { HostKnowledge } from '../../src/manager/host-lock.ts'
import { writeLock } from '../../src/manager/lock-writing.ts'
import { type LockedRelease, type SyncApply, type SyncOptions, sync } from '../../src/manager/sync.ts'
import { fetchTarball } from '../../src/registry/index.ts'
import { authority } from '../helpers/authority.ts'
import { agree, type Household, household, manifestOf, rewrite, trust, writeRelease } from './household.ts'

const KNOWLEDGE: HostKnowledge = { isHeld: () => false, rangeOf: () => null, registries: new Map() }
const KEYS = { network: ['a.example.com:443'], read: [], env: ['TOKEN'] }

const spec = (name: string, version: string, rest: object = {}) => ({
  name,
  version,
  files: { 'plugin.json': manifestOf({ name, version, ...rest }), 'bin/x': '#!/bin/sh\n' },
  executable: ['bin/x'],
})

/** Two hosts that trust one publisher, and a folder with a lock file and the tarballs beside it. */
async function two(t: TestContext) {
  const [one, other] = [await household(t), await household(t)]
  await trust(other.layout, one.publisher, 'acme/*')
  const folder = join(dirname(one.layout.home), 'project')
  mkdirSync(folder, { mode: 0o755 })
  chmodSync(folder, 0o755)
  const lockFile = join(folder, 'plugins.lock')
  const hosts = [await openHost({ home: one.layout.home }), await openHost({ home: other.layout.home })] as const
  t.after(() => {
    for (const host of hosts) host.store.close()
  })
  return {
    one,
    other,
    folder,
    lockFile,
    /** Installs it on the first host, and lays its tarball beside the lock file. */
    async install(name: string, version: string, rest: object = {}) {
      const path = one.publish(spec(name, version, rest))
      for (const end of ['', '.sigstore.json'])
        copyFileSync(path + end, join(folder, `${name.replace('/', '-')}-${version}.tgz${end}`))
      await one.manager.install(path, { consent: agree, allowDowngrade: true })
    },
    write: () => writeLock(hosts[0], { lockFile }, KNOWLEDGE),
    lock: () => parseLockFile(readFileSync(lockFile), lockFile).plugins,
    edit(change: (plugin: LockedPlugin) => LockedPlugin) {
      const plugins = parseLockFile(readFileSync(lockFile), lockFile).plugins.map(change)
      writeFileSync(lockFile, formatLockFile({ plugins }))
    },
    sync: (options: SyncOptions = {}) => sync(hosts[1], { lockFile, ...options }, KNOWLEDGE, applyTo(other, hosts[1])),
    rows: async (options: SyncOptions = {}) =>
      (await sync(hosts[1], { lockFile, ...options }, KNOWLEDGE, applyTo(other, hosts[1]))).rows.map(
        ({ action, name }) => `${action} ${name}`,
      ),
    hosts,
  }
}

/** The real install and removal, with the tarball that lies beside the lock file and its consent. */
function applyTo(house: Household, host: Host): SyncApply {
  const decide = async (_: LockedPlugin, { tarball, consent }: LockedRelease) => {
    const path = tarball ?? assert.fail('it lies beside the lock file')
    const found = await host.verifier().verify(await fetchTarball(path), { allowDowngrade: true })
    consent(foundOf(found))
    return path
  }
  const place = async (plugin: LockedPlugin, from: LockedRelease) => {
    const path = await decide(plugin, from)
    await house.manager.install(path, { consent: agree, allowDowngrade: true })
  }
  return {
    decide: async (plugin, from) => void (await decide(plugin, from)),
    decideHold: () => assert.fail('nothing is held here'),
    install: place,
    async repair(plugin, from) {
      await house.manager.remove(plugin.name, { purge: false })
      await place(plugin, from)
    },
    grant: async ({ name, permissions }) =>
      house.raw((db) => {
        db.prepare(
          'UPDATE installations SET consent = ? WHERE plugin_id = (SELECT id FROM plugins WHERE name = ?)',
        ).run(JSON.stringify(permissions), name)
      }),
    hold: async () => assert.fail('nothing is held here'),
    remove: async (name) => void (await house.manager.remove(name, { purge: false })),
  }
}

const versions = ({ manager }: Household) => manager.list().map(({ name, version }) => `${name} ${version}`)

test('a host becomes as another one is, with what is needed first', async (t) => {
  const { one, other, install, write, rows, sync: again } = await two(t)
  await install('acme/zlib', '1.1.0')
  await install('acme/app', '1.0.0', { requires: { 'acme/zlib': '^1' }, permissions: KEYS })
  assert.equal((await write()).plugins, 2)
  assert.deepEqual(await rows(), ['install acme/zlib', 'install acme/app'])
  assert.deepEqual(versions(other), versions(one))
  assert.equal((await again({ frozen: true })).unchanged, true)
})

test('it goes back to an older version, repairs what was modified, and keeps what is not in the file unless told', async (t) => {
  const { other, install, write, rows, one } = await two(t)
  await install('acme/hello', '1.0.0')
  await write()
  await other.manager.install(one.publish(spec('acme/hello', '2.0.0')), { consent: agree })
  await other.manager.install(one.publish(spec('acme/extra', '1.0.0')), { consent: agree })
  assert.deepEqual(await rows(), ['extra acme/extra', 'downgrade acme/hello'])
  rewrite(join(other.packageOf('acme/hello' as never), 'bin/x'), '#!/bin/sh\nevil\n')
  assert.deepEqual(await rows({ prune: true }), ['remove acme/extra', 'repair acme/hello'])
  assert.deepEqual(versions(other), ['acme/hello 1.0.0'])
  assert.deepEqual(await rows({ frozen: true }), ['keep acme/hello'])
})

test('permissions become those of the file, fewer too', async (t) => {
  const { other, install, write, rows, edit, hosts } = await two(t)
  await install('acme/hello', '1.0.0', { permissions: KEYS })
  await write()
  await rows()
  edit((plugin) => ({ ...plugin, permissions: { ...KEYS, env: [] } }))
  assert.deepEqual(await rows(), ['permissions acme/hello'])
  assert.deepEqual(hosts[1].store.find('acme/hello' as never)?.consent, { ...KEYS, env: [] })
  assert.deepEqual(versions(other), ['acme/hello 1.0.0'])
})

test('a dry run says what would be done, and frozen what is not so; neither changes anything', async (t) => {
  const { other, install, write, rows } = await two(t)
  await install('acme/hello', '1.0.0')
  await write()
  const before = other.state()
  assert.deepEqual(await rows({ dryRun: true }), ['install acme/hello'])
  await assert.rejects(rows({ frozen: true }), {
    code: 'LOCK_DIFFERS',
    message: /acme\/hello 1\.0\.0 \(install\): it is not installed/,
  })
  assert.deepEqual(other.state(), before)
})

test('a release that is not what the file shows of it is not installed', async (t) => {
  const { other, install, write, rows, edit } = await two(t)
  await install('acme/hello', '1.0.0', { permissions: KEYS, limits: { memory: '64M' } })
  await write()
  const text = readFileSync(join((await write()).lockFile), 'utf8')
  const before = other.state()
  for (const change of [
    { sha512: 'f'.repeat(128) as never },
    { manifest: 'f'.repeat(64) as never },
    { signers: ['ed25519:'.padEnd(72, 'f')] },
    { limits: {} },
    { permissions: { ...KEYS, env: ['TOKEN', 'SECRET'] } },
  ]) {
    edit((plugin) => ({ ...plugin, ...change }))
    await assert.rejects(rows(), { code: 'LOCK_DIFFERS' }, JSON.stringify(change))
    writeFileSync(join((await write()).lockFile), text)
  }
  assert.deepEqual(other.state(), before)
})

test('the file agrees to permissions and trusts nobody: a signer who is not trusted here is refused', async (t) => {
  const { one, other, folder, install, write, rows } = await two(t)
  await install('acme/hello', '1.0.0')
  await write()
  const stranger = await authority()
  const { tarball, bundle } = stranger.publish(spec('acme/hello', '1.0.0'))
  const path = writeRelease(join(dirname(folder), 'strange'), tarball, bundle)
  for (const end of ['', '.sigstore.json']) copyFileSync(path + end, join(folder, `acme-hello-1.0.0.tgz${end}`))
  const before = other.state()
  await assert.rejects(rows(), { code: 'SIGNER_NOT_TRUSTED' })
  assert.deepEqual(other.state(), before)
  assert.deepEqual(versions(one), ['acme/hello 1.0.0'])
})

test('other bytes under the same version end it before anything is changed', async (t) => {
  const { one, other, install, write, rows } = await two(t)
  await install('acme/aaa', '1.0.0')
  await install('acme/hello', '1.0.0')
  await write()
  await other.manager.install(one.publish(spec('acme/hello', '1.0.0', { description: 'another' })), { consent: agree })
  const before = other.state()
  await assert.rejects(rows(), { code: 'LOCK_DIFFERS', message: /\(bytes\): other bytes are installed/ })
  assert.deepEqual(other.state(), before)
})

test('a lock file that others could write, a link, or none at all is refused', async (t) => {
  const { folder, lockFile, install, write, rows } = await two(t)
  await assert.rejects(rows(), { code: 'FILE_UNREADABLE', hint: /plugins sync --write/ })
  await install('acme/hello', '1.0.0')
  await write()
  chmodSync(lockFile, 0o666)
  await assert.rejects(rows(), { code: 'POLICY_UNSAFE' })
  chmodSync(lockFile, 0o644)
  chmodSync(folder, 0o777)
  await assert.rejects(rows(), { code: 'POLICY_UNSAFE' })
  chmodSync(folder, 0o755)
  symlinkSync(lockFile, join(folder, 'link'))
  await assert.rejects(rows({ lockFile: join(folder, 'link') }), { code: 'POLICY_UNSAFE' })
  writeFileSync(lockFile, '{"lockVersion":1,"plugins":[{}]}')
  await assert.rejects(rows(), { code: 'LOCK_INVALID' })
})

test('the file is written as a whole with mode 0644, twice to the same bytes, and through no link', async (t) => {
  const { folder, lockFile, install, write, hosts } = await two(t)
  await install('acme/hello', '1.0.0')
  assert.equal((await write()).unchanged, false)
  const first = readFileSync(lockFile)
  assert.equal(statSync(lockFile).mode & 0o777, 0o644)
  assert.equal((await write()).unchanged, true)
  rmSync(lockFile)
  await write()
  assert.deepEqual(readFileSync(lockFile), first)

  const aim = join(folder, 'aim')
  symlinkSync(aim, join(folder, 'link'))
  await assert.rejects(writeLock(hosts[0], { lockFile: join(folder, 'link') }, KNOWLEDGE), {
    code: 'FILE_UNWRITABLE',
    message: /it is a symbolic link/,
  })
  assert.equal(existsSync(aim), false)
  await assert.rejects(writeLock(hosts[0], { lockFile: join(folder, 'no', 'plugins.lock') }, KNOWLEDGE), {
    code: 'FILE_UNWRITABLE',
  })
})

test('no lock file is made of a host with a plugin that is not good', async (t) => {
  const { one, lockFile, install, write } = await two(t)
  await install('acme/hello', '1.0.0')
  rewrite(join(one.packageOf(), 'bin/x'), 'evil')
  await assert.rejects(write(), { code: 'MODIFIED' })
  assert.equal(existsSync(lockFile), false)
})
