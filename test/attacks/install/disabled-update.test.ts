import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AttackedHome } from '../../helpers/attacked-home.ts'

test('an update does not switch on what the operator switched off', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install({ version: '1.0.0' })
  await attacked.with((manager) => manager.disable('acme/hello'))
  await attacked.install({ version: '1.1.0' })
  await attacked.with(async (manager) => {
    assert.deepEqual(
      manager.list().map(({ version, state }) => [version, state]),
      [['1.1.0', 'disabled']],
    )
    await assert.rejects(manager.plan('acme/hello'), { code: 'WRONG_STATE' })
    await manager.enable('acme/hello')
    assert.equal(manager.list()[0]?.state, 'installed')
    manager.verifyAudit()
  })
})
