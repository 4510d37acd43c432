import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SpawnedPlugin, WarmPool } from '../../src/index.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { HELLO, household, manifestOf } from './household.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

/** Says when it was started, by its own clock, in the line after the one it reads. */
const spec = (version = '1.0.0', rest: object = {}) => ({
  version,
  files: {
    'main.py': `import os, sys, time\nbegan = time.monotonic_ns()\nline = sys.stdin.readline()\nprint("${version}", line.strip(), os.getpid(), flush=True)\nif line.strip() == "stay": time.sleep(600)\n`,
    'plugin.json': manifestOf({ version, entry: { runtime: 'python', path: 'main.py' }, ...rest }),
  },
})

async function said(one: SpawnedPlugin, line: string): Promise<string> {
  one.stdin?.end(`${line}\n`)
  one.stderr?.resume()
  const [words] = await Promise.all([text(one.stdout ?? assert.fail('it has no stdout')), one.wait()])
  return words
}

async function filled(pool: WarmPool, waiting: number): Promise<void> {
  for (let tries = 0; (await pool.stats()).waiting !== waiting; tries++) {
    assert.ok(tries < 400, `expected ${waiting} to wait: ${JSON.stringify(await pool.stats())}`)
    await sleep(25)
  }
}

test('a spawned plugin is like a process', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec())
  await using one = await house.manager.spawn(HELLO)
  assert.ok(one.pid > 0)
  assert.match(await said(one, 'hello'), /^1\.0\.0 hello \d+\n$/)
  assert.equal((await one.wait()).code, 0)
  assert.equal(one.kill(), false)
  const stays = await house.manager.spawn(HELLO)
  stays.stdin?.write('stay\n')
  await once(stays.stdout ?? assert.fail('it has no stdout'), 'data')
  assert.equal(stays.kill('SIGKILL'), true)
  assert.equal((await stays.wait()).signal, 'SIGKILL')
  await assert.rejects(house.manager.spawn('acme/none'), { code: 'NOT_INSTALLED' })
})

test('what waits is handed out once, and another one takes its place', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec())
  await using pool = await house.manager.warm(HELLO, { size: 2 })
  const { waiting, memoryBytes } = await pool.stats()
  assert.equal(waiting, 2)
  assert.ok(memoryBytes === null || memoryBytes > 0)
  const [one, other] = [await pool.spawn(), await pool.spawn()]
  assert.notEqual(one.run, other.run)
  assert.match(await said(one, 'a'), /^1\.0\.0 a/)
  assert.match(await said(other, 'b'), /^1\.0\.0 b/)
  await filled(pool, 2)
  assert.deepEqual([(await pool.stats()).warm, (await pool.stats()).cold], [2, 0])
  // More than wait are started.
  const many = await Promise.all([1, 2, 3, 4].map(() => pool.spawn()))
  assert.equal(new Set(many.map(({ run }) => run)).size, 4)
  await Promise.all(many.map((each, i) => said(each, `${i}`)))
})

test('waiting is no time of a run: its clocks begin when it is handed out', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec('1.0.0', { limits: { timeout: '1s', idle: '1s' } }))
  await using pool = await house.manager.warm(HELLO)
  const [first] = await house.manager.ps(HELLO)
  await sleep(2_500)
  const one = await pool.spawn()
  assert.equal(one.run, first?.run, 'it is the one that has waited for longer than it may run')
  one.stdin?.write('stay\n')
  one.stdout?.resume()
  const { limit, usage } = await one.wait()
  assert.equal(limit, 'wall-time')
  assert.ok(usage.wallMs >= 1_000 && usage.wallMs < 2_500, `${usage.wallMs} ms`)
})

test('it does not hand out what was replaced, and nothing of what may not run any more', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec())
  await using pool = await house.manager.warm(HELLO)
  await house.install(spec('1.1.0'))
  assert.match(await said(await pool.spawn(), 'x'), /^1\.1\.0 x/)
  await filled(pool, 1)
  await house.manager.trust.revoke({ target: `${HELLO}@1.1.0`, reason: 'it steals' })
  await assert.rejects(pool.spawn(), { code: 'WRONG_STATE' })
  assert.deepEqual(await house.manager.ps(HELLO), [], 'none waits any more')
  await assert.rejects(house.manager.warm(HELLO), { code: 'WRONG_STATE' })
})

test('it holds no more than may wait, in number and in memory, and leaves nothing', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec())
  for (const size of [0, 65, 1.5]) await assert.rejects(house.manager.warm(HELLO, { size }), { code: 'USAGE' })
  await assert.rejects(house.manager.warm(HELLO, { memoryBytes: 1 }), { code: 'USAGE' })
  const pool = await house.manager.warm(HELLO, { size: 8, memoryBytes: 2 ** 20 })
  assert.equal((await pool.stats()).waiting, 1, 'one is there whatever it uses, a second would be too much')
  await pool.close()
  assert.deepEqual(await house.manager.ps(), [])
  await assert.rejects(pool.spawn(), { code: 'WRONG_STATE' })
  const other = await house.manager.warm(HELLO, { size: 2 })
  await house.manager.close()
  await assert.rejects(other.spawn(), { code: 'WRONG_STATE' })
  await house.reopen()
  assert.deepEqual(await house.manager.ps(), [])
})

test('what ends instead of waiting is told with where its words are', { skip }, async (t) => {
  const house = await household(t)
  const files = { 'main.py': 'import sys\nprint("no database", file=sys.stderr)\nsys.exit(7)\n' }
  const manifest = manifestOf({ entry: { runtime: 'python', path: 'main.py' } })
  await house.install({ files: { ...files, 'plugin.json': manifest } })
  await assert.rejects(house.manager.warm(HELLO), {
    code: 'PLUGIN_ENDED',
    message: /exited with 7$/,
    hint: /^plugins logs acme\/hello --run \S+$/,
  })
})
