// What a version was allowed that was gone back from is not allowed to the next one: whoever went back took it away again.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { says, suppliedHome } from '../../helpers/supplied-home.ts'

const yes = () => true
const MORE = { permissions: { env: ['TOKEN'], network: ['api.example.com:443'] } }

test('an update after a rollback is asked about what the version asked for that was gone back from', async (t) => {
  const home = await suppliedHome(t)
  const release = (version: string, more = {}) =>
    home.download(home.shelf.publisher.publish(says('acme/app', version, more)))
  await home.with(async (manager) => {
    await manager.install(release('1.0.0'), { consent: yes })
    await manager.install(release('2.0.0', MORE), { consent: yes })
    await manager.rollback('acme/app')
    await assert.rejects(manager.install(release('3.0.0', MORE), {}), { code: 'CONSENT_NEEDED', message: /TOKEN/ })
    await manager.install(release('2.5.0'), {})
    await assert.rejects(manager.install(release('3.0.0', MORE), {}), { code: 'CONSENT_NEEDED', message: /TOKEN/ })
    assert.equal(manager.list()[0]?.version, '2.5.0')
  })
})

test('the version that was gone back from is asked about anew when it comes again', async (t) => {
  const home = await suppliedHome(t)
  const release = (version: string, more = {}) =>
    home.download(home.shelf.publisher.publish(says('acme/app', version, more)))
  await home.with(async (manager) => {
    await manager.install(release('1.0.0'), { consent: yes })
    const second = release('2.0.0', MORE)
    await manager.install(second, { consent: yes })
    await manager.rollback('acme/app')
    await assert.rejects(manager.install(second, {}), { code: 'CONSENT_NEEDED', message: /TOKEN/ })
  })
})
