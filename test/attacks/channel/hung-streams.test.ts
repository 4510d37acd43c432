// A host that asks for streams alone has no call whose time runs out: a plugin that hangs must not be kept by that.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { LoadedPlugin } from '../../../src/index.ts'
import { HELLO, household } from '../../manager/household.ts'
import { pythonSpeaker } from '../../manager/loading/speakers.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const TIMES = 4

/** Of a stream it sends `items`, and nothing after that. */
const mute = (items: number) =>
  pythonSpeaker(`
import json, sys
def say(message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message: continue
    if "window" not in (message.get("params") or {}): say({"id": message["id"], "result": None})
    else:
        for item in range(${items}): say({"method": "$/item", "params": {"id": message["id"], "item": item}})
`)

const ask = async (plugin: LoadedPlugin): Promise<void> => {
  for await (const _ of plugin.stream('items', {}, { timeoutMs: 200 }));
}

test('a plugin of whose streams no item comes in time hangs, and is replaced', { skip }, async (t) => {
  const house = await household(t)
  await house.install(mute(0))
  await using plugin = await house.manager.load(HELLO, { bounds: { lateInARow: TIMES } })
  const crashed = once(plugin, 'crash')
  const restarted = once(plugin, 'started')
  for (let i = 0; i < TIMES; i++) await assert.rejects(ask(plugin), { code: 'CALL_TIMEOUT' })
  const [{ error }] = (await crashed) as [{ error: { code: string; message: string } }]
  assert.equal(error.code, 'CALL_TIMEOUT')
  assert.match(error.message, /answered none of the last 4 calls in time/)
  await restarted
})

test('one that sends items between does not', { skip }, async (t) => {
  const house = await household(t)
  await house.install(mute(1))
  await using plugin = await house.manager.load(HELLO, { bounds: { lateInARow: TIMES }, restart: false })
  for (let i = 0; i < 2 * TIMES; i++) await assert.rejects(ask(plugin), { code: 'CALL_TIMEOUT' })
  assert.equal(await plugin.call('echo'), null)
})
