// Sandboxed servers by the official clients: what a host application writes, and how it ends.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Client as Client2, type Transport as Transport2 } from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { openManager, type PluginManager } from '../../../src/index.ts'
import { type SandboxedTransport, sandboxed } from '../../../src/mcp.ts'
import { SLOW } from '../../helpers/patience.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { HELLO, household, manifestOf } from '../household.ts'
import { everythingHouse } from './everything.ts'
import { assertNothingLeft, besieged, connected, hostileServer, reasonOf } from './hostile.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const polite = hostileServer('answer(id, "ahoy")')
const TEXT = (text: string) => ({ content: [{ type: 'text', text }] })

// It is no class of theirs, and the compiler finds that it is as good as one.
const forVersion1 = (transport: SandboxedTransport): Transport => transport
const forVersion2 = (transport: SandboxedTransport): Transport2 => transport

test('the published server answers in its sandbox, to the clients of both versions of the SDK', { skip }, async (t) => {
  const home = await everythingHouse(t)
  await using plugins = await openManager({ home })
  for (const [version, client, transportOf] of [
    ['1', new Client({ name: 'my-host', version: '1.0.0' }), forVersion1],
    ['2', new Client2({ name: 'my-host', version: '1.0.0' }), forVersion2],
  ] as const) {
    const transport = sandboxed(plugins, 'acme/everything', { range: '^2026' })
    const began = performance.now()
    await client.connect(transportOf(transport) as never)
    t.diagnostic(`SDK ${version}: connected in ${Math.round(performance.now() - began)} ms`)
    assert.equal(client.getServerVersion()?.name, 'mcp-servers/everything')
    const { tools } = await client.listTools()
    assert.ok(tools.length > 5, `${tools.length} tools`)
    const call = (name: string, args: object) => client.callTool({ name, arguments: { ...args } })
    assert.deepEqual((await call('echo', { message: 'ahoy' })).content, TEXT('Echo: ahoy').content)
    const [seen] = (await call('get-env', {})).content as [{ text: string }]
    assert.equal(JSON.parse(seen.text).PLUGIN_NAME, 'acme/everything')
    // What Node compiles of it for the next start may be made beside it, by a run of its own.
    const running = async () => (await plugins.ps()).filter(({ run }) => run === transport.run)
    assert.equal((await running()).length, 1)
    const { pid } = transport
    await client.close()
    assert.equal(existsSync(`/proc/${pid}`), false)
    assert.deepEqual(await running(), [])
    assert.equal(transport.end?.isAsked, true)
    assert.equal(transport.end?.error.code, 'PLUGIN_CLOSED')
  }
})

test('what may not run is refused when the client connects, and the client is free for another', {
  skip,
}, async (t) => {
  const house = await household(t)
  const client = new Client({ name: 'test-host', version: '1.0.0' })
  const connect = (options = {}, name: string = HELLO) => client.connect(sandboxed(house.manager, name, options))
  await assert.rejects(connect(), { code: 'NOT_INSTALLED' })
  await house.install(polite)
  await assert.rejects(connect({ range: '^2' }), { code: 'VERSION_OUT_OF_RANGE' })
  await assert.rejects(connect({ settings: { units: 'si' } }), { code: 'SETTING_INVALID' })
  assert.throws(() => sandboxed(house.manager, HELLO, { bounds: { messageBytes: 1 } }), { code: 'USAGE' })
  assert.throws(() => sandboxed(house.manager, 'hello'), { code: 'USAGE' })
  house.manager.disable(HELLO)
  await assert.rejects(connect(), { code: 'WRONG_STATE' })
  await house.manager.enable(HELLO)
  await connect({ range: '^1' })
  await client.close()

  const other = { files: { 'plugin.json': manifestOf({ name: 'acme/other', protocol: 'stdio' }), 'bin/x': '' } }
  await house.install({ ...other, executable: ['bin/x'], name: 'acme/other' })
  await assert.rejects(connect({}, 'acme/other'), { code: 'WRONG_PROTOCOL' })
})

