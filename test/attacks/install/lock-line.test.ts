// A line of a lock file is changed to show less than a release does: no hook, a smaller limit, another runtime, fewer needs. Where
// that release is installed already nothing is left to install, and who goes by the green light of CI believes the line.

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { says, suppliedHome } from '../../helpers/supplied-home.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const FALSE = [
  [{ hooks: {} }, /hooks is/],
  [{ hooks: { preremove: { runtime: 'python', limits: {} } } }, /hooks is/],
  [{ limits: { memory: '64M' } }, /limits is/],
  [{ runtime: 'python' }, /runtime is exec/],
  [{ protocol: 'mcp' }, /protocol is stdio/],
  [{ requires: {} }, /requires is/],
  [{ platforms: ['linux/amd64'] }, /platforms is/],
  [{ manifest: 'f'.repeat(64) }, /manifest is/],
  [{ sha512: 'f'.repeat(128) }, /sha512 is/],
  [{ permissions: { network: [], read: [], env: ['TOKEN'] } }, /the lock file grants env \["TOKEN"\]/],
] as const

test('a line that is not so is a difference, of what is installed too, and nothing is changed', {
  skip: cannotLaunch,
}, async (t) => {
  const home = await suppliedHome(t)
  const app = { hooks: { preremove: { path: 'bin/x' } }, limits: { memory: '900M' }, requires: { 'acme/lib': '^1' } }
  await home.offer(says('acme/lib', '1.0.0'), says('acme/lib', '1.1.0'), says('acme/app', '1.0.0', app))
  const folder = join(home.base, 'project')
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  const lockFile = join(folder, 'plugins.lock')
  await home.with(async (manager) => {
    await manager.installAll(['acme/app'], { consent: () => true })
    await manager.writeLock({ lockFile })
    const lock = JSON.parse(readFileSync(lockFile, 'utf8'))
    assert.equal((await manager.sync({ lockFile, frozen: true })).unchanged, true)
    for (const [line, message] of FALSE) {
      const [first, ...others] = lock.plugins
      writeFileSync(lockFile, JSON.stringify({ ...lock, plugins: [{ ...first, ...line }, ...others] }))
      await assert.rejects(manager.sync({ lockFile, frozen: true }), { code: 'LOCK_DIFFERS', message })
    }
    // Nor is anything done to another one before that is found.
    writeFileSync(lockFile, JSON.stringify(lock))
    await manager.remove('acme/app', { purge: true })
    await manager.installAll(['acme/lib@1.0.0', 'acme/app'], { consent: () => true, allowDowngrade: true })
    const grants = { permissions: { network: [], read: [], env: ['TOKEN'] } }
    writeFileSync(lockFile, JSON.stringify({ ...lock, plugins: [{ ...lock.plugins[0], ...grants }, lock.plugins[1]] }))
    await assert.rejects(manager.sync({ lockFile }), { code: 'LOCK_DIFFERS' })
    assert.deepEqual(
      manager.list().map(({ name, version }) => `${name} ${version}`),
      ['acme/app 1.0.0', 'acme/lib 1.0.0'],
    )
  })
})
