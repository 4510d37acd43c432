// A host application has its manager open for weeks. Its operator hears of a publisher whose account was taken over, and takes back
// what was agreed to beforehand, or has every release wait: the next update must go by that, and not by what was read at the start.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asking, configure } from '../../manager/consenting.ts'
import { HELLO, household } from '../../manager/household.ts'

const POLICY = { 'acme/*': { env: ['TOKEN'] } }

test('a consent that was taken back agrees to nothing any more, without anybody opening the home anew', async (t) => {
  const house = await household(t)
  configure(house.layout, { consent: POLICY })
  const manager = await house.reopen()
  await manager.install(house.publish(asking('1.0.0')), {})
  const wider = house.publish(asking('1.1.0', { permissions: { env: ['TOKEN'] } }))
  configure(house.layout, {})
  await assert.rejects(manager.install(wider, {}), { code: 'CONSENT_NEEDED', message: /environment TOKEN/ })
  configure(house.layout, { consent: POLICY })
  await manager.install(wider, {})
  assert.equal(manager.approvals(HELLO, 1).approvals[0]?.way, 'policy')
})

test('an age that releases must have from now on is asked of the next one', async (t) => {
  const house = await household(t)
  const { manager } = house
  const young = house.publish(asking('1.0.0', {}, { publishedAt: new Date().toISOString() }))
  configure(house.layout, { updates: { minimumAge: '7d' } })
  await assert.rejects(manager.install(young, { consent: () => true }), { code: 'RELEASE_TOO_YOUNG' })
  configure(house.layout, {})
  await manager.install(young, { consent: () => true })
})

test('a configuration that others could write, or that cannot be read, changes nothing', async (t) => {
  const house = await household(t)
  const path = house.publish(asking('1.0.0'))
  configure(house.layout, { consent: { 'acme/*': { anything: true } } })
  await assert.rejects(house.manager.install(path, { consent: () => true }), { code: 'CONFIG_INVALID' })
  assert.deepEqual(house.manager.list(), [])
})
