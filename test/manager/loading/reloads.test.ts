// Several at once, as hosts do that reload for every change that they see.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ReleaseSpec } from '../../helpers/authority.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { HELLO, household } from '../household.ts'
import { hostile, pythonSpeaker } from './speakers.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const ECHO = hostile('pass')
const newer = ({ files }: ReleaseSpec): ReleaseSpec => ({
  version: '1.1.0',
  files: { ...files, 'plugin.json': `${files?.['plugin.json']}`.replace('1.0.0', '1.1.0') },
})

/** Answers each call when its host lets it. */
const HELD_UP = pythonSpeaker(`
import json, sys
for line in sys.stdin:
    print(json.dumps({"jsonrpc": "2.0", "id": "gate", "method": "gate"}), flush=True)
    sys.stdin.readline()
    print(json.dumps({"jsonrpc": "2.0", "id": json.loads(line)["id"], "result": None}), flush=True)
`)

test('one that was begun before an update does not undo what one after it is for', { skip }, async (t) => {
  const house = await household(t)
  await house.install(HELD_UP)
  const gates = [1, 2, 3].map(() => Promise.withResolvers<void>())
  const open = (at: number) => gates[at]?.resolve()
  let starts = 0
  open(0)
  await using plugin = await house.manager.load(HELLO, { functions: { gate: () => gates[starts++]?.promise } })
  const before = plugin.reload()
  while (starts < 2) await sleep(5)
  await house.install(newer(HELD_UP))
  const started = once(plugin, 'started')
  const after = plugin.reload()
  open(1)
  await started
  open(2)
  await Promise.all([before, after])
  assert.deepEqual(
    (await plugin.stats()).instances.map(({ version }) => version),
    ['1.1.0'],
  )
  assert.equal((await house.manager.ps(HELLO)).length, 1)
})

test('many of them start one sandbox at a time, and two in all', { skip }, async (t) => {
  const house = await household(t)
  await house.install(ECHO)
  await using plugin = await house.manager.load(HELLO)
  await Promise.all(Array.from({ length: 20 }, () => plugin.reload()))
  assert.equal((await house.manager.ps(HELLO)).length, 1)
  const runs = house.raw((db) => db.prepare('SELECT count(*) AS count FROM runs').get())
  assert.deepEqual(runs, { count: 3 })
  assert.deepEqual(await plugin.call('echo', [1]), [1])
})

test('many of them fail together when nothing comes up', { skip }, async (t) => {
  const house = await household(t)
  await house.install(ECHO)
  await using plugin = await house.manager.load(HELLO)
  const mute = newer(ECHO)
  await house.install({ ...mute, files: { ...mute.files, 'main.py': 'import sys\nsys.exit(3)\n' } })
  const all = Array.from({ length: 20 }, () => assert.rejects(plugin.reload(), { code: 'PLUGIN_ENDED' }))
  await Promise.all(all)
  const runs = house.raw((db) => db.prepare('SELECT count(*) AS count FROM runs').get())
  assert.deepEqual(runs, { count: 3 })
  assert.deepEqual(await plugin.call('echo', [1]), [1], 'what was there stays')
})

test('what drains has the shortest time that any of them gives it, and none is over before', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('time.sleep(600)'))
  await using plugin = await house.manager.load(HELLO)
  const lost = assert.rejects(plugin.call('hostile', {}, { timeoutMs: 0 }), { code: 'PLUGIN_CLOSED' })
  const started = once(plugin, 'started')
  const patient = plugin.reload({ drainMs: 600_000 })
  await started
  await plugin.reload({ drainMs: 0 })
  assert.equal((await house.manager.ps(HELLO)).length, 1)
  await Promise.all([lost, patient])
})

test('what broke its protocol has crashed, also when its host closes it for that', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('say("no message\\n")'))
  const crashed: string[] = []
  const ended: boolean[] = []
  const plugin = await house.manager.load(HELLO, {
    on: {
      violation: () => void plugin.close({ drainMs: 0 }),
      crash: ({ error }) => crashed.push(error.code),
      ended: ({ isAsked }) => ended.push(isAsked),
    },
  })
  await assert.rejects(plugin.call('hostile'), { code: 'MESSAGE_INVALID' })
  while (ended.length === 0) await sleep(10)
  await plugin.close()
  assert.deepEqual([ended, crashed], [[false], ['MESSAGE_INVALID']])
})
