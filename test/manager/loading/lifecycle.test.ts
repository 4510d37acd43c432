import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadedPlugin, PluginError } from '../../../src/index.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { agree, HELLO, household } from '../household.ts'
import { hostile, pythonSpeaker } from './speakers.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const QUICK = { minMs: 10, maxMs: 50, jitter: 0 }

const answered = (result: unknown): never => assert.fail(`it answered ${JSON.stringify(result)}`)

const runsOf = async (plugin: LoadedPlugin) => (await plugin.stats()).instances.map(({ run }) => run)

test('an instance that ended is started again, and its host is told what happened', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('print("the last words", file=sys.stderr, flush=True)\nos._exit(7)'))
  await using plugin = await house.manager.load(HELLO, { restart: QUICK })
  const told: string[] = []
  plugin.on('crash', ({ error }) => told.push(`crash ${error.code}`))
  plugin.on('restart', ({ attempt }) => told.push(`restart ${attempt}`))
  plugin.on('started', () => told.push('started'))
  const [first] = await runsOf(plugin)
  const failed = await plugin.call('hostile').then(answered, (error: PluginError) => error)
  assert.equal(failed.code, 'PLUGIN_ENDED')
  assert.match(failed.message, /exited with 7/)
  assert.deepEqual(failed.details.stderr, ['the last words'])
  assert.deepEqual(await plugin.call('echo', [1]), [1])
  assert.deepEqual(told, ['crash PLUGIN_ENDED', 'restart 1', 'started'])
  const [second] = await runsOf(plugin)
  assert.notEqual(first, second)
  assert.equal((await plugin.stats()).restarts, 1)
  assert.deepEqual(
    house.manager.history(HELLO, 9).map(({ outcome }) => outcome?.code),
    [undefined, 7],
  )
})

test('what ends too often is left alone for a while, and tried again', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('os._exit(1)'))
  await using plugin = await house.manager.load(HELLO, {
    restart: { ...QUICK, breaker: { failures: 3, withinMs: 60_000, coolMs: 700 } },
  })
  const circuit: string[] = []
  plugin.on('circuit', ({ state }) => circuit.push(state))
  for (let i = 0; i < 3; i++) await assert.rejects(plugin.call('hostile'), { code: 'PLUGIN_ENDED' })
  // When the third end has been seen.
  while ((await plugin.stats()).circuit !== 'open') await sleep(10)
  const refused = await plugin.call('echo', [1]).then(answered, (error: PluginError) => error)
  assert.equal(refused.code, 'CIRCUIT_OPEN')
  assert.ok(Number(refused.details.retryAfterMs) > 0)
  const { status } = await plugin.health()
  assert.equal(status, 'down')
  while ((await plugin.stats()).circuit !== 'closed') await sleep(20)
  assert.deepEqual(await plugin.call('echo', [2]), [2])
  assert.deepEqual(circuit, ['open', 'half-open', 'closed'])
})

test('without a restart policy what has ended stays so, and each call is told why', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('os._exit(3)'))
  await using plugin = await house.manager.load(HELLO, { restart: false })
  await assert.rejects(plugin.call('hostile'), { code: 'PLUGIN_ENDED' })
  await assert.rejects(plugin.call('echo'), { code: 'PLUGIN_ENDED', message: /exited with 3/ })
})

test('calls go to the instance with the fewest, and one that hangs holds up nobody else', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('time.sleep(600)'))
  await using plugin = await house.manager.load(HELLO, { instances: 3 })
  const hanging = plugin.call('hostile', undefined, { timeoutMs: 2_000 })
  hanging.catch(() => {})
  for (let i = 0; i < 20; i++) assert.deepEqual(await plugin.call('echo', [i], { timeoutMs: 1_500 }), [i])
  const { calls, instances } = await plugin.stats()
  assert.equal(instances.length, 3)
  assert.deepEqual([calls.waiting, calls.failed], [1, 0])
  assert.ok(calls.p50Ms !== null && calls.p99Ms !== null && calls.p99Ms >= calls.p50Ms)
  assert.ok(instances.every(({ memoryBytes }) => memoryBytes === null || memoryBytes > 0))
  await assert.rejects(hanging, { code: 'CALL_TIMEOUT' })
})

