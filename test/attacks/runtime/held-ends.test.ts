// Whoever ends what waits at its entry at the worst moment: while it is handed out, or asked for nothing.

import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HELLO, household, manifestOf } from '../../manager/household.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const spec = {
  files: {
    'main.py': 'import sys\nopen("/data/ran", "a").write("x")\nsys.stdin.read()\nprint(open("/data/ran").read())',
    'plugin.json': manifestOf({ entry: { runtime: 'python', path: 'main.py' }, limits: { data: '1M' } }),
  },
}
const NEVER = Symbol('never')
const within = <T>(ms: number, of: Promise<T>) => Promise.race([of, sleep(ms, NEVER, { ref: false })])

test('whoever closes a pool while one is handed out has one that runs or an error, and nothing more', {
  skip,
}, async (t) => {
  const house = await household(t)
  await house.install(spec as never)
  for (const afterMs of [0, 3, 12, 25]) {
    const pool = await house.manager.warm(HELLO, { at: 'entry', size: 2 })
    const asked = [pool.spawn(), pool.spawn(), pool.spawn()].map((one) =>
      one.then(
        (run) => ({ run }),
        (error) => ({ error }),
      ),
    )
    await sleep(afterMs)
    assert.notEqual(await within(10_000, pool.close()), NEVER)
    const got = await within(15_000, Promise.all(asked))
    assert.ok(got !== NEVER, 'each has an answer')
    for (const one of got)
      if ('error' in one) assert.ok(one.error.code !== 'INTERNAL', String(one.error))
      else {
        one.run.stdin?.end()
        one.run.stderr?.resume()
        await text(one.run.stdout as never)
        assert.equal((await one.run.wait()).code, 0)
      }
    await sleep(100)
    assert.deepEqual(await house.manager.ps(HELLO), [])
  }
})

test('a launcher that is killed under what waits costs its host nothing but that one', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec as never)
  await using pool = await house.manager.warm(HELLO, { at: 'entry' })
  const [waits] = await house.manager.ps(HELLO)
  process.kill(waits?.pid ?? assert.fail('nothing waits'), 'SIGKILL')
  // At the same moment: the pool may know of it already, or hand out what has just died.
  const first = await within(
    15_000,
    pool.spawn().then(
      (run) => run.close().then(() => 'ran'),
      (error) => error.code,
    ),
  )
  assert.ok(first === 'ran' || first === 'LAUNCH_FAILED', String(first))
  const one = await pool.spawn()
  one.stdin?.end()
  one.stderr?.resume()
  assert.equal(await text(one.stdout as never), 'x\n')
})

test('what is disabled while its pool is asked for nothing does not wait for long', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec as never)
  await using pool = await house.manager.warm(HELLO, { at: 'entry', size: 2 })
  assert.equal((await house.manager.ps(HELLO)).length, 2)
  await house.manager.disable(HELLO)
  for (let tries = 0; (await house.manager.ps(HELLO)).length > 0 && tries < 100; tries++) await sleep(20)
  assert.deepEqual(await house.manager.ps(HELLO), [])
  const { waiting, fault } = await pool.stats()
  assert.deepEqual([waiting, fault?.code], [0, 'WRONG_STATE'])
})
