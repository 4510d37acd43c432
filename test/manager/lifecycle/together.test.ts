// What plugins need of each other holds in the moment in which a change comes true, whatever others did since it began.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertNotNeeded } from '../../../src/core/dependents.ts'
import type { PluginName } from '../../../src/core/name.ts'
import { openManager } from '../../../src/index.ts'
import { openHost } from '../../../src/manager/host.ts'
import { agree, household } from '../household.ts'
import { registered, withManifest } from './registered.ts'

const HELLO = 'acme/hello'
const BASE = 'acme/base'
const versions = (house: { manager: { list(): readonly { name: string; version: string }[] } }) =>
  house.manager.list().map(({ name, version }) => `${name} ${version}`)

test('a version that somebody needs more than is not gone back to, nor one that needs what is not here', async (t) => {
  const house = await registered(t)
  await house.list(withManifest(BASE, '1.0.0', {}), withManifest(BASE, '1.1.0', {}))
  await house.list(withManifest(HELLO, '1.0.0', { requires: { [BASE]: '^1.1' } }))
  await house.manager.installAll([`${BASE}@1.0.0`], { consent: agree })
  await house.manager.update([BASE], { to: '1.1.0' })
  await house.manager.installAll([HELLO], { consent: agree })

  const back = house.manager.rollback(BASE, { dryRun: true })
  await assert.rejects(back, { code: 'DEPENDENCY_CONFLICT', message: /acme\/hello 1\.0\.0 needs it \(\^1\.1\)/ })
  await assert.rejects(house.manager.rollback(BASE), { code: 'DEPENDENCY_CONFLICT' })
  assert.deepEqual(versions(house), ['acme/base 1.1.0', 'acme/hello 1.0.0'])

  await house.list(withManifest(HELLO, '1.1.0', {}))
  await house.manager.update([HELLO], {})
  await house.manager.remove(BASE, { purge: false })
  await assert.rejects(house.manager.rollback(HELLO), { code: 'DEPENDENCY_MISSING' })
  assert.deepEqual(versions(house), ['acme/hello 1.1.0'])
})

test('what is removed while somebody agrees to what needs it is missed before that comes in', async (t) => {
  const house = await registered(t)
  await house.list(withManifest(BASE, '1.0.0', {}), withManifest(HELLO, '1.0.0', { requires: { [BASE]: '^1' } }))
  await house.manager.installAll([BASE], { consent: agree })
  await using other = await openManager({ home: house.layout.home })
  const consent = async () => {
    await other.remove(BASE, { purge: false })
    return true
  }
  await assert.rejects(house.manager.installAll([HELLO], { consent }), { code: 'DEPENDENCY_MISSING' })
  assert.deepEqual(versions(house), [])
})

test('what somebody came to need while it says goodbye is not removed', async (t) => {
  const house = await registered(t)
  await house.list(withManifest(BASE, '1.0.0', {}))
  await house.manager.installAll([BASE], { consent: agree })
  const host = await openHost({ home: house.layout.home })
  t.after(() => host.store.close())
  const base = host.store.find(BASE as PluginName)
  assert.ok(base !== null)
  const change = host.store.changes.begin(base.name, 'remove')
  const assertFits = () =>
    assertNotNeeded([{ name: HELLO as PluginName, version: '1.0.0', requires: { [BASE]: '^1' } }], BASE)
  assert.throws(() => host.store.retire(base, { purge: false, change, assertFits }), { code: 'DEPENDENCY_NEEDED' })
  assert.equal(host.store.find(base.name)?.state, 'installed')
})

test('what is switched off while it is gone back stays switched off', async (t) => {
  const house = await household(t)
  await house.install({ version: '1.0.0' })
  await house.install({ version: '2.0.0' })
  const host = await openHost({ home: house.layout.home })
  t.after(() => host.store.close())
  const before = host.store.find(HELLO as PluginName)
  const [kept] = host.store.kept(HELLO as PluginName)
  assert.ok(before !== null && kept !== undefined)
  house.manager.disable(HELLO)
  const change = host.store.changes.begin(kept.name, 'rollback')
  const how = { change, leftovers: [], snapshot: null, approval: null, details: {}, way: 'back' as const }
  assert.equal(host.store.switchTo(kept, before, how).state, 'disabled')
})
