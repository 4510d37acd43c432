// A publisher makes their next release need the next one of somebody else's plugin, and ask for so much that it waits for ever. That
// must not keep the other plugin from the fixes of the version it is at.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registered, withManifest } from '../../manager/lifecycle/registered.ts'

const wide = { permissions: { network: ['api.example.com:443'] } }

for (const [app, lib] of [
  ['acme/app', 'acme/lib'],
  ['acme/tool', 'acme/lib'],
] as const) {
  test(`${lib} is updated by itself while ${app}, which would need more of it, waits`, async (t) => {
    const house = await registered(t)
    await house.list(withManifest(lib, '1.0.0', {}), withManifest(app, '1.0.0', { requires: { [lib]: '^1' } }))
    await house.manager.installAll([app], { consent: () => true })
    await house.list(
      withManifest(lib, '1.0.1', {}),
      withManifest(lib, '2.0.0', {}),
      withManifest(app, '2.0.0', { requires: { [lib]: '^2' }, ...wide }),
    )
    const results = await house.manager.updateAll({ mode: 'hold' })
    assert.deepEqual(Object.fromEntries(results.map(({ name, to, outcome }) => [name, [outcome, to]])), {
      [app]: ['waits', '2.0.0'],
      [lib]: ['updated', '1.0.1'],
    })
    assert.equal(house.manager.list().find(({ name }) => name === lib)?.version, '1.0.1')
  })
}

test('nor does one that merely needs it, and comes before it in the order of names', async (t) => {
  const house = await registered(t)
  await house.list(
    withManifest('acme/lib', '1.0.0', {}),
    withManifest('acme/app', '1.0.0', { requires: { 'acme/lib': '^1' } }),
  )
  await house.manager.installAll(['acme/app'], { consent: () => true })
  await house.list(withManifest('acme/lib', '1.0.1', {}))
  const results = await house.manager.updateAll({ mode: 'hold' })
  assert.deepEqual(results.map(({ name, outcome }) => [name, outcome]).sort(), [
    ['acme/app', 'current'],
    ['acme/lib', 'updated'],
  ])
})
