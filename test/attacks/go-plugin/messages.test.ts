// What a plugin that is connected to can send: too much, too often, to other places, or nothing that can be read.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '../../../src/runtime/go-plugin/connection.ts'
import { plainIdentity } from '../../../src/runtime/go-plugin/credentials.ts'
import { loadGrpc } from '../../../src/runtime/go-plugin/grpc-library.ts'
import { PluginFolder } from '../../../src/runtime/go-plugin/plugin-folder.ts'
import { HEALTH_CHECK } from '../../../src/runtime/go-plugin/services.ts'
import { keyedCount, statusOf } from '../../../src/runtime/proc.ts'
import { call, exchange, ping, pythonHouse, withoutPython as skip } from '../../grpc/house.ts'
import { shared } from '../../grpc/shared-house.ts'
import { HELLO } from '../../manager/household.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

const home = shared(pythonHouse)

const MIB = 2 ** 20
const tooMuch = { code: 'CALL_FAILED', details: { status: 'RESOURCE_EXHAUSTED' } }

test('a message beyond the bound fails its call, one below it comes', { skip }, async () => {
  const house = await home()
  await using kv = await house.load()
  await call(kv, 'PrintKV', { key: 'size', value: 15 * MIB })
  assert.equal((await ping(kv, await exchange(kv, ''))).length, 15 * MIB + 7)
  await using other = await house.load()
  await call(other, 'PrintKV', { key: 'size', value: 17 * MIB })
  await assert.rejects(ping(other, await exchange(other, '')), tooMuch)
  assert.equal(await call(other, 'Double', 2), 4)
})

test('nor does one that is small until it is decompressed', { skip }, async () => {
  const house = await home()
  await using kv = await house.load({ args: ['gzip'] })
  await call(kv, 'PrintKV', { key: 'size', value: 1000 })
  assert.equal((await ping(kv, await exchange(kv, ''))).length, 1007)
  await using other = await house.load({ args: ['gzip'] })
  await call(other, 'PrintKV', { key: 'size', value: 100 * MIB })
  const server = await exchange(other, '')
  const before = process.memoryUsage.rss()
  await assert.rejects(ping(other, server), tooMuch)
  assert.ok(process.memoryUsage.rss() - before < 80 * MIB)
})

test('output that nobody reads is dropped, and the plugin goes on', { skip }, async () => {
  const house = await home()
  await using kv = await house.load()
  await call(kv, 'PrintKV', { key: 'flood', value: 8192 })
  for (let tries = 0; (kv.stdio?.stdout.droppedBytes ?? 0) < 6 * MIB && tries < 200; tries++) await sleep(50)
  assert.ok((kv.stdio?.stdout.droppedBytes ?? 0) >= 6 * MIB)
  assert.equal(await call(kv, 'Double', 2), 4)
})

test('a server that is announced elsewhere than in the plugin’s own /tmp is not dialled', { skip }, async () => {
  const house = await home()
  await using kv = await house.load()
  const dialling = Promise.allSettled([501, 502, 503, 504].map((id) => kv.broker.dial(id)))
  await call(kv, 'PrintKV', { key: 'lie' })
  const codes = (await dialling).map((one) => one.status === 'rejected' && one.reason.code)
  const refused = 'GRPC_ADDRESS_REFUSED'
  assert.deepEqual(codes, [refused, refused, 'GRPC_BROKER_FAILED', refused])
  // The last thing that came was no message: that ends the broker, and nothing else.
  for (let tries = 0; tries < 100; tries++) {
    if (
      await kv.broker.dial(1).then(
        () => false,
        ({ message }: Error) => /has no broker/.test(message),
      )
    )
      break
    await sleep(20)
  }
  await assert.rejects(
    kv.broker.accept(1, () => {}),
    { code: 'GRPC_BROKER_FAILED' },
  )
  assert.equal(await kv.health(), 'SERVING')
})

test('servers that are announced without end are not all remembered', { skip }, async () => {
  const house = await home()
  await using kv = await house.load()
  await exchange(kv, '')
  // Who waits for the last one has it when all others have come.
  const last = kv.broker.dial(1_000)
  await call(kv, 'PrintKV', { key: 'announce', value: 1_000 })
  await last
  const first = await kv.broker.dial(1)
  assert.equal(await ping(kv, first), 'heard: ')
  await assert.rejects(kv.broker.dial(900), { code: 'GRPC_BROKER_FAILED', message: /did not announce/ })
})

test('a socket that has the number of a closed one is a connection of its own', { skip }, async (t) => {
  const house = await home()
  await using kv = await house.load()
  await exchange(kv, '')
  const { folder } = PluginFolder.open(HELLO, keyedCount(statusOf(kv.reattach?.pid ?? 0), 'PPid:') ?? 0)
  t.after(() => folder.close())
  const grpc = await loadGrpc()
  const options = { grpc, credentials: plainIdentity(grpc).dialling, maxMessageBytes: MIB }
  const further = folder.hold('/tmp/further')
  const first = new Connection(further, options)
  const health = (connection: Connection) => connection.unary(HEALTH_CHECK, 'plugin', 5_000)
  await assert.rejects(health(first), { code: grpc.status.UNIMPLEMENTED })
  first.close()
  // Numbers below it may be free again, too.
  let main = folder.hold('/tmp/python-plugin')
  for (let more = 0; main.path !== further.path && more < 100; more++) main = folder.hold('/tmp/python-plugin')
  assert.equal(main.path, further.path)
  const second = new Connection(main, options)
  assert.equal(await health(second), 'SERVING')
  second.close()
})
