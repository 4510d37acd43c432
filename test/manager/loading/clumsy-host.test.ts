// What a host gets wrong about its own handle is said to it, and costs the plugin nothing.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { HELLO, household } from '../household.ts'
import { hostile } from './speakers.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const ECHO = hostile('pass')

test('a controller in the place of its signal is refused, and no other call ends with it', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('time.sleep(0.5)\nanswer(id, "well")'))
  await using plugin = await house.manager.load(HELLO, { restart: false })
  const refused = { code: 'USAGE', message: /expected signal to be an AbortSignal/ }
  const signal = new AbortController() as unknown as AbortSignal
  const other = plugin.call('hostile')
  await assert.rejects(plugin.call('echo', [1], { signal }), refused)
  await assert.rejects(plugin.stream('echo', [1], { signal }).next(), refused)
  await assert.rejects(house.manager.load(HELLO, { signal }), refused)
  assert.equal(await other, 'well')
  assert.deepEqual(await plugin.call('echo', [2]), [2])
})

test('a time that is no number is refused, not taken for as long as it takes', { skip }, async (t) => {
  const house = await household(t)
  await house.install(ECHO)
  await using plugin = await house.manager.load(HELLO)
  for (const timeoutMs of [null, '5', 5n, Number.NaN, -1])
    await assert.rejects(plugin.call('echo', [1], { timeoutMs: timeoutMs as number }), { code: 'USAGE' })
})

test('an option of reload that there is not is refused', { skip }, async (t) => {
  const house = await household(t)
  await house.install(ECHO)
  await using plugin = await house.manager.load(HELLO)
  const misspelt = { drainMS: 0 } as object
  await assert.rejects(plugin.reload(misspelt), { code: 'USAGE', message: /unknown option "drainMS"/ })
})

test('whatever its host calls a time, a health check of what hangs ends', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('time.sleep(600)'))
  await using plugin = await house.manager.load(HELLO)
  plugin.call('hostile').catch(() => {})
  await assert.rejects(plugin.health({ timeoutMs: Number.NaN }), { code: 'USAGE' })
  assert.equal((await plugin.health({ timeoutMs: 50 })).status, 'down')
  await plugin.close({ drainMs: 0 })
})

test('a health check may take longer than a timer of Node lasts', { skip }, async (t) => {
  const house = await household(t)
  await house.install(ECHO)
  await using plugin = await house.manager.load(HELLO)
  assert.equal((await plugin.health({ timeoutMs: Number.POSITIVE_INFINITY })).status, 'ok')
})
