// What goes back with others goes back with its data. A version that had none yet must not find what hooks of the other one have
// written: it would be read by it, as its own.

import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { agree } from '../../manager/household.ts'
import { type Registered, registered, withManifest, writeData } from '../../manager/lifecycle/registered.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const BASE = 'acme/base'
const APP = 'acme/app'
const data = { limits: { data: '1M' } }

const scripted = (name: string, version: string, manifest: object, path: string, text: string) => {
  const { files, ...spec } = withManifest(name, version, manifest)
  return { ...spec, files: { ...files, [path]: `#!/bin/sh\n${text}\n` }, executable: [path] }
}

/** The base writes when it is set up, and the app never works. */
async function refused(t: TestContext, before: (house: Registered) => void): Promise<Registered> {
  const house = await registered(t)
  const plugins = { [BASE]: { weaker: ['data-quota'] } }
  writeFileSync(house.layout.configFile, JSON.stringify({ ...configOf(house), plugins }), { mode: 0o600 })
  await house.reopen()
  await house.list(withManifest(BASE, '1.0.0', data), withManifest(APP, '1.0.0', { requires: { [BASE]: '^1' } }))
  await house.manager.installAll([APP], { consent: agree })
  before(house)
  const hooks = { postinstall: { runtime: 'exec', path: 'bin/setup' } }
  const health = { runtime: 'exec', path: 'bin/check' }
  await house.list(
    scripted(BASE, '2.0.0', { ...data, hooks }, 'bin/setup', 'echo "format 2" >/data/state'),
    scripted(APP, '2.0.0', { requires: { [BASE]: '^2' }, health }, 'bin/check', 'exit 3'),
  )
  const update = house.manager.update([APP], { consent: agree })
  await assert.rejects(update, { code: 'HEALTH_FAILED', message: /taken back with it: acme\/base 2\.0\.0/ })
  return house
}

const configOf = ({ layout }: Registered) => JSON.parse(readFileSync(layout.configFile, 'utf8')) as object

test('what had no data has none after it went back with others', { skip }, async (t) => {
  const house = await refused(t, () => {})
  assert.equal(existsSync(house.layout.data(BASE as never)), false)
  assert.equal(existsSync(house.layout.snapshots(BASE as never)), false)
})

test('and what had some has that', { skip }, async (t) => {
  const house = await refused(t, (before) => {
    writeData(before, BASE, 'format 1')
    for (const name of ['', 'state']) chmodSync(join(before.layout.data(BASE as never), 'files', name), 0o777)
  })
  assert.equal(readFileSync(join(house.layout.data(BASE as never), 'files', 'state'), 'utf8'), 'format 1')
})
