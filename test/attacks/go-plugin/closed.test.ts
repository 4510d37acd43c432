// What has begun with a plugin ends with the connection, whoever closes it and however the run ends.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type GoPlugin, reattachGoPlugin } from '../../../src/grpc.ts'
import { call, exchange, invoke, pythonHouse, withoutPython as skip } from '../../grpc/house.ts'
import { shared } from '../../grpc/shared-house.ts'
import { PingPongClient, TestClient } from '../../grpc/test-service.ts'
import { SLOW } from '../../helpers/patience.ts'
import { HELLO } from '../../manager/household.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

const home = shared(pythonHouse)

/** A call that the plugin answers in a minute, and a second look at its health that never changes again. */
async function underWay(kv: GoPlugin): Promise<readonly Promise<unknown>[]> {
  const watching = kv.watch()
  for (const health of ['SERVING', 'NOT_SERVING']) assert.equal((await watching.next()).value, health)
  const slow = kv.call((done) => invoke(kv.client(TestClient), 'PrintKV', { key: 'sleep', value: 60 }, done as never), {
    timeoutMs: 0,
  })
  // The plugin has it once it answers what came later.
  await Promise.race([slow, call(kv, 'Double', 2)])
  return [watching.next(), slow]
}

/** Codes; a minute is no answer. */
const codesOf = (pending: readonly Promise<unknown>[]) =>
  Promise.race([
    Promise.all(
      pending.map((one) =>
        one.then(
          () => 'answered',
          ({ code }: { code: string }) => code,
        ),
      ),
    ),
    sleep(30_000, 'nothing ends', { ref: false }),
  ])

test('what waits at a connection ends when it is closed, although the plugin goes on', { skip }, async () => {
  const house = await home()
  await using kv = await house.load()
  const again = await reattachGoPlugin(house.manager, kv.reattach)
  const codes = codesOf(await underWay(again))
  await again.close()
  assert.deepEqual(await codes, ['CALL_FAILED', 'CALL_FAILED'])
  assert.equal(await call(kv, 'Double', 2), 4)
})

test('and so does a call of a further server whose connection is closed', { skip }, async () => {
  const house = await home()
  await using kv = await house.load()
  await call(kv, 'PrintKV', { key: 'slow-pong', value: 60 })
  const server = await exchange(kv, '')
  const ping = kv.call((done) => invoke(server.client(PingPongClient), 'Ping', {}, done as never), { timeoutMs: 0 })
  const codes = codesOf([ping])
  await call(kv, 'PrintKV', { key: 'pinged' })
  server.close()
  assert.deepEqual(await codes, ['CALL_FAILED'])
})

test('a launcher that is killed ends the plugin, and whoever waits is told that it has ended', { skip }, async () => {
  const house = await home()
  const kv = await house.load()
  await exchange(kv, '')
  const codes = codesOf(await underWay(kv))
  const [running] = await house.manager.ps(HELLO)
  process.kill(running?.pid ?? assert.fail('it does not run'), 'SIGKILL')
  assert.deepEqual(await codes, ['PLUGIN_ENDED', 'PLUGIN_ENDED'])
  await assert.rejects(call(kv, 'Double', 2), { code: 'PLUGIN_ENDED' })
  for (let tries = 0; (await house.manager.ps()).length > 0 && tries < 50 * SLOW; tries++) await sleep(20)
  assert.deepEqual(await house.manager.ps(), [])
  assert.deepEqual(readdirSync(house.layout.spool), [])
})
