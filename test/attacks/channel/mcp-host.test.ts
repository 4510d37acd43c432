// What a server may do to the host through the client that the host gave it: work without end, and a host's own faults.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { assertNothingLeft, besieged, hostileServer } from '../../manager/mcp/hostile.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

test('a server that takes its requests back has no more of them at work in its host for that', { skip }, async (t) => {
  const body = `
for n in range(1000):
    tell(id=n, method="sampling/createMessage", params={"maxTokens": 1, "messages": []})
    tell(method="notifications/cancelled", params={"requestId": n})
answer(id, "done")`
  const siege = await besieged(t, hostileServer(body))
  let atWork = 0
  siege.client.fallbackRequestHandler = () => {
    atWork++
    // A model that is asked, or a person: it does not end because nobody waits any more.
    return new Promise(() => {})
  }
  await siege.attack()
  assert.equal(atWork, 64)
  await siege.client.close()
  await assertNothingLeft(siege)
})

test('an answer frees the place of its request, also when that was taken back', { skip }, async (t) => {
  const body = `
for n in range(200):
    tell(id=n, method="sampling/createMessage", params={"maxTokens": 1, "messages": []})
    assert "result" in json.loads(sys.stdin.buffer.readline())
    tell(method="notifications/cancelled", params={"requestId": n})
answer(id, "done")`
  const siege = await besieged(t, hostileServer(body))
  siege.client.fallbackRequestHandler = async () => ({})
  const { content } = (await siege.attack()) as { content: [{ text: string }] }
  assert.equal(content[0].text, 'done')
})

test('a call that is taken back frees its place, although the server reads nothing of that', { skip }, async (t) => {
  const siege = await besieged(t, hostileServer('time.sleep(60)'), { bounds: { outboxBytes: 2 ** 16 } })
  const control = new AbortController()
  const call = (text: string, signal?: AbortSignal) =>
    siege.client
      .callTool({ name: 'echo', arguments: { text } }, undefined, signal ? { signal } : {})
      .catch((error: { code: unknown }) => error.code)
  const first = siege.attack().catch(() => {})
  const taken = call('x', control.signal)
  const full = Array.from({ length: 8 }, () => call('x'.repeat(2 ** 16)))
  assert.equal(await full[7], 'PLUGIN_BUSY')
  const before = (await siege.transport.stats())?.waiting ?? assert.fail('it does not run')
  control.abort()
  await taken
  assert.equal((await siege.transport.stats())?.waiting, before - 1)
  await siege.client.close()
  await Promise.all([first, ...full])
  await assertNothingLeft(siege)
})

test('words of a server in the place of an id do not reach a terminal as they are', { skip }, async (t) => {
  const siege = await besieged(t, hostileServer('tell(id="\\x9b31m\\u202e", result={})'))
  await siege.attack().catch(() => {})
  await siege.closed
  const { message } = siege.transport.end?.error ?? assert.fail('it has no end')
  assert.match(message, /\\u\{9b\}31m\\u\{202e\}/)
})

for (const [what, body] of [
  ['lines without anything on them', 'while True:\n    say(b"\\n" * 2**16)'],
  [
    'notifications of a mebibyte',
    'while True:\n    tell(method="notifications/message", params={"level": "info", "data": "x" * 2**20})',
  ],
] as const)
  test(`a flood of ${what} waits in its pipe`, { skip }, async (t) => {
    const siege = await besieged(t, hostileServer(body))
    let bytes = 0
    const { onmessage } = siege.transport
    siege.transport.onmessage = (message) => {
      bytes += JSON.stringify(message).length
      onmessage?.(message)
    }
    const answer = siege.attack().catch(() => {})
    const before = process.cpuUsage()
    await sleep(2_000)
    const { user, system } = process.cpuUsage(before)
    t.diagnostic(`${Math.round((user + system) / 1000)} ms of processor, ${(bytes / 2 ** 20).toFixed(1)} MiB in 2 s`)
    assert.deepEqual(siege.told, ['RATE_LIMITED'])
    assert.ok(bytes < 2 ** 27, `${bytes} bytes`)
    await siege.client.close()
    await answer
    await assertNothingLeft(siege)
  })

/** In a process of its own: what is thrown there is caught by nobody, as a host's own fault should be. */
const THROWING = (home: string) => `
import { openManager } from './src/index.ts'
import { sandboxed } from './src/mcp.ts'
const thrown = []
process.on('uncaughtException', (error) => thrown.push(error.message))
await using plugins = await openManager({ home: ${JSON.stringify(home)} })
const transport = sandboxed(plugins, 'acme/hello')
const answered = []
transport.onmessage = (message) => { answered.push(message.id); throw new Error('onmessage') }
transport.onerror = () => { throw new Error('onerror') }
const closed = new Promise((resolve) => (transport.onclose = () => { resolve(); throw new Error('onclose') }))
await transport.start()
const ask = (id) => transport.send({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'hostile' } })
for (const id of [1, 2, 3]) await ask(id)
await closed
await new Promise((resolve) => setTimeout(resolve, 50))
console.log(JSON.stringify({ answered, thrown, code: transport.end.error.code, running: await plugins.ps() }))
`

test('a host that throws at what it is told does not keep a server alive, nor others from being told', {
  skip,
}, async (t) => {
  const siege = await besieged(t, hostileServer('say("no message\\n")\ntime.sleep(60)'))
  await siege.client.close()
  const args = ['--input-type=module-typescript', '-e', THROWING(siege.house.layout.home)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 })
  const { answered, thrown, code, running } = JSON.parse(stdout)
  assert.deepEqual([answered, code, running], [[1, 2, 3], 'MESSAGE_INVALID', []])
  assert.ok(thrown.includes('onerror') && thrown.includes('onclose'), `${thrown}`)
})

test('what a server says after it was closed is not read, however much it is', { skip }, async (t) => {
  const siege = await besieged(
    t,
    hostileServer(
      'pass',
      {},
      `
signal.signal(signal.SIGTERM, signal.SIG_IGN)
import threading
def flood():
    part = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}\\n' * 10000
    time.sleep(1)
    while True:
        say(part)
threading.Thread(target=flood, daemon=True).start()
import atexit
atexit.register(time.sleep, 60)`,
    ),
  )
  await sleep(1_500)
  const [before, began] = [process.cpuUsage(), performance.now()]
  await siege.client.close()
  const { user, system } = process.cpuUsage(before)
  const [cpuMs, ms] = [(user + system) / 1000, performance.now() - began]
  t.diagnostic(`${Math.round(cpuMs)} ms of processor in ${Math.round(ms)} ms`)
  assert.ok(cpuMs < ms / 2, `${cpuMs} of ${ms} ms`)
  await assertNothingLeft(siege)
})
