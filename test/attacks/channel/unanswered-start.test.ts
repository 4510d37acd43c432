import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HELLO, type Household, household } from '../../manager/household.ts'
import { pythonSpeaker } from '../../manager/loading/speakers.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

/** Answers its first start, as long as it has no data; what is started after that never says a word. */
const MUTE = pythonSpeaker('import time\ntime.sleep(600)\n')
const ONCE = pythonSpeaker(
  `
import bulkhead_plugin, os, time
if os.path.exists("/data/started"): time.sleep(600)
open("/data/started", "w").close()
def leave(params, context): os._exit(1)
bulkhead_plugin.serve({"leave": leave})
`,
  { limits: { data: '1M' } },
)
const QUICK = { minMs: 1, maxMs: 10, jitter: 0 }

async function until(what: string, holds: () => Promise<boolean>): Promise<number> {
  const began = Date.now()
  while (!(await holds())) {
    assert.ok(Date.now() - began < 8_000, `expected that ${what}`)
    await sleep(20)
  }
  return Date.now() - began
}

const runs = async ({ manager }: Household) => (await manager.ps(HELLO)).filter(({ hook }) => hook === null)

/** Loaded, with another instance on its way that will not answer. */
async function halfway(house: Household) {
  await house.install(ONCE)
  const plugin = await house.manager.load(HELLO, { restart: QUICK })
  await until('the compiled code of nothing is made', async () => (await runs(house)).length === 1)
  const [first] = await runs(house)
  await assert.rejects(plugin.call('leave'), { code: 'PLUGIN_ENDED' })
  await until('another one is started', async () => {
    const now = await runs(house)
    return now.length === 1 && now[0]?.run !== first?.run
  })
  return plugin
}

test('a loading that is cancelled ends what has been started, whether it has answered or not', { skip }, async (t) => {
  const house = await household(t)
  await house.install(MUTE)
  const cancel = new AbortController()
  const loading = house.manager.load(HELLO, { signal: cancel.signal })
  const failed = assert.rejects(loading, { code: 'CALL_CANCELLED' })
  await until('it is started', async () => (await runs(house)).length === 1)
  const began = Date.now()
  cancel.abort()
  await failed
  assert.ok(Date.now() - began < 5_000, `it took ${Date.now() - began} ms`)
  assert.deepEqual(await runs(house), [])
})

test('a plugin that is closed leaves no instance that was on its way', { skip }, async (t) => {
  const house = await household(t)
  const plugin = await halfway(house)
  await plugin.close()
  assert.deepEqual(await runs(house), [])
})

test('what may not run any more is ended before it has answered, too', { skip }, async (t) => {
  const house = await household(t)
  const plugin = await halfway(house)
  const told = new Promise((resolve) => plugin.once('revoked', resolve))
  house.manager.disable(HELLO)
  await told
  assert.ok((await until('nothing of it runs', async () => (await runs(house)).length === 0)) < 5_000)
})

test('nor does what is being loaded go on when it may not run any more', { skip }, async (t) => {
  const house = await household(t)
  await house.install(MUTE)
  const failed = assert.rejects(house.manager.load(HELLO), { code: 'WRONG_STATE' })
  await until('it is started', async () => (await runs(house)).length === 1)
  house.manager.disable(HELLO)
  assert.ok((await until('nothing of it runs', async () => (await runs(house)).length === 0)) < 5_000)
  await failed
})

test('a plugin that drains for as long as its host likes is ended when it may not run any more', {
  skip,
}, async (t) => {
  const house = await household(t)
  await house.install(
    pythonSpeaker('import bulkhead_plugin, time\nbulkhead_plugin.serve({"stall": lambda p, c: time.sleep(600)})\n'),
  )
  const plugin = await house.manager.load(HELLO)
  const failed = assert.rejects(plugin.call('stall', {}, { timeoutMs: 60_000 }), { code: 'WRONG_STATE' })
  const closed = plugin.close({ drainMs: 60_000 })
  house.manager.disable(HELLO)
  assert.ok((await until('nothing of it runs', async () => (await runs(house)).length === 0)) < 5_000)
  await Promise.all([failed, closed])
})
