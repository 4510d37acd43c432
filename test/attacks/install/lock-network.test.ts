// A lock file takes the network, or a port of it, away from a plugin. Where the host's own policy lets plugins reach any public
// host, that policy must not give it back.

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { says, suppliedHome } from '../../helpers/supplied-home.ts'

const [A, B] = ['a.example.com:443', 'b.example.com:80']

for (const [granted, reached] of [
  [[], []],
  [[B], [B, '*:80']],
] as const) {
  test(`a plugin that is granted ${granted.length} of two destinations reaches no others`, async (t) => {
    const home = await suppliedHome(t)
    home.configure({ profile: 'development' })
    await home.offer(says('acme/app', '1.0.0', { permissions: { network: [A, B] } }))
    const folder = join(home.base, 'project')
    mkdirSync(folder)
    chmodSync(folder, 0o755)
    const lockFile = join(folder, 'plugins.lock')
    await home.with(async (manager) => {
      await manager.installAll(['acme/app'], { consent: () => true })
      await manager.writeLock({ lockFile })
      const lock = JSON.parse(readFileSync(lockFile, 'utf8'))
      lock.plugins[0].permissions.network = granted
      writeFileSync(lockFile, JSON.stringify(lock))
      await manager.sync({ lockFile })
      const { network } = await manager.info('acme/app')
      assert.deepEqual(
        network.allow.map(({ to }) => to),
        reached,
      )
    })
  })
}
