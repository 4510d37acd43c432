// A plugin that is replaced may answer the calls it has: it must not stay by that when it may not run any more.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HELLO, household } from '../../manager/household.ts'
import { hostile } from '../../manager/loading/speakers.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

test('what drains for as long as its host likes is killed when it may not run any more', { skip }, async (t) => {
  const house = await household(t)
  // It neither answers nor ends when it is asked to.
  await house.install(hostile('signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(600)'))
  const plugin = await house.manager.load(HELLO)
  const failed = assert.rejects(plugin.call('hostile', {}, { timeoutMs: 60_000 }), { code: 'WRONG_STATE' })
  const started = once(plugin, 'started')
  const reloading = plugin.reload({ drainMs: 60_000 })
  await started
  assert.equal((await house.manager.ps(HELLO)).length, 2)
  const revoked = once(plugin, 'revoked')
  house.manager.disable(HELLO)
  await revoked
  const began = Date.now()
  while ((await house.manager.ps(HELLO)).length > 0) await sleep(20)
  // With what is left of the time to drain, or the steps in which a plugin is asked to end, it takes longer.
  assert.ok(Date.now() - began < 2_500, `it took ${Date.now() - began} ms`)
  await Promise.all([failed, reloading])
})
