import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goHouse, invoke, withoutGo as skip } from '../../grpc/house.ts'
import { TestClient } from '../../grpc/test-service.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

test('a call that a plugin never answers ends with its time or its signal, and nothing else does', {
  skip,
}, async (t) => {
  const house = await goHouse(t)
  await using kv = await house.load()
  const client = kv.client(TestClient)
  const hang = (options: { timeoutMs?: number; signal?: AbortSignal }) =>
    kv.call((done) => invoke(client, 'PrintKV', { key: 'hang', value: 0 }, done), options)
  await assert.rejects(hang({ timeoutMs: 200 }), { name: 'TimeoutError', code: 'CALL_TIMEOUT' })
  await assert.rejects(hang({ signal: AbortSignal.timeout(100) }), { code: 'CALL_CANCELLED' })
  await assert.rejects(hang({ signal: AbortSignal.abort() }), { code: 'CALL_CANCELLED' })
  // What does not say is bounded too: the run is stopped where it stands, and the clock is not waited for.
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const failed = assert.rejects(hang({}), { code: 'CALL_TIMEOUT' })
  t.mock.timers.tick(30_000)
  t.mock.timers.reset()
  await failed
  assert.equal(await kv.call((done) => invoke(client, 'Double', 2, done)), 6)
})