test('a transport is for one connection', { skip }, async (t) => {
  const { client, transport } = await besieged(t, polite)
  await assert.rejects(transport.start(), { code: 'USAGE' })
  await client.close()
  await client.close()
  await transport.close()
  await assert.rejects(transport.send({ jsonrpc: '2.0' }), { code: 'PLUGIN_CLOSED' })
  const house = await household(t)
  const unused = sandboxed(house.manager, HELLO)
  await assert.rejects(unused.send({ jsonrpc: '2.0' }), { code: 'USAGE' })
  let closings = 0
  unused.onclose = () => closings++
  await unused.close()
  await unused.close()
  assert.equal(closings, 1)
  await assert.rejects(unused.start(), { code: 'USAGE' })

  await house.install(polite)
  const hasty = sandboxed(house.manager, HELLO)
  const start = assert.rejects(hasty.start(), { code: 'PLUGIN_CLOSED' })
  await hasty.close()
  await start
  assert.deepEqual(await house.manager.ps(), [])
})

test('settings reach the server, stderr reaches the host, and the figures are those of the run', {
  skip,
}, async (t) => {
  const config = { units: { type: 'string' } }
  const body = 'sys.stderr.write("told\\n")\nsys.stderr.flush()\nanswer(id, open(os.environ["PLUGIN_CONFIG"]).read())'
  let told = ''
  const onStderr = (chunk: Buffer): void => {
    told += chunk
  }
  const siege = await besieged(t, hostileServer(body, { config }), { settings: { units: 'si' }, onStderr })
  const { content } = (await siege.attack()) as { content: [{ text: string }] }
  assert.deepEqual(JSON.parse(content[0].text), { units: 'si' })
  const stats = (await siege.transport.stats()) ?? assert.fail('it does not run')
  assert.equal(stats.name, HELLO)
  assert.equal(stats.run, siege.transport.run)
  assert.equal(stats.waiting, 0)
  await siege.client.close()
  assert.equal(told, 'told\n')
  assert.equal(await siege.transport.stats(), null)
})

test('a call is bounded by the timeout of the plugin, and the server is told', { skip }, async (t) => {
  const body =
    'gone = json.loads(sys.stdin.buffer.readline())\nsys.stderr.write(json.dumps(gone))\nsys.stderr.flush()\nanswer(id, "late")'
  let told = ''
  const onStderr = (chunk: Buffer): void => {
    told += chunk
  }
  const siege = await besieged(t, hostileServer(body, { limits: { timeout: `${500 * SLOW}ms` } }), { onStderr })
  const { code } = await reasonOf(siege.attack())
  assert.equal(code, 'CALL_TIMEOUT')
  // It goes on, and its late answer is nobody's.
  assert.deepEqual(await siege.client.callTool({ name: 'echo', arguments: { text: 'on' } }), TEXT('on'))
  // What it has said is all here when it has ended.
  await siege.client.close()
  const { method, params } = JSON.parse(told)
  assert.equal(method, 'notifications/cancelled')
  assert.equal(typeof params.requestId, 'number')
  assert.deepEqual(siege.told, [])
})

test('a server that is started and says nothing is ended, and its host told why', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostileServer('pass', {}, 'time.sleep(60)'))
  const transport = sandboxed(house.manager, HELLO, { startTimeoutMs: 300 })
  const closed = new Promise<void>((resolve) => (transport.onclose = resolve))
  const client = new Client({ name: 'test-host', version: '1.0.0' })
  assert.equal((await reasonOf(client.connect(transport))).code, 'START_TIMEOUT')
  await closed
  await assertNothingLeft({ house, transport })
})

test('a server that ends at its start says so with its last words', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostileServer('pass', {}, 'sys.exit("no such key")'))
  const transport = sandboxed(house.manager, HELLO)
  const closed = new Promise<void>((resolve) => (transport.onclose = resolve))
  const client = new Client({ name: 'test-host', version: '1.0.0' })
  const { code, details } = await reasonOf(client.connect(transport))
  assert.equal(code, 'PLUGIN_ENDED')
  assert.deepEqual(details?.stderr, ['no such key'])
  await closed
  await assertNothingLeft({ house, transport })
})

test('a server that a limit ended is told as such, with the outcome', { skip }, async (t) => {
  const siege = await besieged(t, hostileServer('time.sleep(60)', { limits: { idle: '1s' } }))
  const { code, details } = await reasonOf(siege.attack())
  assert.equal(code, 'PLUGIN_LIMITED')
  const { outcome, limit } = (details?.outcome ?? {}) as { outcome?: string; limit?: string }
  assert.deepEqual([outcome, limit], ['limited', 'idle'])
  await siege.closed
  assert.deepEqual(siege.told, ['PLUGIN_LIMITED'])
  await assertNothingLeft(siege)
})

