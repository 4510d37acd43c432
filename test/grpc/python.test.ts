// A plugin in another language, on another gRPC, which has what go-plugin's newer versions have: output and mutual TLS
// of further connections.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, exchange, ping, pythonHouse, withoutPython as skip } from './house.ts'
import { shared } from './shared-house.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

const home = shared(pythonHouse)

test('a plugin in Python is called, watched, heard, and shut down', { skip }, async () => {
  const house = await home()
  await using kv = await house.load()
  assert.equal(await call(kv, 'Double', 21), 42)
  assert.equal(await kv.health(), 'SERVING')
  const seen: string[] = []
  for await (const health of kv.watch()) {
    seen.push(health)
    if (seen.length === 2) break
  }
  assert.deepEqual(seen, ['SERVING', 'NOT_SERVING'])

  await call(kv, 'PrintKV', { key: 'print', value: 3 })
  const [out, err] = [kv.stdio?.stdout, kv.stdio?.stderr].map((stream) =>
    stream?.setEncoding('utf8').once('readable', () => {}),
  )
  const heard = Promise.all([out?.toArray(), err?.toArray()])
  const outcome = await kv.close()
  assert.deepEqual(await heard, [['outoutout'], ['errerrerr']])
  assert.equal(outcome?.outcome === 'exited' && outcome.code, 0)
})

test('by mutual TLS each side serves the other further services, with the same two certificates', {
  skip,
}, async () => {
  const house = await home()
  await using kv = await house.load({ autoMtls: true })
  const theirs = await exchange(kv, 'by TLS')
  assert.equal(await ping(kv, theirs), 'heard: by TLS')
})

test('a plugin that does not shut down when it is asked to is ended', { skip }, async () => {
  const house = await home()
  const kv = await house.load({ args: ['stubborn'] })
  const start = performance.now()
  const outcome = await kv.close()
  assert.equal(outcome?.outcome, 'signalled')
  assert.ok(performance.now() - start < 8_000)
  await assert.rejects(kv.broker.dial(1), { code: 'GRPC_BROKER_FAILED' })
  await assert.rejects(call(kv, 'Double', 1), { code: 'PLUGIN_ENDED' })
})

test('one that does not say that it serves is not started', { skip }, async () => {
  const house = await home()
  await assert.rejects(house.load({ args: ['not-serving'] }), { code: 'CALL_FAILED', message: /NOT_SERVING/ })
  await assert.rejects(house.load({ args: ['hangs'], startTimeoutMs: 2_000 }), { code: 'START_TIMEOUT' })
})
