import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readCompiled } from '../../src/core/compiled.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { HELLO, type Household, household, rewrite } from './household.ts'
import { nodeSpeaker } from './loading/speakers.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

/** Says in its log what it sees when it starts, and whether Node looks for compiled code. */
const speaker = (rest: object = {}) =>
  nodeSpeaker(
    `
import { existsSync, readFileSync } from 'node:fs'
import { getCompileCacheDir } from 'node:module'
import { serve } from './plugin.js'
console.error(JSON.stringify({
  env: Object.keys(process.env).sort(),
  data: readFileSync('/proc/self/mountinfo', 'utf8').includes(' /data '),
  config: existsSync('/etc/plugin/config.json'),
}))
await serve({ cache: () => getCompileCacheDir() ?? null, env: () => process.env.NODE_COMPILE_CACHE ?? null })
`,
    rest,
  )

async function made(house: Household, count = 1): Promise<void> {
  const { manager } = house
  const seen = () => manager.audit(HELLO, 100).filter(({ kind }) => kind.startsWith('compile-cache'))
  for (let tries = 0; seen().length < count; tries++) {
    assert.ok(tries < 2_000, 'nothing was made')
    await sleep(25)
  }
  assert.deepEqual(
    seen().map(({ kind }) => kind),
    Array.from({ length: count }, () => 'compile-cache-made'),
    JSON.stringify(seen()),
  )
}

const compiled = (house: Household): string[] =>
  globSync(join(house.layout.plugins, '*/*/*/compile-cache/*/files/*/*')).sort()

test('what Node has compiled is there at the next start, and only what the plugin itself was before any input', {
  skip,
}, async (t) => {
  const house = await household(t)
  await house.install(
    speaker({
      permissions: { env: ['TOKEN'], network: ['example.com:443'] },
      config: { key: { type: 'string', secret: true, default: 'k' } },
      limits: { data: '8M' },
    }),
  )
  process.env.TOKEN = 'secret'
  t.after(() => delete process.env.TOKEN)
  {
    await using plugin = await house.manager.load(HELLO)
    assert.equal(await plugin.call('cache'), null)
    await made(house)
  }
  assert.ok(compiled(house).length >= 2, 'its entry and the kit')
  const [record] = house.manager.history(HELLO, 5).filter(({ outcome }) => outcome?.outcome === 'exited')
  const log: string[] = []
  for await (const { text } of house.manager.logs(HELLO, { run: record?.id })) log.push(text)
  const saw = JSON.parse(log.find((line) => line.startsWith('{')) ?? 'null')
  assert.ok(saw !== null, 'the run that made it has a log')
  assert.deepEqual(
    saw.env.filter(
      (name: string) => !['HOME', 'LANG', 'PATH', 'PLUGIN_NAME', 'PLUGIN_VERSION', 'TMPDIR'].includes(name),
    ),
    ['NODE_COMPILE_CACHE'],
  )
  assert.deepEqual([saw.config, saw.data], [false, false])

  await using plugin = await house.manager.load(HELLO)
  assert.match(await plugin.call<string>('cache'), /^\/etc\/plugin\/compiled\/v/)
  assert.equal(await plugin.call('env'), '/etc/plugin/compiled')
  // It is not made again.
  await sleep(300)
  await made(house)
})

test('compiled code that was changed is not run, is removed, and the trail says so', { skip }, async (t) => {
  const house = await household(t)
  await house.install(speaker())
  const load = async () => {
    await using plugin = await house.manager.load(HELLO)
    return plugin.call<string | null>('cache')
  }
  {
    await using plugin = await house.manager.load(HELLO)
    await plugin.call('cache')
    await made(house)
  }
  assert.notEqual(await load(), null)
  const [file = ''] = compiled(house)
  const before = readFileSync(file)
  const refusals = () => house.manager.audit(HELLO, 100).filter(({ kind }) => kind === 'compile-cache-refused').length
  const changed = Buffer.from(before)
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
  rewrite(file, changed)
  assert.equal(await load(), null)
  assert.equal(refusals(), 1)
  assert.deepEqual(compiled(house), [])
})

test('compiled code of another consent is not used, is removed, and is made anew', { skip }, async (t) => {
  const house = await household(t)
  await house.install(speaker({ permissions: { read: ['/usr/share/zoneinfo'] } }))
  const load = async (count: number) => {
    await using plugin = await house.manager.load(HELLO)
    const cache = await plugin.call<string | null>('cache')
    const made = () => house.manager.audit(HELLO, 100).filter(({ kind }) => kind === 'compile-cache-made').length
    for (let tries = 0; made() < count && tries < 2_000; tries++) await sleep(25)
    assert.equal(made(), count)
    return cache
  }
  assert.equal(await load(1), null)
  assert.notEqual(await load(1), null)
  // Nothing of today's commands agrees to less of the same release; whatever does must not find what was read until then.
  house.raw((db) => db.prepare("UPDATE installations SET consent = json_set(consent, '$.read', json('[]'))").run())
  assert.equal(await load(2), null)
  const [refused] = house.manager.audit(HELLO, 100).filter(({ kind }) => kind === 'compile-cache-refused')
  assert.match(`${refused?.details.reason}`, /another consent/)
  assert.notEqual(await load(2), null)
})

