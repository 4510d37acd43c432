// Whoever holds a run wrongly: lets it go twice, or one that was never held, or with more than it can be told.

import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Run } from '../../../src/index.ts'
import { openHost } from '../../../src/manager/host.ts'
import { launch } from '../../../src/manager/launch.ts'
import type { HeldRun } from '../../../src/runtime/index.ts'
import { HELLO, type Household, household, manifestOf } from '../../manager/household.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { needsParent } from '../../runtime/preload/parent.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const SCRIPT = `import sys
sys.stdin.read()
print(len(sys.argv) - 1)`

const spec = {
  files: {
    'main.py': SCRIPT,
    'plugin.json': manifestOf({ entry: { runtime: 'python', path: 'main.py', preload: ['decimal'] } }),
  },
}

/** As a pool starts them. */
async function held(t: TestContext, house: Household): Promise<HeldRun> {
  const host = await openHost({ home: house.layout.home })
  const run = await launch(host, HELLO, {}, () => host.store.isOpen, true)
  t.after(async () => {
    await run.close()
    await host.parents.close()
    host.store.close()
  })
  return run
}

async function said(run: Pick<Run, 'stdin' | 'stdout' | 'stderr'>): Promise<string> {
  run.stdin?.end()
  run.stderr?.resume()
  return (await text(run.stdout ?? assert.fail('it has no stdout'))).trim()
}

test('one that is not held is not ended by being let go', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec as never)
  const run = await house.manager.run(HELLO)
  await run.started
  assert.throws(() => (run as HeldRun).letGo([]), { code: 'USAGE', message: /not held/ })
  assert.equal(await said(run), '0')
  assert.equal((await run.outcome).code, 0)
})

test('one that was let go is not ended by being let go again', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec as never)
  const run = await held(t, house)
  assert.equal(await run.waits, true)
  run.letGo(['one'])
  assert.throws(() => run.letGo(['two']), { code: 'USAGE', message: /already/ })
  await run.started
  assert.throws(() => run.letGo(['two']), { code: 'USAGE', message: /already/ })
  assert.equal(await said(run), '1')
  assert.equal((await run.outcome).code, 0)
})

test('one that is let go before it waits has an answer to whether it waits', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec as never)
  const run = await held(t, house)
  run.letGo(['early'])
  assert.notEqual(await run.started, null)
  // It may have come to wait for a moment: both are answers.
  assert.notEqual(await Promise.race([run.waits, sleep(1_000, 'never')]), 'never')
  assert.equal(await said(run), '1')
})

test('one that has ended while it was held may be let go, and nothing comes of it', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec as never)
  const run = await held(t, house)
  const closed = run.close()
  run.letGo([])
  assert.equal(await run.started, null)
  await closed
})

for (const [how, config] of [
  ['from a cold start', {}],
  ['as a copy of a preloaded parent', { preload: { python: ['decimal'] } }],
] as const)
  test(`more arguments than a program can have keep none from waiting: ${how}`, {
    skip: skip || (how !== 'from a cold start' && needsParent),
  }, async (t) => {
    const house = await household(t)
    writeFileSync(house.layout.configFile, JSON.stringify(config), { mode: 0o600 })
    await house.install(spec as never)
    await using pool = await house.manager.warm(HELLO, { at: 'entry' })
    for (const count of [3_001, 5_000, 61_440])
      await assert.rejects(pool.spawn({ args: Array<string>(count).fill('') }), { code: 'USAGE', message: /arguments/ })
    assert.equal((await pool.stats()).waiting, 1)
    assert.equal((await house.manager.ps(HELLO)).length, 1, 'what waits is what runs')
    assert.equal(await said(await pool.spawn({ args: Array<string>(3_000).fill('') })), '3000')
  })

test('those that were handed out leave no descriptor in their host', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec as never)
  await using pool = await house.manager.warm(HELLO, { at: 'entry' })
  const one = async () => {
    const plugin = await pool.spawn()
    assert.equal(await said(plugin), '0')
    await plugin.wait()
  }
  for (let i = 0; i < 5; i++) await one()
  const count = () => readdirSync('/proc/self/fd').length
  const before = count()
  for (let i = 0; i < 12; i++) await one()
  await sleep(1_200)
  assert.ok(count() <= before + 6, `${before} descriptors became ${count()}`)
})
