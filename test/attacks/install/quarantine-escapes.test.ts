// Ways out of quarantine that are none.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AttackedHome } from '../../helpers/attacked-home.ts'
import { rotationOf } from '../../helpers/rotation.ts'

test('an update over what was switched off, and then put away, does not switch it on', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install({ version: '1.0.0' })
  await attacked.with(async (manager) => {
    manager.disable('acme/hello')
    await manager.trust.revoke({ target: 'acme/hello@1.0.0', reason: 'leaks' })
    assert.equal(manager.list()[0]?.state, 'quarantined')
  })
  await attacked.install({ version: '1.1.0' })
  await attacked.with((manager) => assert.equal(manager.list()[0]?.state, 'disabled'))
})

test('nor is it taken for switched off because an earlier one was', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install({ version: '1.0.0' })
  await attacked.with(async (manager) => {
    manager.disable('acme/hello')
    await manager.enable('acme/hello')
    await manager.trust.revoke({ target: 'acme/hello@1.0.0', reason: 'leaks' })
  })
  await attacked.install({ version: '1.1.0' })
  await attacked.with((manager) => assert.equal(manager.list()[0]?.state, 'installed'))
})

test('the same bytes again, or an older version, do not take the place of what was put away', async (t) => {
  const attacked = await AttackedHome.make(t)
  const path = await attacked.install({ version: '1.1.0' })
  const older = attacked.download(attacked.publisher.publish({ version: '1.0.0' }))
  const consent = () => true
  await attacked.with(async (manager) => {
    await manager.trust.revoke({ target: 'acme/hello@1.1.0', reason: 'leaks' })
    await assert.rejects(manager.install(path, { consent }), { code: 'RELEASE_REVOKED' })
    await assert.rejects(manager.install(older, { consent }), { code: 'DOWNGRADE_REFUSED' })
    assert.equal(manager.list()[0]?.state, 'quarantined')
    await manager.install(older, { consent, allowDowngrade: true })
    assert.equal(manager.list()[0]?.state, 'installed')
  })
})

test('a key that was taken out by hand does not come back with the file that once brought it in', async (t) => {
  const attacked = await AttackedHome.make(t)
  const { authority } = await import('../../helpers/authority.ts')
  const next = await authority()
  const file = join(attacked.base, 'rotation.json')
  writeFileSync(file, rotationOf(attacked.publisher, next))
  const consent = () => true
  await attacked.with(async ({ trust }) => {
    const before = readFileSync(join(attacked.home, 'trust.json'))
    await trust.rotate(file, { consent })
    // Removed by the command, then by an editor; then the whole principal, which is trusted again later.
    await trust.remove(next.keyId)
    await assert.rejects(trust.rotate(file, { consent }), { code: 'ROTATION_REFUSED', message: /taken out/ })
    writeFileSync(join(attacked.home, 'trust.json'), before)
    await assert.rejects(trust.rotate(file, { consent }), { code: 'ROTATION_REFUSED' })
    await trust.remove(attacked.publisher.keyId)
    await assert.rejects(trust.rotate(file, { consent }), { code: 'SIGNER_NOT_TRUSTED' })
    await trust.add(attacked.keyFile(), { pattern: 'acme/*' })
    await assert.rejects(trust.rotate(file, { consent }), { code: 'ROTATION_REFUSED' })
    const third = await authority()
    const other = join(attacked.base, 'other.json')
    writeFileSync(other, rotationOf(attacked.publisher, third))
    assert.equal((await trust.rotate(other, { consent })).isChange, true)
  })
})

test('a key that was revoked does not come back with the file that once brought it in', async (t) => {
  const attacked = await AttackedHome.make(t)
  const { authority } = await import('../../helpers/authority.ts')
  const next = await authority()
  const file = join(attacked.base, 'rotation.json')
  writeFileSync(file, rotationOf(attacked.publisher, next))
  const consent = () => true
  await attacked.with(async ({ trust }) => {
    await trust.rotate(file, { consent })
    await trust.revoke({ target: next.keyId, reason: 'lost' })
    await assert.rejects(trust.rotate(file, { consent }), { code: 'KEY_REVOKED' })
    await trust.remove(next.keyId)
    await assert.rejects(trust.rotate(file, { consent }), { code: 'KEY_REVOKED' })
  })
})
