// What waits at its entry has its package mounted and has read none of it. Whoever changes that meanwhile gets nothing run.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { SpawnedPlugin } from '../../../src/index.ts'
import { agree, HELLO, household, manifestOf } from '../../manager/household.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const spec = {
  files: {
    'main.py': `print('signed')`,
    'plugin.json': manifestOf({ entry: { runtime: 'python', path: 'main.py' } }),
  },
}

async function said(one: SpawnedPlugin): Promise<string> {
  one.stdin?.end()
  one.stderr?.resume()
  const [words] = await Promise.all([text(one.stdout ?? assert.fail('it has no stdout')), one.wait()])
  return words
}

/** As somebody with the rights of the operator can: in place, so that every mount of it shows the change. */
function change(tree: string): void {
  const file = join(tree, 'main.py')
  chmodSync(file, 0o644)
  writeFileSync(file, `print('changed')`)
}

test('a file that was changed while it waits keeps it from running', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec as never)
  await using pool = await house.manager.warm(HELLO, { at: 'entry' })
  change(house.packageOf())
  await assert.rejects(pool.spawn(), { code: 'MODIFIED' })
  assert.deepEqual(await house.manager.ps(HELLO), [], 'none waits any more')
})

test('a tree that was put in the place of the one it has mounted is not the one that it runs', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec as never)
  await using pool = await house.manager.warm(HELLO, { at: 'entry' })
  // What becomes its root: folders below are looked up when it runs.
  const there = dirname(house.packageOf())
  const aside = join(dirname(house.layout.home), 'aside')
  renameSync(there, aside)
  // All that is signed is where it was. What waits has the other one mounted, at which nobody looks any more.
  execFileSync('cp', ['-a', aside, there])
  change(join(aside, basename(house.packageOf())))
  assert.equal(await said(await pool.spawn()), 'signed\n')
})

test('nothing is repaired under what waits; and what is handed out then is of the repaired tree', {
  skip,
}, async (t) => {
  const house = await household(t)
  const tarball = house.publish(spec as never)
  await house.manager.install(tarball, { consent: agree })
  await using pool = await house.manager.warm(HELLO, { at: 'entry' })
  change(house.packageOf())
  const [refused] = (await house.manager.repair(HELLO, { from: tarball })).releases
  assert.equal(refused?.error?.code, 'WRONG_STATE')
  await house.manager.stop(HELLO)
  const [repaired] = (await house.manager.repair(HELLO, { from: tarball })).releases
  assert.equal(repaired?.outcome, 'repaired')
  assert.equal(await said(await pool.spawn()), 'signed\n')
})
