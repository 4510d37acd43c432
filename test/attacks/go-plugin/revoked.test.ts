import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { call, goHouse, withoutGo as skip } from '../../grpc/house.ts'
import { SLOW } from '../../helpers/patience.ts'
import { HELLO } from '../../manager/household.ts'
import { attackedHouse, skip as withoutAttacker } from './attacked.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

test('a plugin of protocol grpc that may not run any more is ended where it runs', { skip }, async (t) => {
  const house = await goHouse(t)
  await using kv = await house.load()
  assert.equal(await call(kv, 'Double', 2), 6)
  const began = Date.now()
  house.manager.disable(HELLO)
  await kv.outcome
  assert.ok(Date.now() - began < 5_000, `it took ${Date.now() - began} ms`)
  await assert.rejects(call(kv, 'Double', 2), { code: 'PLUGIN_ENDED' })
  assert.deepEqual(await house.manager.ps(HELLO), [])
})

test('one that is disabled before it serves is refused for that, not for how it was ended', {
  skip: withoutAttacker,
}, async (t) => {
  const house = await attackedHouse(t)
  for (const args of [['mute'], ['silent']]) {
    const refused = assert.rejects(house.load({ args }), { code: 'WRONG_STATE', message: /disabled/ })
    for (let tries = 0; (await house.manager.ps(HELLO)).length === 0 && tries < 100 * SLOW; tries++) await sleep(20)
    house.manager.disable(HELLO)
    await refused
    await house.manager.enable(HELLO)
  }
  assert.deepEqual(await house.manager.ps(), [])
})
