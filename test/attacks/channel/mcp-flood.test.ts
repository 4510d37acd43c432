// An MCP server that sends more, asks more or reads less than a host can bear.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertNothingLeft, besieged, hostileServer, memoryOf, reasonOf } from '../../manager/mcp/hostile.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const FLOOD = `
part = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}\\n' * 1000
while True:
    say(part)`

/** What came of two seconds of it. */
async function flooded(t: TestContext, inboundPerSecond: number) {
  const siege = await besieged(t, hostileServer(FLOOD), { bounds: { inboundPerSecond } })
  let came = 0
  const { onmessage } = siege.transport
  siege.transport.onmessage = (message) => {
    came++
    onmessage?.(message)
  }
  const answer = siege.attack().catch(() => {})
  const grown = await memoryOf(() => sleep(2_000))
  t.diagnostic(`at most ${inboundPerSecond} a second: ${came} messages in 2 s, ${(grown / 2 ** 20).toFixed(1)} MiB`)
  await siege.client.close()
  await answer
  await assertNothingLeft(siege)
  return { came, grown, told: siege.told }
}

test('a flood of notifications waits in its pipe, and the host has its processor for others', { skip }, async (t) => {
  const bounded = await flooded(t, 1_000)
  // A whole chunk of a pipe comes at once, of 64 KiB, ten times a second.
  assert.ok(bounded.came > 1_000 && bounded.came < 25_000, `${bounded.came}`)
  assert.ok(bounded.grown < 128 * 2 ** 20, `${bounded.grown} bytes`)
  assert.deepEqual(bounded.told, ['RATE_LIMITED'])

  const unbounded = await flooded(t, 1e9)
  assert.ok(unbounded.came > 1.5 * bounded.came, `${unbounded.came}, bounded ${bounded.came}`)
  assert.deepEqual(unbounded.told, [])
})

test('a server that reads nothing is sent no more than its bound', { skip }, async (t) => {
  const siege = await besieged(t, hostileServer('time.sleep(60)'), { bounds: { outboxBytes: 2 ** 20 } })
  const text = 'x'.repeat(2 ** 18)
  const answer = siege.attack().catch(() => {})
  const calls = Array.from({ length: 40 }, () =>
    siege.client.callTool({ name: 'echo', arguments: { text } }).then(
      () => 'answered',
      (error: { code: unknown }) => error.code,
    ),
  )
  const busy = (await Promise.all(calls.slice(10))).filter((code) => code === 'PLUGIN_BUSY')
  assert.equal(busy.length, 30)
  const stats = (await siege.transport.stats()) ?? assert.fail('it does not run')
  assert.ok(stats.unreadBytes >= 2 ** 19 && stats.unreadBytes < 2 * 2 ** 20, `${stats.unreadBytes}`)
  assert.ok(stats.waiting < 12)
  await siege.client.close()
  await answer
  await assertNothingLeft(siege)
})

test('more calls than may wait are refused at once', { skip }, async (t) => {
  const siege = await besieged(t, hostileServer('pass'), { bounds: { callsMax: 4 } })
  const calls = Array.from({ length: 5 }, () => siege.attack().catch((error: { code: unknown }) => error.code))
  assert.equal(await calls[4], 'PLUGIN_BUSY')
  await siege.client.close()
  // Each of the others learns why there is no answer.
  assert.deepEqual(await Promise.all(calls.slice(0, 4)), [-32000, -32000, -32000, -32000])
  await assertNothingLeft(siege)
})

test('calls that were given up are not kept, nor are late answers a fault', { skip }, async (t) => {
  const siege = await besieged(t, hostileServer('time.sleep(0.3)\nanswer(id, "late")'), { bounds: { callsMax: 1 } })
  await assert.rejects(siege.client.callTool({ name: 'hostile' }, undefined, { timeout: 100 }), { code: -32001 })
  const { content } = (await siege.client.callTool({ name: 'echo', arguments: { text: 'on' } })) as {
    content: object[]
  }
  assert.deepEqual(content, [{ type: 'text', text: 'on' }])
  assert.deepEqual(siege.told, [])
})

test('a server has so many requests at work in its host and no more, and one that reads no answers is ended', {
  skip,
}, async (t) => {
  const body = `
for n in range(100):
    tell(id=n, method="sampling/createMessage", params={"maxTokens": 1, "messages": []})
tell(id=0, method="sampling/createMessage", params={"maxTokens": 1, "messages": []})
refused = [json.loads(sys.stdin.buffer.readline()) for _ in range(37)]
answer(id, json.dumps([one["error"]["code"] for one in refused]))`
  const siege = await besieged(t, hostileServer(body))
  let atWork = 0
  siege.client.fallbackRequestHandler = () => {
    atWork++
    return new Promise(() => {})
  }
  const { content } = (await siege.attack()) as { content: [{ text: string }] }
  assert.deepEqual(JSON.parse(content[0].text), [...Array(36).fill(-32001), -32600])
  assert.equal(atWork, 64)

  const deaf = await besieged(
    t,
    hostileServer(`
n = 0
while True:
    n += 1
    tell(id=f"{n}-" + "x" * 240, method="ping")`),
    { bounds: { outboxBytes: 2 ** 16 } },
  )
  assert.equal((await reasonOf(deaf.attack())).code, 'PLUGIN_BUSY')
  await deaf.closed
  await assertNothingLeft(deaf)
})
