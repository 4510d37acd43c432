// Releases that need each other come in together or not at all, whatever keeps one of them out.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { PluginError } from '../../../src/index.ts'
import { authority } from '../../helpers/authority.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { agree } from '../household.ts'
import { type Registered, registered, withManifest, writeData } from './registered.ts'

const BASE = 'acme/base'
const APP = 'acme/app'
const OTHER = 'acme/other'
const UNCHANGED = ['acme/app 1.0.0', 'acme/base 1.0.0']
const wide = { permissions: { network: ['api.example.com:443'] } }
const app = (version: string, base: string, rest: object = {}) =>
  withManifest(APP, version, { requires: { [BASE]: base }, ...rest })

const versions = ({ manager }: Registered) => manager.list().map(({ name, version }) => `${name} ${version}`)
const dataOf = ({ layout }: Registered, name: string) =>
  readFileSync(join(layout.data(name as never), 'files', 'state'), 'utf8')

/** But what any run leaves for the next one. */
const filesOf = (house: Registered) =>
  (house.state() as { readonly files: readonly string[] }).files.filter((one) => !/^(cache|spool)\//.test(one))

/** An app and what it needs, both in version 1, with data. */
async function two(t: TestContext): Promise<Registered> {
  const house = await registered(t)
  await house.list(withManifest(BASE, '1.0.0', {}), app('1.0.0', '^1'))
  await house.manager.installAll([APP], { consent: agree })
  writeData(house, BASE, 'of 1')
  return house
}

/** It comes in, and never shows that it works. */
const failing = (version: string, requires: object) => {
  const { files, ...spec } = withManifest(APP, version, { requires, health: { runtime: 'exec', path: 'bin/check' } })
  return { ...spec, files: { ...files, 'bin/check': '#!/bin/sh\nexit 3\n' }, executable: ['bin/check'] }
}

test('what an update needs goes back with it when it cannot show that it works', { skip: cannotLaunch }, async (t) => {
  const house = await two(t)
  await house.list(withManifest(BASE, '2.0.0', {}), failing('2.0.0', { [BASE]: '^2' }))
  const failure = (await house.manager
    .update([APP], { consent: agree })
    .catch((error: unknown) => error)) as PluginError
  assert.equal(failure.code, 'HEALTH_FAILED')
  assert.match(failure.message, /; taken back with it: acme\/base 2\.0\.0$/)
  assert.deepEqual(failure.details.undone, [{ name: BASE, version: '2.0.0' }])
  assert.deepEqual(versions(house), UNCHANGED)
  assert.equal(dataOf(house, BASE), 'of 1')

  // It was not the fault of what went back: nothing keeps it from the next try.
  await house.list(app('2.0.1', '^2'))
  const results = await house.manager.updateAll({ mode: 'hold' })
  assert.deepEqual(results.map(({ name, to, outcome }) => [name, to, outcome]).sort(), [
    [APP, '2.0.1', 'updated'],
    [BASE, '2.0.0', 'updated'],
  ])
})

test('where a host keeps no version, one is kept until those that go together are there', {
  skip: cannotLaunch,
}, async (t) => {
  const house = await two(t)
  const config = JSON.parse(readFileSync(house.layout.configFile, 'utf8')) as object
  writeFileSync(house.layout.configFile, JSON.stringify({ ...config, keepVersions: 1 }), { mode: 0o600 })
  await house.list(withManifest(BASE, '2.0.0', {}), failing('2.0.0', { [BASE]: '^2' }))
  await assert.rejects((await house.reopen()).update([APP], { consent: agree }), { code: 'HEALTH_FAILED' })
  assert.deepEqual(versions(house), UNCHANGED)
})

test('what came only for another one goes again with it, and leaves nothing', { skip: cannotLaunch }, async (t) => {
  const house = await two(t)
  await house.list(withManifest(OTHER, '1.0.0', {}), failing('2.0.0', { [BASE]: '^1', [OTHER]: '^1' }))
  const before = filesOf(house)
  await assert.rejects(house.manager.update([APP], { consent: agree }), {
    code: 'HEALTH_FAILED',
    message: /taken back with it: acme\/other 1\.0\.0/,
  })
  assert.deepEqual(versions(house), UNCHANGED)
  assert.deepEqual(filesOf(house), before)
  const uids = house.raw((db) => db.prepare('SELECT name FROM plugins WHERE uid IS NOT NULL ORDER BY name').all())
  assert.deepEqual(uids, [{ name: APP }, { name: BASE }])
})

test('nothing is done to what goes together with one that waits', async (t) => {
  const house = await two(t)
  await house.list(withManifest(OTHER, '1.0.0', {}))
  await house.manager.installAll([OTHER], { consent: agree })
  await house.list(withManifest(BASE, '2.0.0', {}), app('2.0.0', '^2', wide), withManifest(OTHER, '1.1.0', {}))
  const results = await house.manager.update([APP, OTHER], { mode: 'hold' })
  assert.deepEqual(
    results.map(({ name, outcome, reason, widening }) => [name, outcome, reason, widening !== null]),
    [
      [BASE, 'waits', 'goes together with acme/app, which waits', false],
      [APP, 'waits', null, true],
      [OTHER, 'updated', null, false],
    ],
  )
  assert.deepEqual(versions(house), [...UNCHANGED, 'acme/other 1.1.0'])
})

test('nothing is done to what goes together with one that is refused', async (t) => {
  const house = await two(t)
  await house.list(withManifest(BASE, '2.0.0', {}), { ...app('2.0.0', '^2'), signers: [await authority()] })
  await assert.rejects(house.manager.update([APP], { consent: agree }), { code: 'SIGNER_NOT_TRUSTED' })
  assert.deepEqual(versions(house), UNCHANGED)
  assert.deepEqual(
    house.manager.list().flatMap(({ kept }) => kept),
    [],
  )
})

test('every question is asked before the first of them comes in', async (t) => {
  const house = await two(t)
  await house.list(withManifest(BASE, '2.0.0', wide), app('2.0.0', '^2', wide))
  const asked: string[] = []
  const consent = (question: { readonly name: string }) => {
    asked.push(`${question.name}: ${versions(house).join(', ')}`)
    return question.name !== APP
  }
  await assert.rejects(house.manager.update([APP], { consent }), { code: 'CONSENT_REFUSED' })
  assert.deepEqual(asked, [`${BASE}: ${UNCHANGED.join(', ')}`, `${APP}: ${UNCHANGED.join(', ')}`])
  assert.deepEqual(versions(house), UNCHANGED)
})

test('those that do not need each other stand alone, and what was done is told', { skip: cannotLaunch }, async (t) => {
  const house = await two(t)
  const ABLE = 'acme/able' // before the other one, in the order of names
  await house.list(withManifest(ABLE, '1.0.0', {}), failing('2.0.0', { [BASE]: '^1' }))
  const requests = [ABLE, `${APP}@2.0.0`]
  const failure = (await house.manager
    .installAll(requests, { consent: agree })
    .catch((error: unknown) => error)) as PluginError
  assert.equal(failure.code, 'HEALTH_FAILED')
  assert.match(failure.message, /; done before that: acme\/able 1\.0\.0$/)
  assert.deepEqual(failure.details.done, [{ name: ABLE, version: '1.0.0' }])
  assert.deepEqual(versions(house), ['acme/able 1.0.0', ...UNCHANGED])
})
