// `reload` reaches every place, also one that is empty at the moment.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadedPlugin, LoadOptions } from '../../../src/index.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { HELLO, household } from '../household.ts'
import { hostile, pythonSpeaker } from './speakers.ts'

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
    assert.equal((await house.manager.ps(HELLO)).length, 1, 'one place, and more than one sandbox')
  }
})

const SLOW = 'time.sleep(0.5)\nanswer(id, "at last")'

test('calls that wait at what is replaced are answered, and new ones go to the new one', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile(SLOW))
  await using plugin = await house.manager.load(HELLO, { restart: false })
  const order: string[] = []
  const waiting = plugin.call('hostile').then((answer) => order.push(`old: ${answer}`))
  const started = once(plugin, 'started')
  const reloading = plugin.reload()
  await started
  await plugin.call('echo').then(() => order.push('new'))
  await Promise.all([waiting, reloading])
  assert.deepEqual(order, ['new', 'old: at last'])
  assert.deepEqual((await plugin.stats()).calls.failed, 0)
  assert.equal((await house.manager.ps(HELLO)).length, 1)
})

test('a stream that is open at what is replaced is read to its end', { skip }, async (t) => {
  const house = await household(t)
  await house.install(
    pythonSpeaker(
      'import bulkhead_plugin, time\ndef count(p, c):\n    for i in range(3): time.sleep(0.2); yield i\nbulkhead_plugin.serve({"count": count})\n',
    ),
  )
  await using plugin = await house.manager.load(HELLO)
  const items: unknown[] = []
  const reading = (async () => {
    for await (const item of plugin.stream('count')) items.push(item)
  })()
  await Promise.all([reading, plugin.reload()])
  assert.deepEqual(items, [0, 1, 2])
})

test('what its host does not want to wait for ends with what is replaced', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('time.sleep(600)'))
  await using plugin = await house.manager.load(HELLO)
  for (const drainMs of [0, 100]) {
    const lost = assert.rejects(plugin.call('hostile'), { code: 'PLUGIN_CLOSED', message: /it is being replaced/ })
    await Promise.all([lost, plugin.reload({ drainMs })])
    assert.deepEqual(await plugin.call('echo', [1]), [1])
  }
})

test('a plugin that is closed meanwhile leaves nothing of what it was replacing', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('time.sleep(600)'))
  const plugin = await house.manager.load(HELLO)
  const lost = assert.rejects(plugin.call('hostile'), { code: 'PLUGIN_CLOSED' })
  const started = once(plugin, 'started')
  const reloading = plugin.reload({ drainMs: 60_000 })
  await started
  await plugin.close({ drainMs: 100 })
  assert.deepEqual(await house.manager.ps(HELLO), [])
  await Promise.all([lost, reloading])
})
