import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AttackedHome } from '../../helpers/attacked-home.ts'

test('a key that is revoked while somebody reads the question installs nothing', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install({ version: '1.0.0' })
  const manifest = { name: 'acme/hello', version: '1.1.0', entry: { runtime: 'node', path: 'main.js' } }
  const wider = JSON.stringify({ ...manifest, permissions: { env: ['TOKEN'] } })
  const path = attacked.download(attacked.publisher.publish({ files: { 'plugin.json': wider } }))
  const consent = async () => {
    await attacked.with((other) => other.trust.revoke({ target: attacked.publisher.keyId, reason: 'stolen' }))
    return true
  }
  await attacked.with(async (manager) => {
    await assert.rejects(manager.install(path, { consent }), { code: 'KEY_REVOKED' })
    assert.deepEqual(
      manager.list().map(({ version }) => version),
      ['1.0.0'],
    )
  })
  assert.deepEqual(attacked.staged(), [])
})

test('a release that is revoked while somebody reads the question installs nothing', async (t) => {
  const attacked = await AttackedHome.make(t)
  const path = attacked.download(attacked.publisher.publish())
  let asked = 0
  const consent = async () => {
    asked++
    await attacked.with((other) => other.trust.revoke({ target: 'acme/hello@1.0.0', reason: 'has a hole' }))
    return true
  }
  await attacked.with(async (manager) => {
    await assert.rejects(manager.install(path, { consent }), { code: 'RELEASE_REVOKED' })
    assert.deepEqual(manager.list(), [])
  })
  assert.equal(asked, 1)
})

test('a change of policy that leaves this release trusted is no reason to ask again', async (t) => {
  const attacked = await AttackedHome.make(t)
  const path = attacked.download(attacked.publisher.publish())
  let asked = 0
  const consent = async () => {
    asked++
    await attacked.with((other) => other.trust.revoke({ target: 'acme/other@1.0.0', reason: 'has a hole' }))
    return true
  }
  const report = await attacked.with((manager) => manager.install(path, { consent }))
  assert.equal(report.version, '1.0.0')
  assert.equal(asked, 1)
})

test('a tarball that is exchanged while somebody reads the question is not what is installed', async (t) => {
  const attacked = await AttackedHome.make(t)
  const path = attacked.download(attacked.publisher.publish())
  const other = attacked.publisher.publish({ files: { 'extra.js': 'steal()' } })
  const { writeFileSync } = await import('node:fs')
  const consent = () => {
    writeFileSync(path, other.tarball)
    writeFileSync(`${path}.sigstore.json`, other.bundle)
    return true
  }
  await attacked.with(async (manager) => {
    const report = await manager.install(path, { consent })
    assert.notEqual(report.sha256, other.statement.sha256)
    assert.equal((await manager.verify('acme/hello')).ok, true)
  })
})
