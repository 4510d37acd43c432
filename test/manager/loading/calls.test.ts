import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RpcError } from '../../../src/index.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { HELLO, household } from '../household.ts'
import { nodeSpeaker, pythonSpeaker } from './speakers.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const NODE = `
import { RpcError, serve } from './plugin.js'
let told = []
await serve({
  greet: ({ name }) => \`Hello, \${name}!\`,
  wait: ({ ms }, { signal }) => new Promise((resolve) => { signal.addEventListener('abort', () => { told.push('aborted'); resolve(1) }); setTimeout(resolve, ms, 2) }),
  fail: () => { throw new RpcError('no such city', { code: 7, data: { city: 'X' } }) },
  break: () => { throw new Error('broken') },
  tell: ({ text }) => { told.push(text) },
  told: () => told,
  async *count({ to }) { try { for (let i = 1; i <= to; i++) yield i } finally { told.push('left') } },
  async *two() { yield 'a'; yield { b: 1 }; throw new Error('then it broke') },
  add: async ({ a, b }, { host }) => host.call('add', { a, b }),
  reach: async (_, { host }) => host.call('secret').catch((error) => [error.code, error.message]),
  print: () => { console.log('this is no message'); return 'printed' },
}, { health: () => ({ mood: 'good' }) })
`

const PYTHON = `
import threading, time
import bulkhead_plugin
from bulkhead_plugin import RpcError
told = []
def wait(params, context):
    if context.cancelled.wait(params["ms"] / 1000):
        told.append("aborted")
    return 2
def fail(params, context):
    raise RpcError("no such city", 7, {"city": "X"})
def broken(params, context):
    raise ValueError("broken")
def count(params, context):
    try:
        for i in range(1, params["to"] + 1):
            yield i
    finally:
        told.append("left")
def two(params, context):
    yield "a"
    yield {"b": 1}
    raise ValueError("then it broke")
def reach(params, context):
    try:
        return context.host.call("secret")
    except RpcError as error:
        return [error.code, error.message]
def say(params, context):
    print("this is no message")
    return "printed"
bulkhead_plugin.serve({
    "greet": lambda params, context: f"Hello, {params['name']}!",
    "wait": wait, "fail": fail, "break": broken, "count": count, "two": two, "reach": reach, "print": say,
    "tell": lambda params, context: told.append(params["text"]),
    "told": lambda params, context: told,
    "add": lambda params, context: context.host.call("add", params),
}, health=lambda: {"mood": "good"})
`

const SPEAKERS = { node: nodeSpeaker(NODE), python: pythonSpeaker(PYTHON) }

/** Until it is so, for as long as a slow machine may take. */
async function eventually<T>(look: () => Promise<T>, isSo: (found: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries++) {
    const found = await look()
    if (isSo(found) || tries === 200) return found
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

for (const [runtime, spec] of Object.entries(SPEAKERS)) {
  test(`a host calls a plugin written with the kit for ${runtime}, and is called by it`, { skip }, async (t) => {
    const house = await household(t)
    await house.install(spec)
    await using plugin = await house.manager.load(HELLO, {
      functions: { add: (params) => (params as { a: number; b: number }).a + (params as { b: number }).b },
    })
    assert.equal(await plugin.call<string>('greet', { name: 'Ada' }), 'Hello, Ada!')
    // Ends of lines for others than JSON, and what takes three and four bytes.
    const hard = 'a\u2028b\u2029c\u0085d\r\n€😀'
    assert.equal(await plugin.call('greet', { name: hard }), `Hello, ${hard}!`)
    const many = await Promise.all(Array.from({ length: 200 }, (_, i) => plugin.call('greet', { name: `${i}` })))
    assert.deepEqual(
      many,
      Array.from({ length: 200 }, (_, i) => `Hello, ${i}!`),
    )

    await plugin.notify('tell', { text: 'noticed' })
    assert.deepEqual(
      await eventually(
        () => plugin.call<string[]>('told'),
        (told) => told.length > 0,
      ),
      ['noticed'],
    )
    assert.equal(await plugin.call('add', { a: 2, b: 3 }), 5)
    assert.deepEqual(await plugin.call('reach'), [-32601, 'no such function is granted to this plugin'])
    assert.equal(await plugin.call('print'), 'printed')

    await assert.rejects(plugin.call('fail'), {
      name: 'CallError',
      code: 'CALL_FAILED',
      details: { rpcCode: 7, message: 'no such city', data: { city: 'X' } },
    })
    await assert.rejects(plugin.call('break'), { code: 'CALL_FAILED', message: /broken/ })
    await assert.rejects(plugin.call('nothing'), { code: 'CALL_FAILED' })
    const { status, instances } = await plugin.health()
    assert.deepEqual([status, instances[0]?.status, instances[0]?.detail], ['ok', 'ok', { mood: 'good' }])
  })

  test(`items of a stream come as they are taken (${runtime})`, { skip }, async (t) => {
    const house = await household(t)
    await house.install(spec)
    await using plugin = await house.manager.load(HELLO)
    const items: unknown[] = []
    for await (const item of plugin.stream<number>('count', { to: 1000 }, { window: 7 })) items.push(item)
    assert.deepEqual(
      items,
      Array.from({ length: 1000 }, (_, i) => i + 1),
    )

    const seen: unknown[] = []
    await assert.rejects(
      async () => {
        for await (const item of plugin.stream('two')) seen.push(item)
      },
      { code: 'CALL_FAILED', message: /then it broke/ },
    )
    assert.deepEqual(seen, ['a', { b: 1 }])

    // Without end, and left after the third: the generator in the plugin is ended too.
    let taken = 0
    for await (const _ of plugin.stream('count', { to: 1e12 })) if (++taken === 3) break
    const told = await eventually(
      () => plugin.call<string[]>('told'),
      (list) => list.filter((text) => text === 'left').length === 2,
    )
    assert.deepEqual(told, ['left', 'left'])
    await assert.rejects(
      async () => {
        for await (const _ of plugin.stream('greet', { name: 'x' })) assert.fail('no item was expected')
      },
      { code: 'CALL_FAILED', message: /does not stream/ },
    )
  })

  test(`a call ends with its time or its signal, and the plugin is told (${runtime})`, { skip }, async (t) => {
    const house = await household(t)
    await house.install(spec)
    await using plugin = await house.manager.load(HELLO)
    await assert.rejects(plugin.call('wait', { ms: 60_000 }, { timeoutMs: 50 }), {
      name: 'TimeoutError',
      code: 'CALL_TIMEOUT',
    })
    const control = new AbortController()
    const call = plugin.call('wait', { ms: 60_000 }, { signal: control.signal })
    control.abort(new Error('enough'))
    await assert.rejects(call, { code: 'CALL_CANCELLED', cause: new Error('enough') })
    await assert.rejects(plugin.call('greet', {}, { signal: control.signal }), { code: 'CALL_CANCELLED' })
    const told = await eventually(
      () => plugin.call<string[]>('told'),
      (list) => list.length === 2,
    )
    assert.deepEqual(told, ['aborted', 'aborted'])
  })
}

test('what a function of the host throws stays there, unless it is meant for the plugin', { skip }, async (t) => {
  const house = await household(t)
  await house.install(
    nodeSpeaker(`
import { serve } from './plugin.js'
await serve({ reach: async ({ name }, { host }) => host.call(name).catch((error) => [error.code, error.message]) })`),
  )
  await using plugin = await house.manager.load(HELLO, {
    functions: {
      broken: () => {
        throw new Error('/etc/secret/path: no such file')
      },
      meant: async () => {
        throw new RpcError('come back later', { code: 42 })
      },
      strange: () => ({ big: 1n }),
    },
  })
  assert.deepEqual(await plugin.call('reach', { name: 'broken' }), [-32603, 'the function failed'])
  assert.deepEqual(await plugin.call('reach', { name: 'meant' }), [42, 'come back later'])
  assert.deepEqual(await plugin.call('reach', { name: 'strange' }), [-32603, 'the function failed'])
  for (const name of ['toString', '__proto__', 'constructor'])
    assert.deepEqual(await plugin.call('reach', { name }), [-32601, 'no such function is granted to this plugin'])
})
