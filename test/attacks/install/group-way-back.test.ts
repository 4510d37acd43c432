// Releases that need each other come in together or not at all. A publisher of one of them must not be able to steer the way back:
// to stay by its own hook, to keep others from their updates, or to cost what an earlier installation has left.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { PluginError } from '../../../src/index.ts'
import { agree } from '../../manager/household.ts'
import { type Registered, registered, withManifest, writeData } from '../../manager/lifecycle/registered.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const BASE = 'acme/base'
const APP = 'acme/app'
const OTHER = 'acme/other'
const skip = { skip: cannotLaunch }

const versions = ({ manager }: Registered) => manager.list().map(({ name, version }) => `${name} ${version}`)
const UNCHANGED = ['acme/app 1.0.0', 'acme/base 1.0.0']

/** With programs beside its entry. */
function scripted(name: string, version: string, manifest: object, scripts: Readonly<Record<string, string>>) {
  const { files, ...spec } = withManifest(name, version, manifest)
  const programs = Object.fromEntries(Object.entries(scripts).map(([path, text]) => [path, `#!/bin/sh\n${text}\n`]))
  return { ...spec, files: { ...files, ...programs }, executable: Object.keys(scripts) }
}

const check = { health: { runtime: 'exec', path: 'bin/check' } }
const app = (base: string) => withManifest(APP, '1.0.0', { requires: { [BASE]: base } })
/** Everything about it is agreed to, and then it never shows that it works. */
const failing = (requires: object) => scripted(APP, '2.0.0', { requires, ...check }, { 'bin/check': 'exit 3' })

/** An app and what it needs, both in version 1, with data. */
async function two(t: TestContext, base = withManifest(BASE, '1.0.0', {})): Promise<Registered> {
  const house = await registered(t)
  await house.list(base, app('^1'))
  await house.manager.installAll([APP], { consent: agree })
  writeData(house, BASE, 'of 1')
  return house
}

async function refused(house: Registered): Promise<PluginError> {
  const failure = await house.manager.update([APP], { consent: agree }).catch((error: unknown) => error)
  assert.equal((failure as PluginError).code, 'HEALTH_FAILED')
  return failure as PluginError
}

test('a version that was taken back is none below which updates are downgrades', skip, async (t) => {
  const house = await two(t)
  await house.list(
    withManifest(BASE, '2.0.0', {}),
    withManifest(OTHER, '9.0.0', {}),
    failing({ [BASE]: '^2', [OTHER]: '^9' }),
  )
  await refused(house)
  await house.list(withManifest(BASE, '1.0.1', {}), withManifest(OTHER, '1.0.0', {}))
  await house.manager.update([BASE], { mode: 'hold' })
  await house.manager.installAll([`${OTHER}@^1`], { consent: agree })
  assert.deepEqual(versions(house), ['acme/app 1.0.0', 'acme/base 1.0.1', 'acme/other 1.0.0'])
})

test('it is not kept either, and nobody rolls back to it', skip, async (t) => {
  const house = await two(t)
  const files = () =>
    (house.state() as { files: readonly string[] }).files.filter((one) => !/^(cache|spool)\/|^snapshots\/ /.test(one))
  const before = files()
  await house.list(withManifest(BASE, '2.0.0', {}), failing({ [BASE]: '^2' }))
  await refused(house)
  assert.deepEqual(versions(house), UNCHANGED)
  await assert.rejects(house.manager.rollback(BASE), { code: 'NOTHING_KEPT' })
  assert.deepEqual(files(), before)
})

test('a hook that will not say goodbye keeps nothing here that came for another one', skip, async (t) => {
  const house = await two(t)
  const clingy = { hooks: { preremove: { runtime: 'exec', path: 'bin/bye' } } }
  await house.list(scripted(OTHER, '1.0.0', clingy, { 'bin/bye': 'exit 1' }), failing({ [BASE]: '^1', [OTHER]: '^1' }))
  const { message } = await refused(house)
  assert.match(message, /taken back with it: acme\/other 1\.0\.0/)
  assert.deepEqual(versions(house), UNCHANGED)
})

test('what was there before need not show again that it works to come back', skip, async (t) => {
  const moody = { permissions: { env: ['MOOD'] }, ...check }
  process.env.MOOD = 'good'
  t.after(() => delete process.env.MOOD)
  const house = await two(t, scripted(BASE, '1.0.0', moody, { 'bin/check': '[ "$MOOD" = good ]' }))
  await house.list(withManifest(BASE, '2.0.0', {}), failing({ [BASE]: '^2' }))
  process.env.MOOD = 'bad'
  await refused(house)
  assert.deepEqual(versions(house), UNCHANGED)
})

test('one that runs on comes back, and what it has written meanwhile stays', skip, async (t) => {
  const waits = { entry: { runtime: 'exec', path: 'bin/wait' } }
  const house = await two(t, scripted(BASE, '1.0.0', waits, { 'bin/wait': 'read line' }))
  await house.list(withManifest(BASE, '2.0.0', {}), failing({ [BASE]: '^2' }))
  const run = await house.manager.run(BASE, { stdio: { stdin: 'pipe' } })
  const onProgress = ({ text }: { text?: string }) => {
    if (text?.includes('health') === true) writeData(house, BASE, 'written meanwhile')
  }
  const going = house.manager.update([APP], { consent: agree, onProgress: onProgress as never })
  await assert.rejects(going, { code: 'HEALTH_FAILED', message: /taken back with it: acme\/base 2\.0\.0/ })
  assert.deepEqual(versions(house), UNCHANGED)
  const state = join(house.layout.data(BASE as never), 'files', 'state')
  assert.equal(readFileSync(state, 'utf8'), 'written meanwhile')
  await run.close()
})

