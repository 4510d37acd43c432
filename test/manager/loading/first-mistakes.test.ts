// What an author does wrong at first, and whether the error says what it was and what to do.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReleaseSpec } from '../../helpers/authority.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { HELLO, household } from '../household.ts'
import { nodeSpeaker, pythonSpeaker } from './speakers.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const LOGS = /^plugins logs acme\/hello --run \S+$/
const STDOUT = /nothing but messages to stdout/

const MISTAKES: Readonly<Record<string, readonly [spec: ReleaseSpec, code: string, says: RegExp, hint: RegExp]>> = {
  'raises at its start (Python)': [
    pythonSpeaker('def start():\n    raise RuntimeError("no database")\nstart()'),
    'PLUGIN_ENDED',
    /exited with 1; it said: RuntimeError: no database$/,
    LOGS,
  ],
  'is not Python': [pythonSpeaker('def x(:\n  pass'), 'PLUGIN_ENDED', /it said: SyntaxError: invalid syntax/, LOGS],
  'misses a module (Python)': [pythonSpeaker('import no_kit'), 'PLUGIN_ENDED', /No module named 'no_kit'/, LOGS],
  'throws at its start (Node)': [
    nodeSpeaker('throw new Error("no free lunch")'),
    'PLUGIN_ENDED',
    /exited with 1; it said: Error: no free lunch$/,
    LOGS,
  ],
  'misses a module (Node)': [
    nodeSpeaker('import { serve } from "@bulkhead/plugins/plugin"\nawait serve({})'),
    'PLUGIN_ENDED',
    /it said: Error \[ERR_MODULE_NOT_FOUND\]: Cannot find package '@bulkhead\/plugins'/,
    LOGS,
  ],
  'prints to stdout before it serves': [
    nodeSpeaker('console.log("I am starting")\nsetTimeout(() => {}, 9999)'),
    'MESSAGE_INVALID',
    /it is not JSON: "I am starting"$/,
    STDOUT,
  ],
  'never serves': [
    nodeSpeaker('console.error("listening")\nsetTimeout(() => {}, 60_000)'),
    'START_TIMEOUT',
    /gave no answer in 3000 ms/,
    /plugins logs acme\/hello/,
  ],
}

for (const [what, [spec, code, says, hint]] of Object.entries(MISTAKES))
  test(`loading a plugin that ${what} says so, and what to do`, { skip }, async (t) => {
    const house = await household(t)
    await house.install(spec)
    const startTimeoutMs = code === 'START_TIMEOUT' ? 3000 : 60_000
    await assert.rejects(house.manager.load(HELLO, { startTimeoutMs }), { code, message: says, hint })
  })

const GENERATOR = {
  node: nodeSpeaker(`
import { serve } from './plugin.js'
let left = 0
await serve({ async *items() { try { yield 1 } finally { left++ } }, *plain() { yield 1 }, list: () => [1], map: () => new Map([[1, 2]]) })`),
  python: pythonSpeaker(`
import bulkhead_plugin
def items(params, context):
    yield 1
bulkhead_plugin.serve({"items": items, "plain": items, "list": lambda p, c: [1], "map": lambda p, c: {}})`),
}

for (const [runtime, spec] of Object.entries(GENERATOR))
  test(`a method that answers in items is not called for one answer (${runtime})`, { skip }, async (t) => {
    const house = await household(t)
    await house.install(spec)
    await using plugin = await house.manager.load(HELLO)
    for (const method of ['items', 'plain'])
      await assert.rejects(plugin.call(method), { code: 'CALL_FAILED', message: /answers in items: stream it/ })
    assert.deepEqual(await plugin.call('list'), [1])
    assert.deepEqual(await plugin.call('map'), {})
    const unlisted = plugin.stream('none')
    await assert.rejects(unlisted.next(), { code: 'CALL_FAILED', message: /^cannot have none of acme\/hello/ })
  })

test('what cannot be parameters is refused at once, not waited for', { skip }, async (t) => {
  const house = await household(t)
  await house.install(GENERATOR.python)
  await using plugin = await house.manager.load(HELLO)
  // As a host without types would.
  for (const params of ['text', 7, null, true, new Date(0), { n: 1n }] as unknown as readonly (readonly unknown[])[]) {
    await assert.rejects(plugin.call('list', params), { code: 'USAGE', message: /no object and no array/ })
    await assert.rejects(plugin.notify('list', params), { code: 'USAGE' })
  }
  assert.deepEqual(await plugin.call('list', []), [1])
})

test('a manager that was closed says so, whatever is asked of it', { skip }, async (t) => {
  const house = await household(t)
  await house.install(GENERATOR.python)
  await house.manager.close()
  const closed = { name: 'StoreError', code: 'WRONG_STATE', message: /closed/ }
  await assert.rejects(house.manager.load(HELLO), closed)
  await assert.rejects(house.manager.serve(HELLO, { protocol: 'mcp' }), closed)
  assert.throws(() => house.manager.list(), closed)
})

