// HashiCorp's own library on the other side: a program built with it, signed, installed and in its sandbox.

import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientDuplexStream } from '@grpc/grpc-js'
import { type PluginLogEntry, reattachGoPlugin } from '../../src/grpc.ts'
import { openManager } from '../../src/index.ts'
import { call, exchange, goHouse, ping, withoutGo as skip } from './house.ts'
import { shared } from './shared-house.ts'
import { TestClient } from './test-service.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

const home = shared(goHouse)

for (const autoMtls of [false, true]) {
  const manner = autoMtls ? 'by mutual TLS' : 'in the clear'

  test(`calls, streams, health and shutdown of a go-plugin program work ${manner}`, { skip }, async () => {
    const house = await home()
    const logs: PluginLogEntry[] = []
    await using kv = await house.load({ autoMtls, onLog: (entry) => logs.push(entry) })
    assert.equal(kv.protocolVersion, 3)
    assert.equal(await call(kv, 'Double', 7), 21)
    assert.equal(await kv.health(), 'SERVING')

    const stop = new AbortController()
    for await (const health of kv.watch({ signal: stop.signal })) {
      assert.equal(health, 'SERVING')
      stop.abort()
    }

    const stream = (kv.client(TestClient) as unknown as { Stream(): ClientDuplexStream<number, number> }).Stream()
    const answers: number[] = []
    stream.on('data', (answer: number) => answers.push(answer))
    for (const input of [1, 2, 3]) stream.write(input)
    stream.end()
    await new Promise((resolve) => stream.once('end', resolve))
    assert.deepEqual(answers, [3, 6, 9])

    await call(kv, 'PrintKV', { key: 'log', value: 5 })
    const outcome = await kv.close()
    assert.equal(outcome?.outcome === 'exited' && outcome.code, 0)
    const [warned] = logs.filter(({ level }) => level === 'warn')
    assert.deepEqual([warned?.message, warned?.fields], ['it was asked to', { times: 5, key: 'log' }])
    assert.ok(warned?.time?.startsWith('20'))
  })
}

test('the plugin takes the highest version that both know, and one in common is needed', { skip }, async () => {
  const house = await home()
  await using kv = await house.load({ protocolVersions: [1, 2, 9] })
  assert.equal(kv.protocolVersion, 2)
  assert.equal(await call(kv, 'Double', 7), 14)
  await assert.rejects(house.load({ protocolVersions: [7] }), { code: 'GRPC_VERSION_UNSUPPORTED' })
})

test('host and plugin serve each other further services, each on a socket of its own', {
  skip,
}, async () => {
  const house = await home()
  await using kv = await house.load()
  const theirs = await exchange(kv, 'from the host')
  assert.equal(await ping(kv, theirs), 'heard: from the host')
  theirs.close()
})

const noRunc = skip || (existsSync('/usr/sbin/runc') ? false : 'no runc on this host')

test('the same in a sandbox that runc builds', { skip: noRunc }, async () => {
  const house = await home()
  await using kv = await house.load({ engine: 'runc', autoMtls: false })
  assert.equal(await call(kv, 'Double', 7), 21)
  assert.equal(await ping(kv, await exchange(kv, 'by runc')), 'heard: by runc')
})

test('the wrong cookie is told in the plugin’s own words', { skip }, async () => {
  const house = await home()
  const wrong = house.load({ cookie: { key: 'BASIC_PLUGIN', value: 'bye' } })
  await assert.rejects(wrong, (error: Error & { code: string }) => {
    assert.equal(error.code, 'PLUGIN_ENDED')
    assert.match(error.message, /exited with 1; it said: .*plugin/)
    return true
  })
})

test('its environment has the handshake, and nothing of this process', { skip }, async () => {
  const house = await home()
  await using kv = await house.load({ autoMtls: true })
  await assert.rejects(call(kv, 'PrintKV', { key: 'environment' }), (error: Error & { cause: { details: string } }) => {
    const { details } = error.cause
    const names = details.split('\n').flatMap((line) => /^([A-Za-z_]+)=/.exec(line)?.[1] ?? [])
    assert.deepEqual(names.sort(), [
      'BASIC_PLUGIN',
      'HOME',
      'LANG',
      'PATH',
      'PLUGIN_CLIENT_CERT',
      'PLUGIN_NAME',
      'PLUGIN_PROTOCOL_VERSIONS',
      'PLUGIN_UNIX_SOCKET_DIR',
      'PLUGIN_VERSION',
      'TMPDIR',
    ])
    assert.match(details, /PLUGIN_CLIENT_CERT=-----BEGIN CERTIFICATE-----\n/)
    return true
  })
})

