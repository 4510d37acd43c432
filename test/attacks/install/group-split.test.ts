// A publisher writes into the next release that it needs nothing any more, and asks for more than was agreed to. Named together
// with what it needed, that must not go on alone: what is installed would be left without what it needs.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registered, withManifest } from '../../manager/lifecycle/registered.ts'

const BASE = 'acme/base'
const USER = 'acme/user'

test('a release that waits, and needs nothing any more, keeps what its installed version needs', async (t) => {
  const house = await registered(t)
  await house.list(withManifest(BASE, '1.0.0', {}), withManifest(USER, '1.0.0', { requires: { [BASE]: '^1' } }))
  await house.manager.installAll([USER], { consent: () => true })
  const wide = { permissions: { network: ['api.example.com:443'] } }
  await house.list(withManifest(BASE, '2.0.0', {}), withManifest(USER, '2.0.0', wide))
  const results = await house.manager.update([BASE, USER], { mode: 'hold' })
  assert.deepEqual(
    results.map(({ name, outcome, reason }) => [name, outcome, reason]),
    [
      [BASE, 'waits', 'goes together with acme/user, which waits'],
      [USER, 'waits', null],
    ],
  )
  assert.deepEqual(
    house.manager.list().map(({ name, version }) => `${name} ${version}`),
    ['acme/base 1.0.0', 'acme/user 1.0.0'],
  )

  // Once somebody agrees, they come in together.
  await house.manager.update([BASE, USER], { consent: () => true })
  assert.deepEqual(
    house.manager.list().map(({ version }) => version),
    ['2.0.0', '2.0.0'],
  )
})