test('an instance that hangs gets no more calls while another one answers, long after its call was given up', {
  skip,
}, async (t) => {
  const house = await household(t)
  await house.install(hostile('time.sleep(600)'))
  await using plugin = await house.manager.load(HELLO, { instances: 2 })
  await assert.rejects(plugin.call('hostile', undefined, { timeoutMs: 100 }), { code: 'CALL_TIMEOUT' })
  for (let i = 0; i < 5; i++) assert.deepEqual(await plugin.call('echo', [i], { timeoutMs: 1_500 }), [i])
})

test('an instance that does not read any more is ended, and another one answers', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('os.close(0)\nanswer(id, "deaf")\ntime.sleep(600)'))
  await using plugin = await house.manager.load(HELLO, { restart: QUICK, timeoutMs: 5_000 })
  const violations: string[] = []
  plugin.on('violation', ({ message }) => violations.push(message))
  assert.equal(await plugin.call('hostile'), 'deaf')
  // The launcher, in between, finds out by this one, and the host by the next: that nobody waits for it any more.
  await assert.rejects(plugin.call('echo', [0], { timeoutMs: 300 }), { code: 'CALL_TIMEOUT' })
  await sleep(100)
  assert.deepEqual(await plugin.call('echo', [1]), [1])
  assert.equal(violations.length, 1)
  assert.match(violations[0] ?? '', /closed its input/)
})

test('what a limit ended says so once', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('hoard = []\nwhile True: hoard.append(bytearray(os.urandom(1 << 20)))'))
  await using plugin = await house.manager.load(HELLO, { restart: false })
  await assert.rejects(plugin.call('hostile'), {
    code: 'PLUGIN_LIMITED',
    message: /^cannot let acme\/hello go on: it needs more memory than \d+ bytes$/,
  })
})

test('whatever comes between a reload and its end, there are as many instances as were asked for', {
  skip,
}, async (t) => {
  const house = await household(t)
  await house.install(hostile('os._exit(3)'))
  const plugin = await house.manager.load(HELLO, { instances: 2, restart: QUICK })
  await Promise.all([plugin.reload(), plugin.reload()])
  assert.equal((await house.manager.ps()).length, 2)

  const reloading = plugin.reload()
  await assert.rejects(plugin.call('hostile'), { code: 'PLUGIN_ENDED' })
  await reloading
  for (let tries = 0; (await plugin.health()).status !== 'ok' && tries < 100; tries++) await sleep(20)
  assert.equal((await house.manager.ps()).length, 2)

  const last = plugin.reload()
  await Promise.all([assert.rejects(last, { code: 'PLUGIN_CLOSED' }), plugin.close()])
  assert.deepEqual(await house.manager.ps(), [])
})

test("what is the channel's own is no method of a plugin, whoever asks for it", { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('answer(id, 1)'))
  await using plugin = await house.manager.load(HELLO)
  for (const method of ['$/health', '$/stream', '$/cancel']) {
    await assert.rejects(plugin.call(method, { id: 1 }), { code: 'USAGE' })
    await assert.rejects(plugin.notify(method, { id: 1 }), { code: 'USAGE' })
    await assert.rejects(plugin.stream(method, { id: 1 }).next(), { code: 'USAGE' })
  }
  assert.equal((await plugin.stats()).calls.made, 0)
  assert.deepEqual(await plugin.call('echo', [1]), [1])
})

test('a rate is kept over all instances', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('answer(id, 1)'))
  await using plugin = await house.manager.load(HELLO, { instances: 2, rate: { perSecond: 5, burst: 3 } })
  for (let i = 0; i < 3; i++) await plugin.call('echo', [i])
  const refused = await plugin.call('echo').then(answered, (error: PluginError) => error)
  assert.equal(refused.code, 'RATE_LIMITED')
  await sleep(Number(refused.details.retryAfterMs) + 20)
  await plugin.call('echo')
})