test('a plugin that ends in the middle of a call ends the call with how it ended', { skip }, async () => {
  const house = await home()
  for (const [command, expected] of [
    [
      { key: 'exit', value: 3 },
      { outcome: 'exited', code: 3 },
    ],
    [{ key: 'panic' }, { outcome: 'exited', code: 2 }],
  ] as const) {
    const logs: PluginLogEntry[] = []
    const kv = await house.load({ onLog: (entry) => logs.push(entry) })
    const error = await call(kv, 'PrintKV', command).catch((error: unknown) => error)
    assert.equal((error as { code: string }).code, 'PLUGIN_ENDED')
    const { outcome } = (error as { details: { outcome: { outcome: string; code: number } } }).details
    assert.deepEqual({ outcome: outcome.outcome, code: outcome.code }, expected)
    if (command.key === 'panic') {
      assert.ok(logs.some(({ level, message }) => level === 'error' && message === 'panic: as it was asked to'))
    }
    await assert.rejects(kv.health(), { code: 'PLUGIN_ENDED' })
    await kv.close()
  }
})

test('a plugin whose run is stopped while it is called is told as such', { skip }, async () => {
  const house = await home()
  const kv = await house.load()
  const hanging = call(kv, 'PrintKV', { key: 'hang' })
  const refused = assert.rejects(hanging, { code: 'PLUGIN_ENDED' })
  await house.manager.stop(null)
  await refused
})

test('a second manager of the same home reattaches to the run, and leaves it running', { skip }, async () => {
  const house = await home()
  await using kv = await house.load()
  await using other = await openManager({ home: house.layout.home })
  const again = await reattachGoPlugin(other, JSON.parse(JSON.stringify(kv.reattach)))
  assert.equal(await call(again, 'Double', 5), 15)
  assert.equal(again.stdio, null)
  await assert.rejects(again.broker.dial(1), { code: 'GRPC_BROKER_FAILED' })
  assert.equal(await again.close(), null)
  assert.equal(await call(kv, 'Double', 6), 18)
  assert.equal(await ping(kv, await exchange(kv, 'still')), 'heard: still')
  const config = { ...kv.reattach, pid: process.pid }
  await assert.rejects(reattachGoPlugin(other, config as never), { code: 'PLUGIN_ENDED' })
  await assert.rejects(reattachGoPlugin(other, { ...config, run: 'other' } as never), { code: 'NOT_RUNNING' })
})

test('with mutual TLS there is nothing to reattach by', { skip }, async () => {
  const house = await home()
  await using kv = await house.load({ autoMtls: true })
  assert.equal(kv.reattach, null)
  await assert.rejects(reattachGoPlugin(house.manager, kv.reattach), { code: 'USAGE' })
})

test('nothing stays open in this process of a plugin that was closed, ended by itself, or could not be loaded', {
  skip,
}, async () => {
  const house = await home()
  const open = () => readdirSync('/proc/self/fd').length
  const each = async () => {
    const kv = await house.load({ autoMtls: true })
    await kv.broker.accept(kv.broker.nextId(), () => {})
    await kv.close()
    const other = await house.load()
    await assert.rejects(call(other, 'PrintKV', { key: 'exit' }), { code: 'PLUGIN_ENDED' })
    await assert.rejects(house.load({ args: ['netrpc'] }), { code: 'GRPC_PROTOCOL_UNSUPPORTED' })
  }
  await each()
  const before = open()
  for (let times = 0; times < 3; times++) await each()
  // A pipe is closed in a turn of its own.
  for (let tries = 0; open() > before && tries < 50; tries++) await sleep(20)
  assert.ok(open() <= before, `${open()} descriptors, before ${before}`)
  assert.deepEqual(readdirSync(house.layout.spool), [])
})

test('netrpc is refused, and what comes too late is not waited for', { skip }, async () => {
  const house = await home()
  await assert.rejects(house.load({ args: ['netrpc'] }), { code: 'GRPC_PROTOCOL_UNSUPPORTED' })
  await assert.rejects(house.load({ args: ['late'], startTimeoutMs: 400 }), { code: 'START_TIMEOUT' })
})

test('a message that is longer than was allowed fails its call, and no other', { skip }, async () => {
  const house = await home()
  await using kv = await house.load({ maxMessageBytes: 100_000 })
  await call(kv, 'PrintKV', { key: 'size', value: 200_000 })
  const tooMuch = ping(kv, await exchange(kv, ''))
  await assert.rejects(tooMuch, { code: 'CALL_FAILED', details: { status: 'RESOURCE_EXHAUSTED' } })
  assert.equal(await call(kv, 'Double', 1), 3)
})
