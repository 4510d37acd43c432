// What the operator has switched off does not run. Its publisher must not get it run all the same, by an update with programs that are
// run around it, on a host that updates by itself.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PluginManager } from '../../../src/index.ts'
import { says, suppliedHome } from '../../helpers/supplied-home.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const HOOKED = { hooks: { postinstall: { path: 'bin/x' } } }
const CHECKED = { health: { path: 'bin/x' } }
const consent = () => true

const now = (manager: PluginManager) => manager.list().map(({ version, state }) => `${version} ${state}`)
const runs = (manager: PluginManager) => manager.history('acme/app', 100).length

test('an update runs no hook of what is disabled', { skip }, async (t) => {
  const home = await suppliedHome(t)
  await home.offer(says('acme/app', '1.0.0', HOOKED))
  await home.with(async (manager) => {
    await manager.installAll(['acme/app'], { consent })
    manager.disable('acme/app')
    const before = runs(manager)
    await home.offer(says('acme/app', '1.1.0', HOOKED))
    await assert.rejects(manager.update(['acme/app'], { consent }), { code: 'WRONG_STATE', message: /it is disabled/ })
    assert.deepEqual(
      (await manager.updateAll({ mode: 'hold' })).map(({ outcome, error }) => [outcome, error?.code]),
      [['failed', 'WRONG_STATE']],
    )
    assert.deepEqual([now(manager), runs(manager)], [['1.0.0 disabled'], before])

    await manager.enable('acme/app')
    await manager.update(['acme/app'], { consent })
    assert.deepEqual([now(manager), runs(manager)], [['1.1.0 installed'], before + 1])
  })
})

test('nor is it asked whether it works, forth or back', { skip }, async (t) => {
  const home = await suppliedHome(t)
  await home.offer(says('acme/app', '1.0.0', CHECKED))
  await home.with(async (manager) => {
    await manager.installAll(['acme/app'], { consent })
    manager.disable('acme/app')
    const before = runs(manager)
    await home.offer(says('acme/app', '1.1.0', CHECKED))
    await manager.update(['acme/app'], { consent })
    await manager.rollback('acme/app')
    assert.deepEqual([now(manager), runs(manager)], [['1.0.0 disabled'], before])
  })
})
