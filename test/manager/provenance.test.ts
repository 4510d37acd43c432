import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openManager } from '../../src/index.ts'
import { version } from '../../src/version.ts'
import { authority } from '../helpers/authority.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { agree, HELLO, household, trust, writeRelease } from './household.ts'
import { pluginSpec } from './programs.ts'
import { program, up, watchedHouse } from './watched.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

test('everything installed is told with its digests, its signers and what it was judged by', async (t) => {
  const house = await household(t)
  const report = await house.install()
  await house.install({ name: 'acme/other' })
  const all = await house.manager.provenance()
  assert.deepEqual(
    all.map(({ name, state }) => [name, state]),
    [
      ['acme/hello', 'installed'],
      ['acme/other', 'installed'],
    ],
  )
  const [one] = await house.manager.provenance(HELLO)
  const { keyId } = house.publisher
  assert.deepEqual(one?.signers, [{ id: keyId, kind: 'keyed', principal: keyId, issuer: null, identity: null }])
  assert.deepEqual([one?.sha256, one?.version, one?.bulkhead], [report.sha256, '1.0.0', version])
  assert.match(one?.manifestDigest ?? '', /^[0-9a-f]{64}$/)
  assert.match(one?.policyDigest ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual([one?.roots, one?.running, one?.lastVerified], [[], [], null])
  await house.manager.verify(HELLO)
  assert.equal((await house.manager.provenance(HELLO))[0]?.lastVerified?.verdict, 'OK')
})

test('several signers stand side by side', async (t) => {
  const house = await household(t)
  const other = await authority()
  await trust(house.layout, other)
  await house.install({ signers: [house.publisher, other] })
  const [one] = await house.manager.provenance(HELLO)
  assert.deepEqual(
    one?.signers.map(({ id }) => id),
    [house.publisher.keyId, other.keyId],
  )
})

test('a signer with a certificate is told with issuer and identity apart', async (t) => {
  const house = await household(t)
  await house.install()
  const id = 'https://token.actions.example https://ci.example/acme/hello@refs/heads/a b'
  house.raw((db) => db.prepare('UPDATE verifications SET signers = ?').run(JSON.stringify([{ id, principal: 'ci' }])))
  const [one] = await house.manager.provenance(HELLO)
  assert.deepEqual(one?.signers, [
    {
      id,
      kind: 'keyless',
      principal: 'ci',
      issuer: 'https://token.actions.example',
      identity: 'https://ci.example/acme/hello@refs/heads/a b',
    },
  ])
})

test('what is not installed has no provenance', async (t) => {
  const house = await household(t)
  assert.deepEqual(await house.manager.provenance(), [])
  await assert.rejects(house.manager.provenance('acme/none'), { code: 'NOT_INSTALLED' })
  await assert.rejects(house.manager.provenance('none'), { code: 'USAGE' })
})

test('what runs is told with its release, a replaced one with the signers of its own', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const old = await up(t, house.manager, ['wait'])
  const other = await authority()
  await trust(house.layout, other)
  await house.install({ ...pluginSpec(program, {}, '1.1.0'), signers: [other] })
  const fresh = await up(t, house.manager, ['wait'])
  await using elsewhere = await openManager({ home: house.layout.home })
  const all = await elsewhere.provenance()
  assert.deepEqual(
    all.map((one) => [one.version, one.state, one.signers[0]?.id, one.running.map(({ run, pid }) => [run, pid])]),
    [
      ['1.1.0', 'installed', other.keyId, [[fresh.run, fresh.pid]]],
      ['1.0.0', 'removing', house.publisher.keyId, [[old.run, old.pid]]],
    ],
  )
  assert.notEqual(all[0]?.sha256, all[1]?.sha256)
  await old.close()
  await fresh.close()
  assert.deepEqual(
    (await elsewhere.provenance(HELLO)).map((one) => [one.version, one.running]),
    [['1.1.0', []]],
  )
})

test('what was let in without a signature is told so: nobody signed it, and verifying it again finds nothing changed', async (t) => {
  const house = await household(t)
  const { tarball } = house.publisher.publish({ name: 'local/tool' })
  const path = writeRelease(`${house.layout.home}/../unsigned`, tarball, null)
  const allowUnsigned = { name: 'local/tool', until: '1d' }
  await house.manager.install(path, { consent: agree, allowUnsigned })
  const [one] = await house.manager.provenance('local/tool')
  assert.deepEqual([one?.signers, one?.countersigners, one?.roots], [[], [], []])
  const { ok, since } = await house.manager.verify('local/tool')
  assert.deepEqual([ok, since], [true, []])
})
