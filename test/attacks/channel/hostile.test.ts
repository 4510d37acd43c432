import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoadedPlugin, LoadOptions, PluginError } from '../../../src/index.ts'
import { HELLO, type Household, household } from '../../manager/household.ts'
import { hostile } from '../../manager/loading/speakers.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

/** What a plugin does when it is asked for `hostile`, and what the caller is told. */
const ATTACKS: Record<string, { readonly body: string; readonly code: string; readonly name: string }> = {
  'sends garbage': { body: 'say("}{ garbage\\n")', code: 'MESSAGE_INVALID', name: 'CallError' },
  'sends bytes that are no UTF-8': {
    body: 'say(b\'{"jsonrpc":"2.0","method":"\\xff\\xfe"}\\n\')',
    code: 'MESSAGE_INVALID',
    name: 'CallError',
  },
  'sends JSON that is no message': { body: 'say("[1,2,3]\\n")', code: 'MESSAGE_INVALID', name: 'CallError' },
  'sends a batch': {
    body: 'say(json.dumps([{"jsonrpc": "2.0", "id": id, "result": 1}]) + "\\n")',
    code: 'MESSAGE_INVALID',
    name: 'CallError',
  },
  'sends JSON that is nested without end': {
    body: 'answer_text = "[" * 400000 + "]" * 400000\nsay("{\\"jsonrpc\\":\\"2.0\\",\\"id\\":%d,\\"result\\":%s}\\n" % (id, answer_text))',
    code: 'MESSAGE_INVALID',
    name: 'CallError',
  },
  'answers with result and error': {
    body: 'say(json.dumps({"jsonrpc": "2.0", "id": id, "result": 1, "error": {"code": 1, "message": ""}}) + "\\n")',
    code: 'MESSAGE_INVALID',
    name: 'CallError',
  },
  'sends half a message and closes its output': {
    body: 'say("{\\"jsonrpc\\":\\"2.0\\",\\"id\\":"); os.close(1); time.sleep(600)',
    code: 'MESSAGE_INVALID',
    name: 'CallError',
  },
  'sends half a message and ends': {
    body: 'say("{\\"jsonrpc\\":\\"2.0\\",\\"id\\":"); os._exit(3)',
    code: 'PLUGIN_ENDED',
    name: 'CallError',
  },
  'sends a message of 1 GiB': {
    body: 'say("{\\"jsonrpc\\":\\"2.0\\",\\"id\\":1,\\"result\\":\\"")\nfor _ in range(1024): say(b"x" * (1 << 20))\nsay("\\"}\\n")',
    code: 'MESSAGE_TOO_LARGE',
    name: 'ResourceLimitError',
  },
  'answers what nobody asked': { body: 'answer(987654, "surprise")', code: 'MESSAGE_INVALID', name: 'CallError' },
  'answers the same call twice': { body: 'answer(id - 1, 1)', code: 'MESSAGE_INVALID', name: 'CallError' },
  'answers with an id that is a property of every object': {
    body: 'answer("__proto__", {})',
    code: 'MESSAGE_INVALID',
    name: 'CallError',
  },
  'sends items of no stream': {
    body: 'say(json.dumps({"jsonrpc": "2.0", "method": "$/item", "params": {"id": 1, "item": 1}}) + "\\n")',
    code: 'MESSAGE_INVALID',
    name: 'CallError',
  },
  'calls the host without end, and reads nothing': {
    body: 'n = 0\nwhile True:\n    n += 1\n    say(json.dumps({"jsonrpc": "2.0", "id": n, "method": "none"}) + "\\n")',
    code: 'PLUGIN_BUSY',
    name: 'ResourceLimitError',
  },
  'notifies without end': {
    body: 'while True: say(b\'{"jsonrpc":"2.0","method":"x"}\\n\' * 2000)',
    code: 'CALL_TIMEOUT',
    name: 'TimeoutError',
  },
  stalls: { body: 'time.sleep(600)', code: 'CALL_TIMEOUT', name: 'TimeoutError' },
  'stops itself': { body: 'os.kill(os.getpid(), signal.SIGSTOP)', code: 'CALL_TIMEOUT', name: 'TimeoutError' },
  crashes: { body: 'os.abort()', code: 'PLUGIN_ENDED', name: 'CallError' },
  'hoards memory': {
    body: 'hoard = []\nwhile True: hoard.append(bytearray(os.urandom(1 << 20)))',
    code: 'PLUGIN_LIMITED',
    name: 'ResourceLimitError',
  },
  'floods its stderr': {
    body: 'while True: os.write(2, b"x" * 65536)',
    code: 'CALL_TIMEOUT',
    name: 'TimeoutError',
  },
}

