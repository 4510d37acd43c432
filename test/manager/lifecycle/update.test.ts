import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agree } from '../household.ts'
import { registered, withManifest } from './registered.ts'

const HELLO = 'acme/hello'
const wide = { permissions: { network: ['api.example.com:443'] } }

test('a plugin is installed by its name, with what it needs, from the registry that serves it', async (t) => {
  const house = await registered(t)
  await house.list(
    withManifest('acme/base', '1.0.0', {}),
    withManifest('acme/base', '2.0.0', {}),
    withManifest(HELLO, '1.0.0', { requires: { 'acme/base': '^1' } }),
  )
  const { planned, installed } = await house.manager.installAll([HELLO], { consent: agree })
  assert.deepEqual(
    installed.map(({ name, version }) => `${name} ${version}`),
    ['acme/base 1.0.0', 'acme/hello 1.0.0'],
  )
  assert.deepEqual(
    planned.map(({ neededBy }) => neededBy.length),
    [1, 0],
  )
  assert.deepEqual(
    house.manager.list().map(({ name, source }) => [name, source]),
    [
      ['acme/base', 'main'],
      [HELLO, 'main'],
    ],
  )
  await assert.rejects(house.manager.installAll([HELLO], { consent: agree }), { code: 'ALREADY_INSTALLED' })
  await assert.rejects(house.manager.remove('acme/base', { purge: false }), { code: 'DEPENDENCY_NEEDED' })
})

test('an update keeps the version before, and goes no further than somebody agreed', async (t) => {
  const house = await registered(t)
  await house.list(withManifest(HELLO, '1.0.0', {}), withManifest(HELLO, '1.1.0', {}))
  await house.manager.install(`${HELLO}@1.0.0`, { consent: agree })
  const [first] = await house.manager.updateAll({ mode: 'hold' })
  assert.deepEqual([first?.outcome, first?.from, first?.to], ['updated', '1.0.0', '1.1.0'])
  await house.list(withManifest(HELLO, '2.0.0', wide))

  const [second] = await house.manager.updateAll({ mode: 'hold' })
  assert.equal(second?.outcome, 'waits')
  assert.deepEqual(second?.widening?.permissions.network, ['api.example.com:443'])
  assert.deepEqual([house.manager.list()[0]?.version, house.manager.list()[0]?.kept], ['1.1.0', ['1.0.0']])
  assert.equal((await house.manager.outdated())[0]?.waits, '2.0.0')

  const [third] = await house.manager.update([HELLO], { consent: agree })
  assert.equal(third?.outcome, 'updated')
  assert.deepEqual(house.manager.list()[0]?.kept, ['1.1.0', '1.0.0'])
  assert.deepEqual(house.manager.approvals(HELLO).waiting, [])
})

test('what is held, came from a file or is not installed is not updated, and says so', async (t) => {
  const house = await registered(t)
  await house.list(withManifest(HELLO, '1.0.0', {}), withManifest(HELLO, '2.0.0', {}))
  await house.manager.install(`${HELLO}@1.0.0`, { consent: agree })
  await house.manager.install(house.publish(withManifest('acme/filed', '1.0.0', {})), { consent: agree })
  house.manager.hold(HELLO, { reason: 'freeze' })
  assert.deepEqual(
    (await house.manager.updateAll({ mode: 'hold' })).map(({ name, outcome, reason }) => [name, outcome, reason]),
    [[HELLO, 'held', 'freeze']],
  )
  await assert.rejects(house.manager.update([HELLO], { consent: agree }), { code: 'WRONG_STATE', message: /held at 1/ })
  await assert.rejects(house.manager.update(['acme/filed'], { consent: agree }), { message: /came from a file/ })
  await assert.rejects(house.manager.update(['acme/none'], { consent: agree }), { code: 'NOT_INSTALLED' })
  house.manager.unhold(HELLO)
  assert.equal((await house.manager.update([HELLO], { consent: agree }))[0]?.outcome, 'updated')
})

test('one plugin whose registry has a release that is refused does not keep the others from their updates', async (t) => {
  const house = await registered(t)
  const stranger = (await import('../../helpers/authority.ts')).authority
  await house.list(withManifest('acme/one', '1.0.0', {}), withManifest('acme/two', '1.0.0', {}))
  for (const name of ['acme/one', 'acme/two']) await house.manager.install(name, { consent: agree })
  await house.list(
    { ...withManifest('acme/one', '1.1.0', {}), signers: [await stranger()] },
    withManifest('acme/two', '1.1.0', {}),
  )
  const results = await house.manager.updateAll({ mode: 'hold' })
  assert.deepEqual(
    results.map(({ name, outcome, error }) => [name, outcome, error?.code ?? null]),
    [
      ['acme/one', 'failed', 'SIGNER_NOT_TRUSTED'],
      ['acme/two', 'updated', null],
    ],
  )
})

test('a dry run says what would come, and fetches and writes nothing', async (t) => {
  const house = await registered(t)
  await house.list(withManifest(HELLO, '1.0.0', {}), withManifest(HELLO, '1.1.0', {}))
  await house.manager.install(`${HELLO}@1.0.0`, { consent: agree })
  const before = house.state()
  const [planned] = await house.manager.update([HELLO], { dryRun: true })
  assert.deepEqual([planned?.outcome, planned?.to], ['planned', '1.1.0'])
  const other = await house.manager.installAll([`${HELLO}@1.1.0`], { dryRun: true })
  assert.deepEqual([other.planned[0]?.version, other.installed], ['1.1.0', []])
  assert.deepEqual(house.state(), before)
})

test('versions beyond those to keep go with the next update', async (t) => {
  const house = await registered(t)
  const versions = ['1.0.0', '1.1.0', '1.2.0', '1.3.0', '1.4.0']
  for (const version of versions) {
    await house.list(withManifest(HELLO, version, {}))
    if (version === '1.0.0') await house.manager.install(HELLO, { consent: agree })
    else await house.manager.updateAll({ mode: 'hold' })
  }
  assert.deepEqual([house.manager.list()[0]?.version, house.manager.list()[0]?.kept], ['1.4.0', ['1.3.0', '1.2.0']])
})