const KEEP = 'signal.signal(signal.SIGTERM, signal.SIG_IGN)\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)'
for (const [what, start, end, [least, most]] of [
  ['ends with its input', '', '', [0, 1_400]],
  ['ends at SIGTERM', '', 'time.sleep(600)', [1_400, 2_900]],
  ['stops itself', '', 'os.kill(os.getpid(), signal.SIGSTOP)', [2_900, 4_500]],
  ['ignores both, and has a child in a session of its own', KEEP, 'time.sleep(600)', [2_900, 4_500]],
] as const) {
  test(`a server that ${what} is gone when its client has closed it`, { skip }, async (t) => {
    const { files = {}, ...rest } = hostileServer('answer(id, "ahoy")', {}, start)
    const house = await household(t)
    await house.install({ ...rest, files: { ...files, 'server.py': `${files['server.py']}${end}\n` } })
    const siege = await connected(t, house)
    assert.deepEqual(await siege.attack(), TEXT('ahoy'))
    const [launched] = await siege.house.manager.ps()
    assert.ok((launched?.processes ?? 0) >= (start === KEEP ? 2 : 1))
    const began = performance.now()
    await siege.client.close()
    const ms = performance.now() - began
    assert.ok(ms >= least && ms < most * SLOW, `${ms} ms`)
    await siege.closed
    assert.deepEqual(siege.told, [])
    await assertNothingLeft(siege)
  })
}

for (const [what, undo, code] of [
  ['revoked', (m) => m.trust.revoke({ target: `${HELLO}@1.0.0`, reason: 'a hole' }), 'RELEASE_REVOKED'],
  ['disabled', (m) => m.disable(HELLO), 'WRONG_STATE'],
] as const satisfies readonly (readonly [string, (m: PluginManager) => unknown, string])[]) {
  test(`a server that is ${what} while it runs is closed with the reason`, { skip }, async (t) => {
    // In no hurry: it is not asked to end.
    const siege = await besieged(
      t,
      hostileServer('time.sleep(60)', {}, 'signal.signal(signal.SIGTERM, signal.SIG_IGN)'),
    )
    const answer = reasonOf(siege.attack())
    // As another process would.
    await using other = await openManager({ home: siege.house.layout.home })
    await undo(other)
    const began = performance.now()
    await siege.closed
    assert.ok(performance.now() - began < 1_400 * SLOW)
    assert.equal(siege.transport.end?.error.code, code)
    assert.equal((await answer).code, code)
    assert.deepEqual(siege.told, [code])
    await assertNothingLeft(siege)
  })
}

test('closing the manager closes its servers, and their clients learn it', { skip }, async (t) => {
  const siege = await besieged(t, hostileServer('time.sleep(60)'))
  const answer = reasonOf(siege.attack())
  await siege.house.manager.close()
  await siege.closed
  assert.equal((await answer).code, 'PLUGIN_CLOSED')
  assert.equal(existsSync(`/proc/${siege.transport.pid}`), false)
  assert.deepEqual(siege.told, ['PLUGIN_CLOSED'])
})

test('a client that throws at a message does not end what reads from the server', { skip }, async (t) => {
  const siege = await besieged(t, polite)
  const { onmessage } = siege.transport
  siege.transport.onmessage = () => {
    throw new RangeError('a bug of the host')
  }
  const answer = siege.client.callTool({ name: 'hostile' }, undefined, { timeout: 500 }).catch(() => null)
  assert.equal(await answer, null)
  siege.transport.onmessage = onmessage
  assert.equal(siege.told.length, 1)
  assert.deepEqual(await siege.attack(), TEXT('ahoy'))
})

test('the sub-path of the package has this and nothing of the SDK', () => {
  const built = new URL('../../../dist/js/', import.meta.url)
  const reached = new Set<string>()
  const reach = (file: string): void => {
    if (reached.has(file)) return
    reached.add(file)
    const text = readFileSync(new URL(file, built), 'utf8')
    for (const [, target = ''] of text.matchAll(/(?:from |import\()\s*"([^"]+)"/g))
      if (target.startsWith('./')) reach(target.slice(2))
      else reached.add(target)
  }
  assert.ok(readdirSync(built).includes('mcp.js'))
  reach('mcp.js')
  assert.ok(![...reached].some((target) => target.includes('modelcontextprotocol')), [...reached].join(' '))
  const { exports } = JSON.parse(readFileSync(new URL('../../package.json', built), 'utf8'))
  assert.equal(exports['./mcp'].default, './dist/js/mcp.js')
})
