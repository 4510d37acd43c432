import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { PluginName } from '../../src/core/name.ts'
import type { Simulation, TrustTrial } from '../../src/index.ts'
import { authority, trusting } from '../helpers/authority.ts'
import { HELLO, type Household, household, rewrite } from './household.ts'

const OTHER = 'acme/other' as PluginName

async function two(t: TestContext): Promise<Household> {
  const house = await household(t)
  await house.install()
  await house.install({ name: OTHER })
  return house
}

const told = ({ plugins }: Simulation) =>
  plugins.map(({ name, before, after, changes }) => [name, before.code ?? 'OK', after.code ?? 'OK', changes])

/** Simulates it, and sees that this has left no trace. */
async function tried(house: Household, trial: TrustTrial): Promise<Simulation> {
  const before = [house.state(), house.manager.audit(null, 1000).length]
  const simulation = await house.manager.trust.simulate(trial)
  assert.deepEqual([house.state(), house.manager.audit(null, 1000).length], before)
  return simulation
}

test('shows what a revocation would stop, with its sentence, and changes nothing', async (t) => {
  const house = await two(t)
  const simulation = await tried(house, { revoke: { target: 'acme/hello@<2', reason: 'leaks' } })
  assert.deepEqual(told(simulation), [
    [HELLO, 'OK', 'RELEASE_REVOKED', true],
    [OTHER, 'OK', 'OK', false],
  ])
  assert.match(simulation.plugins[0]?.after.message ?? '', /cannot accept acme\/hello 1\.0\.0: .*leaks/)
  assert.equal(house.manager.list()[0]?.state, 'installed')
  const key = await tried(house, { revoke: { target: house.publisher.keyId, reason: 'stolen' } })
  assert.deepEqual(
    told(key).map(([, , after]) => after),
    ['KEY_REVOKED', 'KEY_REVOKED'],
  )
  assert.deepEqual(key.closed, [{ pattern: 'acme/*', reason: 'it needs 1 signer, and 0 of the 1 it names can sign' }])
})

test('shows what removing a principal would stop, and says what that means', async (t) => {
  const house = await two(t)
  const simulation = await tried(house, { remove: { id: house.publisher.keyId } })
  assert.deepEqual(
    told(simulation).map(([, , after]) => after),
    ['SIGNER_NOT_TRUSTED', 'SIGNER_NOT_TRUSTED'],
  )
  await assert.rejects(house.manager.trust.simulate({ remove: { id: 'nobody' } }), { code: 'PRINCIPAL_NOT_FOUND' })
  await assert.rejects(house.manager.trust.simulate({ revoke: { target: 'acme/hello@latest', reason: 'x' } }), {
    code: 'USAGE',
  })
})

test('tries a whole trust.json, wherever it lies and whoever may write it, as strictly as the real one', async (t) => {
  const house = await two(t)
  const stranger = await authority()
  const rules = [{ pattern: 'acme/other', principals: [house.publisher.keyId], threshold: 1 }]
  const { bytes } = trusting([stranger, house.publisher], 'acme/*', { threshold: 2, rules })
  const file = join(house.layout.home, '..', 'to-be.json')
  writeFileSync(file, bytes)
  chmodSync(file, 0o666)
  assert.deepEqual(told(await tried(house, { file })), [
    [HELLO, 'OK', 'THRESHOLD_NOT_MET', true],
    [OTHER, 'OK', 'OK', false],
  ])
  writeFileSync(file, bytes.toString().replace('"version"', '"versions"'))
  await assert.rejects(house.manager.trust.simulate({ file }), { code: 'POLICY_INVALID', message: /to-be\.json/ })
  await assert.rejects(house.manager.trust.simulate({ file: `${file}.none` }), { code: 'FILE_UNREADABLE' })
})

test('a trust.json that is broken now can be tried repaired', async (t) => {
  const house = await two(t)
  const file = join(house.layout.home, '..', 'to-be.json')
  writeFileSync(file, trusting([house.publisher]).bytes)
  writeFileSync(house.layout.trustFile, '{')
  assert.deepEqual(told(await tried(house, { file })), [
    [HELLO, 'POLICY_INVALID', 'OK', true],
    [OTHER, 'POLICY_INVALID', 'OK', true],
  ])
})

test('no policy makes good what was changed on the disk', async (t) => {
  const house = await two(t)
  rewrite(join(house.packageOf(), 'main.js'), 'changed')
  assert.deepEqual(told(await tried(house, { revoke: { target: 'acme/other@1.0.0', reason: 'x' } })), [
    [HELLO, 'MODIFIED', 'MODIFIED', false],
    [OTHER, 'OK', 'RELEASE_REVOKED', true],
  ])
})

test('what is in quarantine is shown as such, and what a new policy would say of it', async (t) => {
  const house = await two(t)
  const file = join(house.layout.home, '..', 'to-be.json')
  writeFileSync(file, trusting([house.publisher]).bytes)
  await house.manager.trust.revoke({ target: 'acme/hello@1.0.0', reason: 'by mistake' })
  const { plugins } = await tried(house, { file })
  assert.deepEqual(
    [plugins[0]?.state, plugins[0]?.before.code, plugins[0]?.after.ok],
    ['quarantined', 'RELEASE_REVOKED', true],
  )
})
