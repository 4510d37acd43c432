import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openManager, type PluginManager } from '../../src/index.ts'
import { agree, HELLO, type Household, household } from './household.ts'

const MINUTE = 60_000

/** The same home under a clock that is so far off. */
async function off<T>({ layout }: Household, ms: number, work: (manager: PluginManager) => Promise<T> | T): Promise<T> {
  await using manager = await openManager({ home: layout.home, now: () => new Date(Date.now() + ms) })
  return await work(manager)
}

test('a clock behind the latest moment seen judges nothing: no install, no verification', async (t) => {
  const house = await household(t)
  await house.install()
  const path = house.publish({ version: '1.1.0' })
  await off(house, -10 * MINUTE, async (manager) => {
    const behind = {
      code: 'CLOCK_BEHIND',
      exitCode: 3,
      message: /^cannot judge validity: the clock says 20\S+Z, this host has seen 20\S+Z$/,
      hint: /plugins trust clock --reset --reason/,
    }
    await assert.rejects(manager.install(path, { consent: agree }), behind)
    await assert.rejects(manager.verify(path), behind)
    await assert.rejects(manager.verify(HELLO), behind)
    await assert.rejects(manager.verifyAll(), behind)
    assert.deepEqual(
      manager.list().map(({ version, state }) => [version, state]),
      [['1.0.0', 'installed']],
    )
    assert.equal(
      manager.audit('acme/hello', 10).some(({ kind }) => kind === 'quarantined'),
      false,
    )
  })
})

test('a clock that is corrected by less than five minutes goes on judging', async (t) => {
  const house = await household(t)
  await house.install()
  await off(house, -4 * MINUTE, async (manager) => assert.equal((await manager.verify(HELLO)).ok, true))
})

test('what is installed is planned and listed whatever the clock says', async (t) => {
  const house = await household(t)
  await house.install()
  await off(house, -365 * 24 * 60 * MINUTE, async (manager) => {
    assert.equal((await manager.info(HELLO)).version, '1.0.0')
    // On a host that cannot sandbox it, the plan is refused for that; never for the clock.
    const plan = await manager.plan(HELLO).catch((error: { code: string }) => error)
    assert.notEqual((plan as { code?: string }).code, 'CLOCK_BEHIND')
  })
})

test('a verification raises the latest moment, and so does a change of trust', async (t) => {
  const house = await household(t)
  await house.install()
  const seen = () => house.manager.clock().seenMs ?? 0
  const first = seen()
  await off(house, 10 * MINUTE, (manager) => manager.verify(HELLO))
  const second = seen()
  assert.ok(second >= first + 9 * MINUTE)
  await off(house, 20 * MINUTE, (manager) => manager.trust.revoke({ target: 'acme/other@1.0.0', reason: 'bad' }))
  assert.ok(seen() >= second + 9 * MINUTE)
})

test('a moment that was a wrong one is forgotten by name, with a reason, on the record', async (t) => {
  const house = await household(t)
  await off(house, 73 * 365 * 24 * 60 * MINUTE, (manager) =>
    manager.trust.revoke({ target: 'acme/other@1.0.0', reason: 'bad' }),
  )
  await assert.rejects(house.install(), { code: 'CLOCK_BEHIND' })
  assert.equal(house.manager.clock().isBehind, true)
  for (const reason of ['', '  ', 'two\nlines', '\u001b[2J', 'x'.repeat(501)]) {
    assert.throws(() => house.manager.resetClock(reason), { code: 'USAGE', message: /^cannot reset the clock/ })
  }
  assert.equal(house.manager.resetClock('the battery was empty').isBehind, false)
  await house.install()
  const [event] = house.manager.audit('clock', 1)
  assert.equal(event?.kind, 'clock-reset')
  assert.equal(event?.details.reason, 'the battery was empty')
  assert.ok(Number(event?.details.seenMs) > Date.now())
})

test('the doctor shows a clock that is behind, and that plugins run all the same', async (t) => {
  const house = await household(t)
  await house.install()
  const clockOf = async (manager: PluginManager) =>
    (await manager.doctor()).findings.find(({ layer }) => layer === 'clock')
  assert.equal((await clockOf(house.manager))?.available, true)
  await off(house, -60 * MINUTE, async (manager) => {
    const found = await clockOf(manager)
    assert.deepEqual([found?.available, found?.required], [false, false])
    assert.match(found?.remedy ?? '', /set the clock/)
  })
})
