import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AttackedHome } from '../../helpers/attacked-home.ts'

const OVERFLOWING = ['99999999999999999999.0.0', '1.9007199254740992.0', '1.0.18446744073709551616']

for (const version of OVERFLOWING) {
  test(`version ${version}, which nobody can compare, is refused and not remembered`, async (t) => {
    const attacked = await AttackedHome.make(t)
    await assert.rejects(attacked.install({ version }))
    await attacked.install({ version: '1.0.0' })
    await attacked.with((manager) => assert.equal(manager.list()[0]?.version, '1.0.0'))
  })
}

// Removing, purging and an explicit downgrade are no way round the high-water mark.
test('the high-water mark outlives purge and downgrade', async (t) => {
  const attacked = await AttackedHome.make(t)
  const old = attacked.download(attacked.publisher.publish({ version: '1.0.0' }))
  await attacked.install({ version: '2.0.0' })
  await attacked.with((manager) => manager.remove('acme/hello', { purge: true }))
  const refused = { code: 'DOWNGRADE_REFUSED' }
  await attacked.with(async (manager) => {
    await assert.rejects(manager.install(old, { consent: () => true }), refused)
    await manager.install(old, { consent: () => true, allowDowngrade: true })
  })
  for (const version of ['1.5.0', '2.0.0-rc.1', '1.0.0+build']) {
    await assert.rejects(attacked.install({ version }), refused, version)
  }
})

test('other bytes under a version that was seen are refused, also after purge and when a downgrade is allowed', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install({ version: '1.0.0' })
  await attacked.with((manager) => manager.remove('acme/hello', { purge: true }))
  const spec = { version: '1.0.0', files: { 'more.js': '1' } }
  await assert.rejects(attacked.install(spec, { consent: () => true, allowDowngrade: true }), {
    code: 'VERSION_REPUBLISHED',
  })
})
