import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AttackedHome } from '../../helpers/attacked-home.ts'

test('a key of a revoked principal does not come back by being removed first', async (t) => {
  const attacked = await AttackedHome.make(t, { isTrusted: false })
  const key = attacked.keyFile()
  await attacked.with(async ({ trust }) => {
    await trust.add(key, { pattern: 'acme/*', principal: 'acme' })
    await trust.revoke({ target: 'acme', reason: 'left the company' })
    await trust.remove('acme')
    await assert.rejects(trust.add(key, { pattern: 'acme/*' }), { code: 'KEY_REVOKED' })
    await assert.rejects(trust.add(key, { pattern: 'acme/*', principal: 'emca' }), { code: 'KEY_REVOKED' })
  })
})

test('nor does one of its keys that is removed alone', async (t) => {
  const attacked = await AttackedHome.make(t, { isTrusted: false })
  const { authority } = await import('../../helpers/authority.ts')
  const second = await authority()
  await attacked.with(async ({ trust }) => {
    await trust.add(attacked.keyFile(), { pattern: 'acme/*', principal: 'acme' })
    await trust.add(attacked.keyFile(second), { pattern: 'acme/*', principal: 'acme' })
    await trust.revoke({ target: 'acme', reason: 'left the company' })
    await trust.remove(second.keyId)
    await assert.rejects(trust.add(attacked.keyFile(second), { pattern: 'acme/*' }), { code: 'KEY_REVOKED' })
  })
})

test('what was installed from a revoked key is said, refused by verify, and not taken for good again', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install()
  await attacked.with(async (manager) => {
    const { affected } = await manager.trust.revoke({ target: attacked.publisher.keyId, reason: 'stolen' })
    assert.deepEqual(affected, ['acme/hello 1.0.0'])
    assert.equal((await manager.verify('acme/hello')).error?.code, 'KEY_REVOKED')
    await assert.rejects(manager.plan('acme/hello'), { code: 'WRONG_STATE', message: /quarantined .*stolen/ })
    assert.throws(() => manager.disable('acme/hello'), { code: 'WRONG_STATE' })
    await assert.rejects(manager.enable('acme/hello'), { code: 'KEY_REVOKED' })
    await assert.rejects(manager.plan('acme/hello'), { code: 'WRONG_STATE' })
  })
})
