import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HELLO, household } from '../../manager/household.ts'
import { pythonSpeaker } from '../../manager/loading/speakers.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const SLOW = pythonSpeaker(
  'import bulkhead_plugin, time\nbulkhead_plugin.serve({"slow": lambda p, c: time.sleep(0.4) or "done", "echo": lambda p, c: p})\n',
)

test('whatever is asked of a manager that was closed ends, and in a typed error', { skip }, async (t) => {
  const house = await household(t)
  await house.install(SLOW)
  const { manager } = house
  const plugin = await manager.load(HELLO)
  await manager.close()
  for (const asked of [
    () => manager.load(HELLO),
    () => manager.warm(HELLO),
    () => manager.spawn(HELLO),
    () => manager.run(HELLO),
    () => plugin.stats(),
  ]) {
    await assert.rejects(asked(), { name: 'StoreError', code: 'WRONG_STATE' })
  }
  await assert.rejects(plugin.call('echo', [1]), { code: 'PLUGIN_CLOSED' })
  await assert.rejects(plugin.reload(), { code: 'PLUGIN_CLOSED' })
  assert.deepEqual(await plugin.health(), { status: 'down', instances: [] })
  await plugin.close()
})

test('a plugin that is given all the time there is to end has it', { skip }, async (t) => {
  const house = await household(t)
  await house.install(SLOW)
  const plugin = await house.manager.load(HELLO)
  const answer = plugin.call('slow')
  await plugin.close({ drainMs: Number.POSITIVE_INFINITY })
  assert.equal(await answer, 'done')
})

test('a loading that is cancelled at any moment is cancelled', { skip }, async (t) => {
  const house = await household(t)
  await house.install(SLOW)
  for (const afterMs of [0, 1, 5, 20, 60, 120]) {
    const cancel = new AbortController()
    const loading = house.manager.load(HELLO, { signal: cancel.signal })
    const ended = loading.then(
      (plugin) => plugin.close(),
      ({ code }) => assert.equal(code, 'CALL_CANCELLED'),
    )
    // 0: in this very turn, before anything was looked at.
    if (afterMs > 0) await sleep(afterMs)
    cancel.abort()
    await ended
    assert.deepEqual((await house.manager.ps(HELLO)).length, 0, `after ${afterMs} ms`)
  }
})
