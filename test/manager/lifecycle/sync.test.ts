// A lock file is decided on as a whole before the first plugin is touched, with what comes from a registry.

import assert from 'node:assert/strict'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { agree, household, trust } from '../household.ts'
import { registered, withManifest } from './registered.ts'

/** A host whose lock file has two plugins of one registry, and another one that has neither, and trusts the same publisher. */
async function two(t: TestContext) {
  const one = await registered(t)
  await one.list(withManifest('acme/first', '1.0.0', {}), withManifest('acme/second', '1.0.0', {}))
  await one.manager.installAll(['acme/first', 'acme/second'], { consent: agree })
  const lockFile = join(dirname(one.layout.home), 'plugins.lock')
  await one.manager.writeLock({ lockFile })
  chmodSync(lockFile, 0o644)
  const other = await household(t)
  await trust(other.layout, one.publisher)
  await other.manager.registries.add('main', { url: one.registry })
  await other.reopen()
  return { one, other, lockFile }
}

test('what one plugin of a lock file is refused for keeps all of them from being touched', async (t) => {
  const { one, other, lockFile } = await two(t)
  const tarball = join(one.registry, 'r1.tgz')
  const bytes = readFileSync(tarball)
  const changed = Buffer.from(bytes)
  changed.writeUInt8(changed.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1)
  writeFileSync(tarball, changed)
  await assert.rejects(other.manager.sync({ lockFile }), { code: 'REGISTRY_MISMATCH' })
  assert.deepEqual(other.manager.list(), [])

  writeFileSync(tarball, bytes)
  const { rows } = await other.manager.sync({ lockFile })
  assert.deepEqual(
    rows.map(({ action, name }) => `${action} ${name}`),
    ['install acme/first', 'install acme/second'],
  )
  assert.deepEqual(
    other.manager.list().map(({ name, version }) => `${name} ${version}`),
    ['acme/first 1.0.0', 'acme/second 1.0.0'],
  )
  assert.equal((await other.manager.sync({ lockFile, frozen: true })).unchanged, true)
})

test('whatever a version was asked for by, a lock file can be made of it and gone by', async (t) => {
  const one = await registered(t)
  await one.list(withManifest('acme/first', '1.0.0+b.2', {}), withManifest('acme/second', '1.0.0', {}))
  await one.manager.installAll(['acme/first@1.0.0+b.2', 'acme/second@v1'], { consent: agree })
  const lockFile = join(dirname(one.layout.home), 'plugins.lock')
  await one.manager.writeLock({ lockFile })
  const { plugins } = JSON.parse(readFileSync(lockFile, 'utf8'))
  assert.deepEqual(
    plugins.map(({ range }: { range: string | null }) => range),
    ['1.0.0+b.2', null],
  )
  assert.equal((await one.manager.sync({ lockFile, frozen: true })).unchanged, true)
})
