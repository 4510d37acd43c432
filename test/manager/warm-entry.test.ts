// Pools whose sandboxes wait at the plugin's entry: nothing of it has run, and what it runs for is said when one is handed out.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SpawnedPlugin } from '../../src/index.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { needsParent } from '../runtime/preload/parent.ts'
import { HELLO, household, manifestOf } from './household.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const SCRIPT = `import json, os, sys
open('/data/ran', 'a').write('x')
print(json.dumps({'argv': sys.argv[1:], 'ran': len(open('/data/ran').read()), 'preloaded': 'decimal' in sys.modules}))`

const spec = (version = '1.0.0', rest: object = {}) => ({
  version,
  files: {
    'main.py': SCRIPT,
    'plugin.json': manifestOf({
      version,
      entry: { runtime: 'python', path: 'main.py', args: ['manifest'], preload: ['decimal'] },
      limits: { data: '1M' },
      ...rest,
    }),
  },
})

const PRELOADING = { preload: { python: ['decimal'] } }

interface Said {
  readonly argv: readonly string[]
  readonly ran: number
  readonly preloaded: boolean
}

async function said(one: SpawnedPlugin): Promise<Said> {
  one.stdin?.end()
  const [stdout, stderr, outcome] = await Promise.all([
    text(one.stdout ?? assert.fail('it has no stdout')),
    text(one.stderr ?? assert.fail('it has no stderr')),
    one.wait(),
  ])
  assert.equal(outcome.code, 0, stderr)
  return JSON.parse(stdout) as Said
}

for (const [how, config] of [
  ['from a cold start', {}],
  ['as copies of a preloaded parent', PRELOADING],
] as const) {
  const preloaded = config === PRELOADING
  test(`nothing has run while they wait, and each runs once with its own arguments: ${how}`, {
    skip: skip || (preloaded && needsParent),
  }, async (t) => {
    const house = await household(t)
    writeFileSync(house.layout.configFile, JSON.stringify(config), { mode: 0o600 })
    await house.install(spec())
    await using pool = await house.manager.warm(HELLO, { size: 2, at: 'entry', args: ['pool'] })
    assert.equal((await pool.stats()).waiting, 2)
    await sleep(200)
    // Two wait, and the first that runs finds that it is the first.
    assert.deepEqual(await said(await pool.spawn({ args: ['one', 'two words', '', { n: 1 }] })), {
      argv: ['manifest', 'pool', 'one', 'two words', '', '{"n":1}'],
      ran: 1,
      preloaded,
    })
    assert.deepEqual(await said(await pool.spawn()), { argv: ['manifest', 'pool'], ran: 2, preloaded })
    const { warm, cold } = await pool.stats()
    assert.deepEqual([warm, cold], [2, 0])
    // Whoever comes when none waits gets the same from a start of its own.
    const many = await Promise.all(['a', 'b', 'c', 'd'].map((word) => pool.spawn({ args: [word] })))
    const words = (await Promise.all(many.map(said))).map(({ argv }) => argv.at(-1))
    assert.deepEqual(words, ['a', 'b', 'c', 'd'])
  })
}

test('arguments are bounded, and only what has not started can be told any', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec())
  await assert.rejects(house.manager.warm(HELLO, { at: 'start' as never }), { code: 'USAGE' })
  await using pool = await house.manager.warm(HELLO, { at: 'entry' })
  for (const args of [['x'.repeat(61_440)], ['a\0b'], ['\ud800']])
    await assert.rejects(pool.spawn({ args }), { code: 'USAGE' })
  assert.equal((await pool.stats()).waiting, 1, 'what waits goes on to wait')
  assert.equal((await said(await pool.spawn({ args: ['x'.repeat(61_439)] }))).argv.at(-1)?.length, 61_439)
  const waits = {
    'main.py': 'import sys\nsys.stdin.read()',
    'plugin.json': manifestOf({ version: '1.1.0', entry: { runtime: 'python', path: 'main.py' } }),
  }
  await house.install({ version: '1.1.0', files: waits })
  await using started = await house.manager.warm(HELLO, { at: 'input' })
  await assert.rejects(started.spawn({ args: ['late'] }), { code: 'USAGE', message: /it has started/ })
})

test('what was replaced is not handed out, and what was revoked does not wait', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec())
  await using pool = await house.manager.warm(HELLO, { at: 'entry' })
  await house.install(spec('1.1.0', { entry: { runtime: 'python', path: 'main.py', args: ['newer'] } }))
  assert.deepEqual((await said(await pool.spawn())).argv, ['newer'])
  for (let tries = 0; (await pool.stats()).waiting !== 1 && tries < 200; tries++) await sleep(25)
  await house.manager.trust.revoke({ target: `${HELLO}@1.1.0`, reason: 'it steals' })
  await assert.rejects(pool.spawn(), { code: 'WRONG_STATE' })
  assert.deepEqual(await house.manager.ps(HELLO), [], 'none waits any more')
})

test('its timeout begins when it is handed out', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec('1.0.0', { limits: { timeout: '1s', data: '1M' } }))
  await using pool = await house.manager.warm(HELLO, { at: 'entry' })
  const [first] = await house.manager.ps(HELLO)
  await sleep(1_500)
  const one = await pool.spawn()
  assert.equal(one.run, first?.run)
  assert.equal((await said(one)).ran, 1)
})

test('a host that is killed leaves none of those that wait', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec())
  const library = new URL('../../src/index.ts', import.meta.url).href
  const host = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const { openManager } = await import(${JSON.stringify(library)})
       const plugins = await openManager({ home: ${JSON.stringify(house.layout.home)} })
       await plugins.warm('${HELLO}', { size: 3, at: 'entry' })
       console.log(JSON.stringify((await plugins.ps()).map(({ pid }) => pid)))
       setInterval(() => {}, 1000)`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const line = await new Promise<string>((done) => host.stdout.once('data', (part) => done(String(part))))
  assert.equal((JSON.parse(line) as number[]).length, 3)
  host.kill('SIGKILL')
  for (let tries = 0; (await house.manager.ps()).length > 0; tries++) {
    assert.ok(tries < 80, 'they are gone within two seconds')
    await sleep(25)
  }
})