/** Small, so that what is bounded is seen to be: a host that kept the 1 GiB would be told from one that did not. */
const BOUNDS = { messageBytes: 2 ** 20, outboxBytes: 2 ** 20 }

async function attacked(house: Household, options: LoadOptions = {}): Promise<LoadedPlugin> {
  return house.manager.load(HELLO, { bounds: BOUNDS, restart: { minMs: 10, jitter: 0 }, ...options })
}

for (const [what, { body, code, name }] of Object.entries(ATTACKS)) {
  test(`a plugin that ${what}: its host has ${code}, little more memory, and goes on`, { skip }, async (t) => {
    const house = await household(t)
    await house.install(hostile(body))
    // Not closed with patience: the household ends it with its manager, at once.
    const plugin = await attacked(house)
    const before = process.memoryUsage().rss
    const timeoutMs = code === 'CALL_TIMEOUT' ? 1_500 : 20_000
    const failed = await plugin.call('hostile', undefined, { timeoutMs }).then(
      (result) => assert.fail(`it answered ${JSON.stringify(result)}`),
      (error: PluginError) => error,
    )
    assert.deepEqual([failed.code, failed.name], [code, name], failed.message)
    const grown = process.memoryUsage().rss - before
    assert.ok(grown < 160 * 2 ** 20, `the host grew by ${grown >> 20} MiB`)
    // Those that went on are as they were, and what ended is there again.
    if (code !== 'CALL_TIMEOUT') assert.deepEqual(await plugin.call('echo', { n: 1 }, { timeoutMs: 20_000 }), { n: 1 })
  })
}

test('a plugin that never reads is sent no more than fits, and every call ends', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('time.sleep(600)'))
  const plugin = await attacked(house, { timeoutMs: 1_500 })
  const calls = [plugin.call('hostile')]
  for (let i = 0; i < 500; i++) calls.push(plugin.call('echo', { text: 'x'.repeat(100_000) }))
  const ends = await Promise.allSettled(calls)
  const codes = new Set(ends.map((end) => (end.status === 'rejected' ? end.reason.code : 'answered')))
  assert.deepEqual([...codes].sort(), ['CALL_TIMEOUT', 'PLUGIN_BUSY'])
})

test('an answer that comes after its call was given up does no harm, and a second one does', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('time.sleep(0.4); answer(id, "late")'))
  await using plugin = await attacked(house, { restart: false })
  await assert.rejects(plugin.call('hostile', undefined, { timeoutMs: 100 }), { code: 'CALL_TIMEOUT' })
  assert.deepEqual(await plugin.call('echo', { n: 2 }), { n: 2 })
})

test('a plugin that never answers a thing is not loaded', { skip }, async (t) => {
  const house = await household(t)
  await house.install({
    files: {
      'main.py': 'import time\ntime.sleep(600)\n',
      'plugin.json': JSON.stringify({
        name: HELLO,
        version: '1.0.0',
        entry: { runtime: 'python', path: 'main.py' },
        protocol: 'jsonrpc',
      }),
    },
  })
  await assert.rejects(house.manager.load(HELLO, { startTimeoutMs: 500 }), {
    name: 'TimeoutError',
    code: 'START_TIMEOUT',
  })
  assert.deepEqual(await house.manager.ps(), [])
})

test('what a host sends is bounded too, and what has no JSON is not sent', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('answer(id, 1)'))
  await using plugin = await attacked(house)
  await assert.rejects(plugin.call('echo', { text: 'x'.repeat(2 ** 20) }), { code: 'MESSAGE_TOO_LARGE' })
  await assert.rejects(plugin.call('echo', { big: 1n }), { code: 'USAGE' })
  const circle: Record<string, unknown> = {}
  circle.self = circle
  await assert.rejects(plugin.call('echo', circle), { code: 'USAGE' })
  assert.deepEqual(await plugin.call('echo', { n: 3 }), { n: 3 })
})
