// A plugin that says it is ready and has its host close it in the same breath must not come up a turn after it was closed; nor may
// anything be started for a `reload` that `close` has overtaken.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { LoadedPlugin } from '../../../src/index.ts'
import { HELLO, household } from '../../manager/household.ts'
import { hostile, pythonSpeaker } from '../../manager/loading/speakers.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

/** The answer that says it is ready, and a call of its host, in one piece. */
const IN_ONE_BREATH = pythonSpeaker(`
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "method" in message:
        ready = {"jsonrpc": "2.0", "id": message["id"], "result": None}
        quit = {"jsonrpc": "2.0", "id": "quit", "method": "quit"}
        print(json.dumps(ready) + "\\n" + json.dumps(quit), flush=True)
`)

/** More turns than an instance takes from its answer to its place. */
const TURNS = 12

for (const [how, end] of [
  ['closed', (plugin: LoadedPlugin) => plugin.close({ drainMs: 0 })],
  ['revoked', (plugin: LoadedPlugin) => plugin.revoke(new TypeError('revoked') as never)],
] as const)
  test(`what becomes ready in the moment in which its plugin is ${how} does not stay`, { skip }, async (t) => {
    const house = await household(t)
    await house.install(IN_ONE_BREATH)
    for (let turns = 0; turns < TURNS; turns++) {
      const ended = Promise.withResolvers<void>()
      let reloaded: LoadedPlugin | null = null
      const quit = async (): Promise<void> => {
        if (reloaded === null) return
        for (let i = 0; i < turns; i++) await null
        ended.resolve(end(reloaded))
      }
      const plugin = await house.manager.load(HELLO, { functions: { quit } })
      reloaded = plugin
      const reloading = plugin.reload().catch((error) => error)
      await ended.promise
      const left = await house.manager.ps(HELLO)
      assert.deepEqual(left, [], `ended ${turns} turns after its answer`)
      await reloading
    }
  })

test('a loading that is cancelled in that moment is cancelled, or was not in time', { skip }, async (t) => {
  const house = await household(t)
  await house.install(IN_ONE_BREATH)
  for (let turns = 0; turns < 2 * TURNS; turns++) {
    const control = new AbortController()
    const quit = async (): Promise<void> => {
      for (let i = 0; i < turns; i++) await null
      control.abort()
    }
    const loading = house.manager.load(HELLO, { functions: { quit }, signal: control.signal })
    const loaded = await loading.catch((error) => error)
    if (loaded instanceof Error) {
      assert.equal((loaded as { code?: string }).code, 'CALL_CANCELLED')
      assert.deepEqual(await house.manager.ps(HELLO), [])
      continue
    }
    assert.equal(await loaded.call('echo'), null, `cancelled ${turns} turns after its answer, and loaded all the same`)
    await loaded.close({ drainMs: 0 })
  }
})

test('a reload that is closed while one place drains starts nothing in the next', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('time.sleep(600)'))
  const plugin = await house.manager.load(HELLO, { instances: 2 })
  const lost = assert.rejects(plugin.call('hostile'), { code: 'PLUGIN_CLOSED' })
  const started = once(plugin, 'started')
  const reloading = assert.rejects(plugin.reload({ drainMs: 60_000 }), { code: 'PLUGIN_CLOSED' })
  await started
  await plugin.close({ drainMs: 0 })
  await Promise.all([lost, reloading])
  const runs = house.raw((db) => db.prepare('SELECT count(*) AS count FROM runs').get())
  assert.deepEqual(runs, { count: 3 }, 'two of load, and one of the reload')
})