test('what an earlier installation left is there afterwards as it was', skip, async (t) => {
  const house = await two(t)
  const config = JSON.parse(readFileSync(house.layout.configFile, 'utf8')) as object
  const plugins = { [OTHER]: { weaker: ['data-quota'] } }
  writeFileSync(house.layout.configFile, JSON.stringify({ ...config, plugins }), { mode: 0o600 })
  await house.reopen()
  const hooks = { limits: { data: '1M' }, hooks: { postinstall: { runtime: 'exec', path: 'bin/setup' } } }
  const setup = { 'bin/setup': 'echo mine >/data/state' }
  await house.list(scripted(OTHER, '1.0.0', hooks, setup), scripted(OTHER, '1.1.0', hooks, setup))
  await house.manager.installAll([`${OTHER}@1.0.0`], { consent: agree })
  await house.manager.remove(OTHER, { purge: false })
  const state = join(house.layout.data(OTHER as never), 'files', 'state')
  writeFileSync(state, 'of before')
  await house.list(failing({ [BASE]: '^1', [OTHER]: '^1.1' }))
  await refused(house)
  assert.deepEqual(versions(house), UNCHANGED)
  assert.equal(readFileSync(state, 'utf8'), 'of before')
})

test('so are its logs, where it has kept no data', skip, async (t) => {
  const house = await two(t)
  await house.list(withManifest(OTHER, '1.0.0', {}))
  await house.manager.installAll([OTHER], { consent: agree })
  await house.manager.remove(OTHER, { purge: false })
  const logs = house.layout.logs(OTHER as never)
  mkdirSync(logs, { recursive: true, mode: 0o700 })
  writeFileSync(join(logs, 'x.log'), 'why it was removed')
  await house.list(failing({ [BASE]: '^1', [OTHER]: '^1' }))
  await refused(house)
  assert.deepEqual(versions(house), UNCHANGED)
  assert.ok(existsSync(join(logs, 'x.log')))
})

test('one that needs nothing any more goes back before what its old version needs', skip, async (t) => {
  const house = await two(t)
  const requires = { [APP]: '*', [BASE]: '*' }
  await house.list(withManifest('acme/zed', '1.0.0', { requires }))
  await house.manager.installAll(['acme/zed'], { consent: agree })
  const zed = scripted('acme/zed', '2.0.0', { requires, ...check }, { 'bin/check': 'exit 3' })
  await house.list(withManifest(APP, '2.0.0', {}), withManifest(BASE, '2.0.0', {}), zed)
  await assert.rejects(house.manager.update([APP, BASE, 'acme/zed'], { consent: agree }), { code: 'HEALTH_FAILED' })
  assert.deepEqual(versions(house), [...UNCHANGED, 'acme/zed 1.0.0'])
})

test('what somebody else installs meanwhile is theirs, in the same version too', skip, async (t) => {
  const house = await two(t)
  const slow = { health: { ...check.health, limits: { timeout: '5s' } } }
  const requires = { [BASE]: '^1', [OTHER]: '^1' }
  await house.list(
    withManifest(OTHER, '1.0.0', {}),
    scripted(APP, '2.0.0', { requires, ...slow }, { 'bin/check': 'while :; do :; done' }),
  )
  let others: Promise<unknown> | null = null
  const again = async () => {
    await house.manager.remove(OTHER, { purge: true })
    await house.manager.installAll([OTHER], { consent: agree })
    return house.manager.list().length
  }
  const onProgress = ({ text }: { text?: string }) => {
    if (text?.includes('health') === true) others ??= again()
  }
  const going = house.manager.update([APP], { consent: agree, onProgress: onProgress as never })
  await assert.rejects(going, { code: 'HEALTH_FAILED', message: /^(?!.*taken back)/ })
  assert.equal(await others, 3)
  assert.deepEqual(versions(house), [...UNCHANGED, 'acme/other 1.0.0'])
})

test(
  'what somebody had gone back from is still no update after it was tried in vain with another one',
  skip,
  async (t) => {
    const house = await registered(t)
    const either = withManifest(APP, '1.0.0', { requires: { [BASE]: '>=1' } })
    await house.list(withManifest(BASE, '1.0.0', {}), either)
    await house.manager.installAll([APP], { consent: agree })
    await house.list(withManifest(BASE, '2.0.0', {}))
    await house.manager.update([BASE], { consent: agree })
    await house.manager.rollback(BASE)
    await house.list(failing({ [BASE]: '^2' }))
    const together = house.manager.installAll([`${BASE}@2.0.0`, `${APP}@2.0.0`], { consent: agree })
    await assert.rejects(together, { code: 'HEALTH_FAILED', message: /taken back with it: acme\/base 2\.0\.0/ })
    const [result] = await house.manager.update([BASE], { mode: 'hold' })
    assert.deepEqual([result?.outcome, versions(house)], ['current', UNCHANGED])
  },
)