test('a closed plugin takes no calls, answers those it had, and leaves no process', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('time.sleep(0.3); answer(id, "at last")'))
  const plugin = await house.manager.load(HELLO)
  const waiting = plugin.call('hostile')
  const closed = plugin.close()
  await assert.rejects(plugin.call('echo'), { code: 'PLUGIN_CLOSED' })
  assert.equal(await waiting, 'at last')
  await closed
  assert.deepEqual(await house.manager.ps(), [])

  const other = await house.manager.load(HELLO)
  const lost = other.call('hostile')
  lost.catch(() => {})
  await house.manager.close()
  await assert.rejects(lost, { code: 'PLUGIN_CLOSED' })
  await assert.rejects(other.call('echo'), { code: 'PLUGIN_CLOSED' })
  await house.reopen()
  assert.deepEqual(await house.manager.ps(), [])
})

test('what may not run any more is ended where it runs', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('time.sleep(600)'))
  const { manager } = house
  const ended = async (change: () => unknown, code: string): Promise<void> => {
    const plugin = await manager.load(HELLO)
    const waiting = plugin.call('hostile')
    waiting.catch(() => {})
    const revoked = once(plugin, 'revoked')
    await change()
    const [{ error }] = (await revoked) as [{ error: PluginError }]
    assert.equal(error.code, code)
    await assert.rejects(waiting, { code })
    await assert.rejects(plugin.call('echo'), { code })
    await plugin.close()
    assert.deepEqual(await manager.ps(), [])
  }
  await ended(() => manager.disable(HELLO), 'WRONG_STATE')
  await manager.enable(HELLO)
  await ended(() => manager.trust.revoke({ target: `${HELLO}@1.0.0`, reason: 'it steals' }), 'RELEASE_REVOKED')
  await assert.rejects(manager.load(HELLO), { code: 'WRONG_STATE' })
})

test('an update is taken up when its host says so, and a range is held at each start', { skip }, async (t) => {
  const house = await household(t)
  const answering = (version: string) =>
    pythonSpeaker(
      `import bulkhead_plugin, os\nbulkhead_plugin.serve({"version": lambda p, c: "${version}", "end": lambda p, c: os._exit(1)})`,
      {},
      version,
    )
  await house.install(answering('1.0.0'))
  await using plugin = await house.manager.load(HELLO, { range: '^1', restart: QUICK })
  assert.equal(await plugin.call('version'), '1.0.0')
  await house.install(answering('1.1.0'))
  assert.equal(await plugin.call('version'), '1.0.0')
  await plugin.reload()
  assert.equal(await plugin.call('version'), '1.1.0')
  assert.equal((await runsOf(plugin)).length, 1)
  await house.install(answering('2.0.0'))
  const crashed = once(plugin, 'crash')
  await assert.rejects(plugin.call('end'), { code: 'PLUGIN_ENDED' })
  await crashed
  const [{ error }] = (await once(plugin, 'crash')) as [{ error: PluginError }]
  assert.equal(error.code, 'VERSION_OUT_OF_RANGE')
  await assert.rejects(house.manager.load(HELLO, { range: '^1' }), { code: 'VERSION_OUT_OF_RANGE' })
  await assert.rejects(house.manager.load(HELLO, { range: 'new' }), { code: 'USAGE' })
})

test('what is not installed, or speaks otherwise, is not loaded', { skip }, async (t) => {
  const house = await household(t)
  await assert.rejects(house.manager.load(HELLO), { code: 'NOT_INSTALLED' })
  await house.install(pythonSpeaker('', { protocol: 'stdio' }))
  await assert.rejects(house.manager.load(HELLO), { code: 'WRONG_PROTOCOL' })
  for (const options of [{ instances: 0 }, { instances: 1.5 }, { timeoutMs: -1 }, { rate: { perSecond: 0 } }])
    await assert.rejects(house.manager.load(HELLO, options), { code: 'USAGE' })
  await assert.rejects(house.manager.load(HELLO, { functions: { '$/health': () => 1 } }), { code: 'USAGE' })
  const control = new AbortController()
  control.abort()
  await assert.rejects(house.manager.load(HELLO, { signal: control.signal }), { code: 'CALL_CANCELLED' })
})

const CONFIG = {
  units: { type: 'string', enum: ['si', 'us'], default: 'si' },
  depth: { type: 'integer', default: 3 },
  key: { type: 'string', secret: true, required: true },
}

