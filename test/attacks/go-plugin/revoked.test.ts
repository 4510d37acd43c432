import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, goHouse, withoutGo as skip } from '../../grpc/house.ts'
import { HELLO } from '../../manager/household.ts'

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