test('an option of a call that there is not is refused, not left out', { skip }, async (t) => {
  const house = await household(t)
  await house.install(GENERATOR.python)
  await using plugin = await house.manager.load(HELLO)
  const wrong = { timeout: 5 } as never
  const refused = { code: 'USAGE', message: /acme\/hello: unknown option "timeout"$/, hint: /timeoutMs/ }
  await assert.rejects(plugin.call('list', {}, wrong), refused)
  await assert.rejects(plugin.stream('items', {}, wrong).next(), refused)
  await assert.rejects(plugin.reload(wrong), { ...refused, hint: /drainMs/ })
  assert.deepEqual(await plugin.call('list', {}, { timeoutMs: undefined, signal: undefined }), [1])
})

test('what is no signal and no method is refused before anything is sent, and costs the plugin nothing', {
  skip,
}, async (t) => {
  const house = await household(t)
  await house.install(GENERATOR.python)
  const signal = new AbortController() as never
  const refused = { code: 'USAGE', message: /: expected signal to be an AbortSignal$/, hint: /`signal`/ }
  await assert.rejects(house.manager.load(HELLO, { signal }), refused)
  const crashes: string[] = []
  await using plugin = await house.manager.load(HELLO, { on: { crash: ({ error }) => crashes.push(error.message) } })
  await assert.rejects(plugin.call('list', {}, { signal }), refused)
  await assert.rejects(plugin.stream('items', {}, { signal }).next(), refused)
  for (const method of [undefined, 7, null])
    await assert.rejects(plugin.call(method as never), { code: 'USAGE', message: /expected the name of a method/ })
  // The answer of what had been sent would have come before these.
  for (let calls = 0; calls < 3; calls++) assert.deepEqual(await plugin.call('list'), [1])
  assert.deepEqual(crashes, [])
})

const THROWS = {
  node: nodeSpeaker(`
import { RpcError, serve } from './plugin.js'
await serve({ meant() { throw new RpcError('no such city') }, slip() { return undefined.city } })`),
  python: pythonSpeaker(`
import bulkhead_plugin
def meant(params, context):
    raise bulkhead_plugin.RpcError("no such city")
def slip(params, context):
    return None.city
bulkhead_plugin.serve({"meant": meant, "slip": slip})`),
}

for (const [runtime, spec] of Object.entries(THROWS))
  test(`where a method threw stands in the log, unless it meant to (${runtime})`, { skip }, async (t) => {
    const house = await household(t)
    await house.install(spec)
    let log = ''
    const heard = Promise.withResolvers<void>()
    const stderr = ({ chunk }: { chunk: Buffer }) => {
      log += chunk
      if (/main\.(mjs|py)/.test(log)) heard.resolve()
    }
    await using plugin = await house.manager.load(HELLO, { on: { stderr } })
    await assert.rejects(plugin.call('meant'), { code: 'CALL_FAILED', message: /no such city$/ })
    await assert.rejects(plugin.call('slip'), { code: 'CALL_FAILED', message: /city/ })
    await heard.promise
    assert.match(log, /slip/)
    assert.doesNotMatch(log, /no such city/)
  })

test('in Python, `context.cancelled` is true once nobody waits, and not before', { skip }, async (t) => {
  const house = await household(t)
  await house.install(
    pythonSpeaker(`
import bulkhead_plugin
seen = []
def wait(params, context):
    seen.append(bool(context.cancelled))
    context.cancelled.wait()
    seen.append(bool(context.cancelled))
bulkhead_plugin.serve({"wait": wait, "seen": lambda p, c: seen})`),
  )
  await using plugin = await house.manager.load(HELLO)
  await assert.rejects(plugin.call('wait', {}, { timeoutMs: 300 }), { code: 'CALL_TIMEOUT' })
  for (let seen: unknown[] = []; seen.length < 2; ) {
    seen = await plugin.call<unknown[]>('seen')
    if (seen.length === 2) assert.deepEqual(seen, [false, true])
  }
})

interface Named {
  readonly name: string
}

test('an interface needs no cast, and streams that are piped are there', { skip }, async (t) => {
  const house = await household(t)
  await house.install(nodeSpeaker("import { serve } from './plugin.js'\nawait serve({ greet: ({ name }) => name })"))
  const ada: Named = { name: 'Ada' }
  await using plugin = await house.manager.load(HELLO)
  assert.equal(await plugin.call<string>('greet', ada), 'Ada')
  await using one = await house.manager.spawn(HELLO, { args: [ada] })
  one.stdin.end()
  one.stdout.resume()
  assert.equal((await one.wait()).outcome, 'exited')
})
