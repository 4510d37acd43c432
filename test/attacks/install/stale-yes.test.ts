// Between a yes and the moment in which a release comes in, what the yes was said about becomes something else: the registry hands
// out another bundle beside the same tarball, or another command takes a permission away from what is installed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { admit, decideOn } from '../../../src/manager/admission.ts'
import { authority } from '../../helpers/authority.ts'
import { asking, onHost } from '../../manager/consenting.ts'
import { agree, HELLO, household, trust } from '../../manager/household.ts'

const A = 'a.example.com:443'

test('a bundle of another publisher beside the same bytes does not come in on the yes to the first', async (t) => {
  const house = await household(t)
  const other = await authority()
  await trust(house.layout, other)
  await house.install(asking('1.0.0'))
  const own = house.publisher.publish(asking('1.1.0')).staged
  const taken = other.publish(asking('1.1.0')).staged
  assert.equal(taken.sha256, own.sha256)
  await onHost(house.layout, async (host) => {
    const assent = await decideOn(host, own, { mode: 'hold' })
    assert.equal(assent.kind, 'agreed')
    const admission = await admit(host, taken, { mode: 'hold' }, assent)
    assert.equal(admission.kind, 'waits')
    assert.deepEqual(admission.waits.publisher, { joined: [other.keyId], left: [house.publisher.keyId] })
    assert.equal(host.store.find(HELLO)?.version, '1.0.0')
  })
})

test('a yes to one thing more gives nothing back that was taken away meanwhile', async (t) => {
  const house = await household(t)
  await house.install(asking('1.0.0', { permissions: { network: [A] } }))
  const wider = { permissions: { network: [A], env: ['TOKEN'] } }
  const asked: unknown[] = []
  await house.manager.install(house.publish(asking('1.1.0', wider)), {
    consent: async ({ widening }) => {
      asked.push(widening?.permissions)
      if (asked.length === 1) await onHost(house.layout, ({ store }) => takeAway(store))
      return true
    },
  })
  assert.deepEqual(asked, [
    { network: [], read: [], env: ['TOKEN'] },
    { network: [A], read: [], env: ['TOKEN'] },
  ])
})

test('nor does a grant that names that one thing', async (t) => {
  const house = await household(t)
  await house.install(asking('1.0.0', { permissions: { network: [A] } }))
  const release = house.publisher.publish(asking('1.1.0', { permissions: { network: [A], env: ['TOKEN'] } })).staged
  await onHost(house.layout, async (host) => {
    const options = { mode: 'hold', grants: ['env=TOKEN'] } as const
    const assent = await decideOn(host, release, options)
    assert.equal(assent.kind, 'agreed')
    takeAway(host.store)
    const admission = await admit(host, release, options, assent)
    assert.equal(admission.kind, 'waits')
    assert.deepEqual(host.store.find(HELLO)?.consent.network, [])
  })
})

test('what becomes of the policy while nothing about this release changes is no reason to ask again', async (t) => {
  const house = await household(t)
  await house.install(asking('1.0.0'))
  const release = house.publisher.publish(asking('1.1.0', { permissions: { env: ['TOKEN'] } })).staged
  await onHost(house.layout, async (host) => {
    const assent = await decideOn(host, release, { consent: agree })
    assert.equal(assent.kind, 'agreed')
    await trust(house.layout, await authority(), 'other/*')
    const admission = await admit(host, release, {}, assent)
    assert.equal(admission.kind, 'installed')
  })
})

test('what a lock file grants to a plugin that is gone is not given to the next one', async (t) => {
  const house = await household(t)
  await house.install(asking('1.0.0', { permissions: { network: [A] } }))
  await onHost(house.layout, async ({ store }) => {
    const gone = store.find(HELLO)
    const approval = store.approvals.latest(HELLO)
    assert.ok(gone !== null && approval !== null)
    await house.manager.remove(HELLO, { purge: true })
    await house.install({ name: 'acme/next' })
    const next = store.find('acme/next' as typeof HELLO)
    assert.equal(next?.id, gone.id)
    const granted = { ...approval, way: 'lock', by: 'plugins.lock', basis: null } as const
    assert.throws(() => store.grant(gone, granted), { code: 'WRONG_STATE' })
    assert.deepEqual(store.find(next.name)?.consent, next.consent)
  })
})

/** As a lock file does that grants it nothing. */
function takeAway(store: import('../../../src/store/index.ts').Store): void {
  const installed = store.find(HELLO)
  const approval = store.approvals.latest(HELLO)
  assert.ok(installed !== null && approval !== null)
  const agreement = { ...approval.agreement, permissions: { network: [], read: [], env: [] } }
  store.grant(installed, { ...approval, agreement, way: 'lock', by: 'plugins.lock', basis: null })
}
