// `reload` reaches every place, also one that is empty at the moment.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadedPlugin, LoadOptions } from '../../../src/index.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { HELLO, household } from '../household.ts'
import { hostile } from './speakers.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const MANY = { failures: 99, withinMs: 60_000, coolMs: 60_000 }
const EMPTY: Readonly<Record<string, LoadOptions['restart']>> = {
  'that waits to be started again': { minMs: 60_000, maxMs: 60_000, jitter: 0, breaker: MANY },
  'whose circuit is open': { minMs: 10, jitter: 0, breaker: { ...MANY, failures: 1 } },
  'that was given up': false,
}

const versions = async (plugin: LoadedPlugin) => (await plugin.stats()).instances.map(({ version }) => version)

for (const [what, restart] of Object.entries(EMPTY))
  test(`a place ${what} is filled by reload`, { skip }, async (t) => {
    const house = await household(t)
    await house.install(hostile('os._exit(1)'))
    await using plugin = await house.manager.load(HELLO, { restart })
    const ended = once(plugin, 'ended')
    await assert.rejects(plugin.call('hostile'), { code: 'PLUGIN_ENDED' })
    await ended
    const better = hostile('answer(id, "good")')
    const files = { ...better.files, 'plugin.json': `${better.files?.['plugin.json']}`.replace('1.0.0', '1.1.0') }
    await house.install({ ...better, version: '1.1.0', files })
    await plugin.reload()
    assert.equal(await plugin.call('hostile', undefined, { timeoutMs: 5_000 }), 'good')
    assert.deepEqual(await versions(plugin), ['1.1.0'])
    assert.equal((await plugin.stats()).circuit, 'closed')
    assert.equal((await house.manager.ps(HELLO)).length, 1)
  })

test('whatever was being started in a place that is renewed does not go on beside it', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('os._exit(1)'))
  await using plugin = await house.manager.load(HELLO, { restart: { minMs: 1, maxMs: 1, jitter: 0, breaker: MANY } })
  for (let i = 0; i < 4; i++) {
    const restarting = once(plugin, 'restart')
    await assert.rejects(plugin.call('hostile'), { code: 'PLUGIN_ENDED' })
    await restarting
    // At about the moment in which the other one comes up.
    await sleep(i * 20)
    await plugin.reload()
    assert.deepEqual(await plugin.call('echo', [i]), [i])
  }
  for (let tries = 0; (await house.manager.ps(HELLO)).length !== 1; tries++) {
    assert.ok(tries < 100, 'one place, and more than one sandbox')
    await sleep(50)
  }
  await sleep(200)
  assert.equal((await house.manager.ps(HELLO)).length, 1)
})