for (const [what, change] of Object.entries({
  'a file that was added': (file: string) => writeFileSync(`${file}.more`, 'x'),
  'a file that is gone': (file: string) => unlinkSync(file),
  'a link in the place of a file': (file: string) => {
    const text = readFileSync(file)
    unlinkSync(file)
    writeFileSync(`/tmp/bulkhead-compiled-${process.pid}`, text)
    symlinkSync(`/tmp/bulkhead-compiled-${process.pid}`, file)
  },
})) {
  test(`compiled code with ${what} is not used`, { skip }, async (t) => {
    const house = await household(t)
    t.after(
      () => existsSync(`/tmp/bulkhead-compiled-${process.pid}`) && unlinkSync(`/tmp/bulkhead-compiled-${process.pid}`),
    )
    await house.install(speaker())
    {
      await using plugin = await house.manager.load(HELLO)
      await plugin.call('cache')
      await made(house)
    }
    change(compiled(house)[0] ?? '')
    await using plugin = await house.manager.load(HELLO)
    assert.equal(await plugin.call('cache'), null)
  })
}

test('an operator can do without, and a plugin that gives nothing is only slower', { skip }, async (t) => {
  const house = await household(t)
  writeFileSync(house.layout.configFile, '{ "compileCache": false }', { mode: 0o600 })
  await house.reopen()
  await house.install(speaker())
  {
    await using plugin = await house.manager.load(HELLO)
    await sleep(500)
    assert.deepEqual(compiled(house), [])
    assert.equal(await plugin.call('cache'), null)
  }
  writeFileSync(house.layout.configFile, '{}', { mode: 0o600 })
  await house.install(
    nodeSpeaker(
      "import { serve } from './plugin.js'\nprocess.on('exit', () => process.kill(process.pid, 'SIGKILL'))\nawait serve({ n: () => 1 })",
      {},
      '1.0.1',
    ),
  )
  await using plugin = await house.manager.load(HELLO)
  for (let tries = 0; house.manager.history(HELLO, 9).length < 3 && tries < 2_000; tries++) await sleep(25)
  assert.equal(await plugin.call('n'), 1)
  assert.deepEqual(compiled(house), [])
})

test('the run that makes it is told from those that somebody asked for', { skip }, async (t) => {
  const house = await household(t)
  await house.install(speaker())
  const plugin = await house.manager.load(HELLO, { name: 'asked-for' })
  await made(house)
  await plugin.close()
  const [note] = house.manager.audit(HELLO, 100).filter(({ kind }) => kind === 'compile-cache-made')
  const names = Object.fromEntries(house.manager.history(HELLO, 10).map(({ id, instance }) => [instance, id]))
  assert.deepEqual(Object.keys(names).sort(), ['asked-for', 'compile-cache'])
  assert.equal(names['compile-cache'], note?.details.run)
})

test('a manager that is closed while it is made leaves nothing', { skip }, async (t) => {
  const house = await household(t)
  await house.install(speaker())
  const plugin = await house.manager.load(HELLO)
  await plugin.call('cache')
  await house.manager.close()
  await house.reopen()
  assert.deepEqual(await house.manager.ps(), [])
  assert.ok(house.manager.history(HELLO, 9).every(({ outcome }) => outcome !== null))
})

test('what a sandbox sends is read as files, or not at all', () => {
  const head = (text: string) => Buffer.from(`\0compiled n ${text}\n`)
  const sent = Buffer.concat([Buffer.from('hello\n'), head('3 v1/a'), Buffer.from('abc'), head('0 v1/b'), head('end')])
  assert.deepEqual(readCompiled(sent, 'n', 10), [
    ['v1/a', Buffer.from('abc')],
    ['v1/b', Buffer.alloc(0)],
  ])
  assert.equal(readCompiled(sent, 'other', 10), null)
  assert.equal(readCompiled(sent, 'n', 1), null)
  for (const path of ['../a', 'v1/../a', '/etc/passwd', 'v1/a/b', 'v1', '..'])
    assert.equal(readCompiled(Buffer.concat([head(`1 ${path}`), Buffer.from('x'), head('end')]), 'n', 10), null, path)
  const wrong = [
    [head('end')],
    [head('9 v1/a'), Buffer.from('abc'), head('end')],
    [head('1 v1/a'), Buffer.from('abc'), head('end')],
    [head('1 v1/a'), Buffer.from('a')],
    [head('1 v1/a'), Buffer.from('a'), head('end'), Buffer.from('more')],
    [head('1 v1/a'), Buffer.from('a'), head('1 v1/a'), Buffer.from('b'), head('end')],
  ]
  for (const parts of wrong) assert.equal(readCompiled(Buffer.concat(parts), 'n', 10), null)
})

test('a plugin that is closed while its compiled code is being made does not go on for that', { skip }, async (t) => {
  const house = await household(t)
  await house.install(
    nodeSpeaker(
      "import { serve } from './plugin.js'\nsetInterval(() => {}, 1000)\nprocess.on('SIGTERM', () => {})\nawait serve({})",
    ),
  )
  const plugin = await house.manager.load(HELLO)
  await plugin.close({ drainMs: 0 })
  // Both its own run, and the one that would have been for the next start.
  for (let tries = 0; (await house.manager.ps(HELLO)).length > 0; tries++) {
    assert.ok(tries < 1_000, JSON.stringify(await house.manager.ps(HELLO)))
    await sleep(50)
  }
  await sleep(500)
  assert.deepEqual(await house.manager.ps(HELLO), [])
})
