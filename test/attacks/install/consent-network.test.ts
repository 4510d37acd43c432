// What a person agreed to at install is the most a plugin reaches, whoever starts it with whatever profile, and whatever
// the configuration became since.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { DEFAULT_CONFIG } from '../../../src/core/config.ts'
import type { Profile } from '../../../src/core/limits.ts'
import type { Manifest } from '../../../src/core/manifest.ts'
import { effectiveNetwork } from '../../../src/core/network.ts'
import { agree, HELLO, type Household, household, manifestOf, questions } from '../../manager/household.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const LISTED = 'api.example.com:443'
const release = (version: string) => ({
  files: { 'bin/x': '#!/bin/sh\n', 'plugin.json': manifestOf({ version, permissions: { network: [LISTED] } }) },
  executable: ['bin/x'],
  version,
})

async function configure(house: Household, config: object): Promise<void> {
  writeFileSync(house.layout.configFile, JSON.stringify(config), { mode: 0o600 })
  await house.reopen()
}

const reached = async (house: Household, profile?: Profile) =>
  (await house.manager.plan(HELLO, { profile })).network.allow.map(({ to }) => to)

test('a profile given at the start reaches no host that nobody agreed to', { skip }, async (t) => {
  const house = await household(t)
  await house.install(release('1.0.0'))
  assert.deepEqual(await reached(house, 'development'), [LISTED])
  const { network } = await house.manager.plan(HELLO, { profile: 'development' })
  assert.deepEqual(network.unagreed, ['*:443'], 'and the plan says what was kept back')
  await configure(house, { profile: 'development', plugins: { [HELLO]: { network: 'public' } } })
  assert.deepEqual(await reached(house), [LISTED], 'nor does a configuration that came later')
})

test('what was shown in the question is given, and an update asks for more', { skip }, async (t) => {
  const house = await household(t)
  await house.install(release('1.0.0'))
  await configure(house, { profile: 'development' })
  const { asked, consent } = questions()
  await house.manager.install(house.publish(release('1.1.0')), { consent })
  assert.deepEqual(asked[0]?.added?.network, ['*:443'], 'the same list reaches further here than it did')
  assert.deepEqual(await reached(house), [LISTED, '*:443'])
  assert.deepEqual(await reached(house, 'production'), [LISTED])
  await configure(house, {})
  await house.manager.install(house.publish(release('1.2.0')), { consent: agree })
  assert.deepEqual(await reached(house, 'development'), [LISTED], 'an update that was asked about less gives less')
})

test('an entry that is in the manifest alone is not given', () => {
  const manifest = { name: HELLO, permissions: { network: [LISTED, 'b.example.com:80'], read: [], env: [] } }
  const { allow, unagreed } = effectiveNetwork(DEFAULT_CONFIG, manifest as unknown as Manifest, { agreed: [LISTED] })
  assert.deepEqual([allow.map(({ to }) => to), unagreed], [[LISTED], ['b.example.com:80']])
})
