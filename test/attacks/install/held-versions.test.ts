// What is held stays at its version, whichever way another one comes: by name, as a file, back from before, or by a lock file
// that cannot know of a hold that this host has until a date.

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { says, suppliedHome } from '../../helpers/supplied-home.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const yes = () => true

test('no file, no rollback and no name brings another version of what is held', async (t) => {
  const home = await suppliedHome(t)
  await home.offer(says('acme/app', '1.0.0'), says('acme/app', '1.1.0'), says('acme/app', '1.2.0'))
  await home.with(async (manager) => {
    await manager.installAll(['acme/app@1.0.0'], { consent: yes })
    await manager.installAll(['acme/app@1.1.0'], { consent: yes })
    manager.hold('acme/app', { reason: 'the next one loses mail' })
    const held = { code: 'WRONG_STATE', message: /held at 1\.1\.0 .*loses mail/ }
    await assert.rejects(manager.install(join(home.shelf.folder, 'acme-app-1.2.0.tgz'), { consent: yes }), held)
    await assert.rejects(manager.rollback('acme/app'), held)
    await assert.rejects(manager.installAll(['acme/app@1.2.0'], { consent: yes }), { code: 'DEPENDENCY_CONFLICT' })
    await assert.rejects(manager.update(['acme/app'], { consent: yes }), { code: 'WRONG_STATE' })
    assert.equal((await manager.updateAll({ consent: yes }))[0]?.outcome, 'held')
    assert.equal(manager.list()[0]?.version, '1.1.0')
  })
})

test('what is held while an update is under way stays where it was when it was held', async (t) => {
  const home = await suppliedHome(t)
  await home.offer(says('acme/app', '1.0.0'), says('acme/app', '1.1.0', { permissions: { env: ['TOKEN'] } }))
  await home.with(async (manager) => {
    await manager.installAll(['acme/app@1.0.0'], { consent: yes })
    const consent = () => manager.hold('acme/app').version === '1.0.0'
    await assert.rejects(manager.update(['acme/app'], { consent }), { code: 'WRONG_STATE', message: /held at 1\.0\.0/ })
    assert.equal(manager.list()[0]?.version, '1.0.0')
  })
})

test('so does what is held while a rollback is', { skip: cannotLaunch }, async (t) => {
  const home = await suppliedHome(t)
  const health = { health: { path: 'bin/x' } }
  await home.offer(says('acme/app', '1.0.0', health), says('acme/app', '1.1.0'))
  await home.with(async (manager) => {
    await manager.installAll(['acme/app@1.0.0'], { consent: yes })
    await manager.installAll(['acme/app@1.1.0'], { consent: yes })
    const onProgress = () => void (manager.holds().length > 0 || manager.hold('acme/app'))
    await assert.rejects(manager.rollback('acme/app', { onProgress }), {
      code: 'WRONG_STATE',
      message: /held at 1\.1\.0/,
    })
    assert.equal(manager.list()[0]?.version, '1.1.0')
  })
})

test('a lock file does not lift a hold that this host has until a date', async (t) => {
  const home = await suppliedHome(t)
  await home.offer(says('acme/app', '1.0.0'), says('acme/app', '1.1.0'))
  const folder = join(home.base, 'project')
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  const lockFile = join(folder, 'plugins.lock')
  await home.with(async (manager) => {
    await manager.installAll(['acme/app@1.1.0'], { consent: yes })
    await manager.writeLock({ lockFile })
    await manager.remove('acme/app', { purge: true })
    await manager.installAll(['acme/app@1.0.0'], { consent: yes, allowDowngrade: true })
    manager.hold('acme/app', { until: new Date(Date.now() + 3_600_000) })
    await assert.rejects(manager.sync({ lockFile }), { code: 'WRONG_STATE', message: /held at 1\.0\.0 until/ })
    manager.unhold('acme/app')
    await manager.sync({ lockFile })
    assert.equal(manager.list()[0]?.version, '1.1.0')
  })
})

test('nor does it take it over, for the next one to lift', async (t) => {
  const home = await suppliedHome(t)
  await home.offer(says('acme/app', '1.0.0'))
  const folder = join(home.base, 'project')
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  const lockFile = join(folder, 'plugins.lock')
  await home.with(async (manager) => {
    await manager.installAll(['acme/app'], { consent: yes })
    manager.hold('acme/app')
    await manager.writeLock({ lockFile })
    manager.unhold('acme/app')
    const { until } = manager.hold('acme/app', { until: new Date(Date.now() + 3_600_000), reason: 'the fair' })
    await assert.rejects(manager.sync({ lockFile }), {
      code: 'WRONG_STATE',
      message: /held at 1\.0\.0 until .*the fair/,
    })
    assert.equal(manager.holds()[0]?.until, until)
    manager.unhold('acme/app')
    await manager.sync({ lockFile })
    assert.equal(manager.holds()[0]?.until, null)
  })
})
