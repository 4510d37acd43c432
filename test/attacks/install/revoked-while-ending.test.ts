// A version that is kept is judged before it comes back. What runs of the version that gives way is ended after that, and a program that
// will not listen stretches this by its grace, again and again if somebody starts it anew. What is revoked in that time must not come back.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PluginManager } from '../../../src/index.ts'
import type { Run } from '../../../src/runtime/index.ts'
import { says, suppliedHome } from '../../helpers/supplied-home.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

/** Says when it is asked to end, and does not. */
const DEAF = { 'bin/x': "#!/bin/sh\ntrap 'echo asked' TERM\necho up\nwhile :; do read line; done\n" }

const WAYS = {
  'gone back to': (manager: PluginManager) => manager.rollback('acme/app', { restart: true }),
  'installed from what is kept': (manager: PluginManager) =>
    manager.update(['acme/app'], { to: '1.0.0', allowDowngrade: true, restart: true, consent: () => true }),
}

for (const [what, go] of Object.entries(WAYS)) {
  test(`what is revoked while runs are ended for it is not ${what}`, { skip }, async (t) => {
    const home = await suppliedHome(t)
    await home.offer(says('acme/app', '1.0.0'), says('acme/app', '1.1.0', {}, DEAF))
    await home.with(async (manager) => {
      await manager.installAll(['acme/app@1.0.0'], { consent: () => true })
      await manager.installAll(['acme/app@1.1.0'], { consent: () => true })
      const run = await manager.run('acme/app', { stdio: { stdin: 'pipe' } })
      await said(run)
      const revoked = said(run).then(() => manager.trust.revoke({ target: 'acme/app@1.0.0', reason: 'it steals' }))
      await assert.rejects(go(manager), { code: 'RELEASE_REVOKED' })
      await revoked
      assert.equal(manager.list()[0]?.version, '1.1.0')
      await run.outcome
    })
  })
}

const said = ({ stdout }: Run): Promise<unknown> => new Promise((resolve) => stdout?.once('data', resolve))
