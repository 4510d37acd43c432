// A host in JavaScript that passes what it should not is told so, where it does: not by a failure of its own, later.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadGoPlugin, reattachGoPlugin } from '../../../src/grpc.ts'
import { call, invoke, pythonHouse, withoutPython as skip } from '../../grpc/house.ts'
import { shared } from '../../grpc/shared-house.ts'
import { TestClient } from '../../grpc/test-service.ts'
import { HELLO } from '../../manager/household.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

const home = shared(pythonHouse)
const USAGE = { name: 'UsageError', code: 'USAGE' }

test('options that cannot be are refused before anything is started', { skip }, async () => {
  const house = await home()
  for (const options of [
    { startTimeout: 5 },
    { timeout: '5s' },
    { signal: AbortSignal.abort() },
    { cookie: null },
    { cookie: { key: 'A', value: 5 } },
    { cookie: { key: 'A', value: 'x', more: 1 } },
    { autoMtls: null },
    { autoMtls: 'false' },
    { onLog: 'told' },
    { onJournal: 'told' },
    { startTimeoutMs: '5' },
    { maxMessageBytes: null },
    { protocolVersions: ['3'] },
    { range: 5 },
    { range: null },
    { weaker: 'seccomp' },
  ])
    await assert.rejects(house.load(options as never), USAGE, JSON.stringify(options))
  await assert.rejects(loadGoPlugin(house.manager, HELLO, null as never), USAGE)
  assert.deepEqual(await house.manager.ps(), [])
})

test('so are those of a call, and nothing of that call is made', { skip }, async () => {
  const house = await home()
  await using kv = await house.load()
  let made = 0
  const make = (done: (error: null) => void) => {
    made++
    invoke(kv.client(TestClient), 'Double', 2, done as never)
  }
  for (const options of [
    null,
    { timeout: 5 },
    { timeoutMs: '5' },
    { timeoutMs: Number.NaN },
    { timeoutMs: null },
    { signal: new AbortController() },
  ])
    await assert.rejects(kv.call(make, options as never), USAGE, JSON.stringify(options))
  assert.equal(made, 0)
  await assert.rejects(kv.call('Double' as never), USAGE)
  for (const options of [null, { signals: AbortSignal.abort() }, { signal: new AbortController() }])
    await assert.rejects(kv.watch(options as never).next(), USAGE, JSON.stringify(options))
  await assert.rejects(kv.broker.accept(1, 'services' as never), USAGE)
  // What a generated client does not do, and one that was written by hand may.
  await assert.rejects(
    kv.call(() => {
      throw null
    }),
    { code: 'CALL_FAILED' },
  )
  assert.equal(await call(kv, 'Double', 2), 4)
})

test('so is what no plugin can be reattached by', { skip }, async () => {
  const house = await home()
  await using kv = await house.load()
  const good = { ...kv.reattach }
  for (const config of [
    undefined,
    null,
    {},
    'kv',
    { ...good, address: 5 },
    { ...good, pid: '1' },
    { ...good, name: null },
  ])
    await assert.rejects(reattachGoPlugin(house.manager, config as never), USAGE, JSON.stringify(config))
  for (const options of [null, { maxMessages: 5 }, { maxMessageBytes: '5' }, { startTimeoutMs: 5 }])
    await assert.rejects(reattachGoPlugin(house.manager, kv.reattach, options as never), USAGE, JSON.stringify(options))
})
