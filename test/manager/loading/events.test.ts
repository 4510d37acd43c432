// What a host hears of what it loads: from the first moment, under names that the compiler knows.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadedPlugin, PluginError, PluginListeners } from '../../../src/index.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { HELLO, household } from '../household.ts'
import { hostile, pythonSpeaker } from './speakers.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

/** Never called: it is the compiler that tests this. */
export function compiled(plugin: LoadedPlugin): PluginListeners {
  plugin.on('crash', ({ error, instance }: { error: PluginError; instance: string | null }) => [error, instance])
  plugin.once('started', ({ pid }) => pid.toFixed()).off('started', () => {})
  void once(plugin, 'crash')
  // @ts-expect-error: there is no event of that name
  plugin.on('crahs', () => {})
  // @ts-expect-error: nor of this one
  plugin.once('end', () => {})
  // @ts-expect-error: what is told with it is not that
  plugin.on('restart', ({ pid }) => pid)
  // @ts-expect-error: nor may it be listened to from the start
  return { crahs: () => {} }
}

test('what happens before `load` has ended is heard by the listeners it is given, and by no later ones', {
  skip,
}, async (t) => {
  const house = await household(t)
  await house.install(
    pythonSpeaker(`
import sys
import bulkhead_plugin
print("warming up", file=sys.stderr, flush=True)
bulkhead_plugin.serve({})`),
  )
  const told: string[] = []
  await using plugin = await house.manager.load(HELLO, {
    name: 'oslo',
    on: {
      started: ({ instance }) => told.push(`started ${instance}`),
      stderr: ({ chunk }) => told.push(chunk.toString().trim()),
      crash: undefined,
    },
  })
  assert.ok(told.includes('started oslo'))
  // Its stderr is a pipe of its own, and may be read a moment after its first answer.
  for (let tries = 0; !told.includes('warming up'); tries++) {
    assert.ok(tries < 100, told.join())
    await sleep(20)
  }
  let late = 0
  plugin.on('started', () => late++)
  await plugin.health()
  assert.equal(late, 0)
})

test('a crash in the start-up is heard, and is what `load` throws', { skip }, async (t) => {
  const house = await household(t)
  await house.install(pythonSpeaker('import sys\nprint("no database", file=sys.stderr)\nsys.exit(3)'))
  const crashes: PluginError[] = []
  const said: string[] = []
  const on: PluginListeners = {
    crash: ({ error }) => crashes.push(error),
    stderr: ({ chunk }) => said.push(chunk.toString()),
  }
  const thrown = await house.manager.load(HELLO, { on }).catch((error: unknown) => error)
  assert.deepEqual(crashes, [thrown])
  assert.equal(crashes[0]?.code, 'PLUGIN_ENDED')
  assert.equal(said.join(''), 'no database\n')
})

test('a limit that ends the start-up is heard as such', { skip }, async (t) => {
  const house = await household(t)
  await house.install(pythonSpeaker('x = bytearray(2 ** 30)', { limits: { memory: '64M' } }))
  const limits: string[] = []
  const loading = house.manager.load(HELLO, {
    on: { limit: ({ limit, outcome }) => limits.push(`${limit} ${outcome?.outcome}`) },
  })
  await assert.rejects(loading, { code: 'PLUGIN_LIMITED' })
  assert.ok(limits.includes('memory limited'), limits.join())
})

test('a listener of no event, or that is no function, is refused', async (t) => {
  const { manager } = await household(t)
  const loaded = (on: object) => manager.load(HELLO, { on: on as PluginListeners })
  await assert.rejects(loaded({ crahs: () => {} }), {
    code: 'USAGE',
    message: /unknown option "on\.crahs"$/,
    hint: /on\.crash/,
  })
  await assert.rejects(loaded({ crash: 'log' }), { code: 'USAGE', message: /expected on\.crash to be a function$/ })
})

test('the figures of an instance say how busy it was since they were asked for', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('end = time.monotonic() + 0.4\nwhile time.monotonic() < end: pass\nanswer(id, 1)'))
  await using plugin = await house.manager.load(HELLO)
  const busy = async () => (await plugin.stats()).instances[0]?.cpuPermille ?? assert.fail('there is no figure')
  await busy()
  await plugin.call('hostile')
  const atWork = await busy()
  await plugin.call('echo', [1])
  await sleep(400)
  const atRest = await busy()
  assert.ok(atWork > 100 && atRest < atWork / 2, `${atWork} and ${atRest} thousandths`)
})