test('settings come from the operator, the host and the manifest, in this order, and leave no trace', {
  skip,
}, async (t) => {
  const house = await household(t)
  await house.install(
    pythonSpeaker(
      `import bulkhead_plugin, os\nbulkhead_plugin.serve({"config": lambda p, c: [bulkhead_plugin.config(), dict(os.environ), open("/proc/self/cmdline").read(), oct(os.stat(os.environ["PLUGIN_CONFIG"]).st_mode)]})`,
      { config: CONFIG },
    ),
  )
  const secret = join(house.layout.home, 'weather.key')
  writeFileSync(secret, 'the-secret\n', { mode: 0o600 })
  const configure = (settings: object) =>
    writeFileSync(house.layout.configFile, JSON.stringify({ plugins: { [HELLO]: { settings } } }), { mode: 0o600 })
  configure({ key: { file: secret }, units: 'us' })
  {
    await using plugin = await house.manager.load(HELLO, {
      settings: { units: 'si', depth: 5, key: undefined as never },
    })
    const [config, environment, commandLine, mode] = await plugin.call<[object, object, string, string]>('config')
    assert.deepEqual(config, { units: 'us', depth: 5, key: 'the-secret' })
    assert.equal(mode, '0o100444')
    assert.ok(!JSON.stringify(environment).includes('the-secret') && !commandLine.includes('the-secret'))
    const [run = ''] = await runsOf(plugin)
    assert.ok(existsSync(join(house.layout.spool, run)))
    assert.ok(
      !readdirSync(join(house.layout.spool, run)).includes('config.json'),
      'the file is gone once it is mounted',
    )
    const plan = JSON.stringify(await house.manager.plan(HELLO))
    assert.ok(!plan.includes('the-secret'), 'a plan that is shown hides the values')
  }
  const database =
    readFileSync(house.layout.database, 'latin1') + readFileSync(`${house.layout.database}-wal`, 'latin1')
  assert.ok(!database.includes('the-secret'))

  const refused = async (settings: object, faults: RegExp) => {
    configure(settings)
    await assert.rejects(house.manager.load(HELLO), (error: PluginError) => {
      assert.equal(error.code, 'SETTING_INVALID')
      assert.match(error.message, faults)
      return true
    })
  }
  await refused({}, /key: it is required/)
  await refused({ key: 'x', units: 'miles', depth: 1.5, more: 1 }, /more: .*units: .*depth: expected a whole number/)
  await refused({ key: { file: `${secret}.gone` } }, /key is not there/)
  await assert.rejects(house.manager.install(house.publish(), { consent: agree }), { name: /Error/ })
})

test('an instance that hangs is replaced, and one that answers between is not', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('time.sleep(600)'))
  await using plugin = await house.manager.load(HELLO, { restart: QUICK, bounds: { lateInARow: 3 } })
  const [first] = await runsOf(plugin)
  const crashed = once(plugin, 'crash')
  await assert.rejects(plugin.call('hostile', undefined, { timeoutMs: 50 }), { code: 'CALL_TIMEOUT' })
  for (let i = 0; i < 2; i++)
    await assert.rejects(plugin.call('echo', [i], { timeoutMs: 50 }), { code: 'CALL_TIMEOUT' })
  const [{ error }] = (await crashed) as [{ error: PluginError }]
  assert.equal(error.code, 'CALL_TIMEOUT')
  assert.match(error.message, /it has answered none of the last 3 calls in time/)
  assert.deepEqual(await plugin.call('echo', [1]), [1])
  assert.notDeepEqual(await runsOf(plugin), [first])

  await house.install(
    pythonSpeaker(
      'import bulkhead_plugin, time\nbulkhead_plugin.serve({"slow": lambda p, c: time.sleep(0.3), "fast": lambda p, c: 1}, workers=8)',
      {},
      '1.0.1',
    ),
  )
  await using other = await house.manager.load(HELLO, { bounds: { lateInARow: 3 } })
  const [own] = await runsOf(other)
  for (let i = 0; i < 4; i++) {
    await assert.rejects(other.call('slow', undefined, { timeoutMs: 20 }), { code: 'CALL_TIMEOUT' })
    assert.equal(await other.call('fast'), 1)
  }
  assert.deepEqual(await runsOf(other), [own])
})
