// Modules that hang while they are imported, or cannot be: one run waits for them, and after that none.

import assert from 'node:assert/strict'
import { cpSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Host } from '../../src/manager/host.ts'
import { type PreloadFailure, PreloadParents } from '../../src/runtime/index.ts'
import { SLOW } from '../helpers/patience.ts'
import { launcherPath, scratch } from '../runtime/launcher/launch.ts'
import { needsParent } from '../runtime/preload/parent.ts'
import { HELLO } from './household.ts'
import { COLD, COPIED, hosted, OTHER, saidBy } from './preloading.ts'

const options = { skip: needsParent, timeout: 60_000 * SLOW }
const START_MS = 1_500 * SLOW
const AGAIN_MS = 500 * SLOW

interface Hanging {
  readonly host: Host
  readonly failures: readonly PreloadFailure[]
  /** From now on it imports as any other. */
  heal(): void
}

/** A host on which it takes for ever to import `decimal`. */
async function hanging(t: TestContext, again = AGAIN_MS): Promise<Hanging> {
  const { host } = await hosted(t, { preload: ['decimal', 'json'] })
  const folder = scratch()
  cpSync(dirname(launcherPath()), folder, { recursive: true, dereference: true })
  const program = join(folder, 'parent.py')
  writeFileSync(program, `import sys, time\nif 'decimal' in sys.argv: time.sleep(600)\nprint('no', flush=True)`)
  const failures: PreloadFailure[] = []
  const parents = new PreloadParents({
    spool: host.layout.spool,
    launcher: join(folder, 'bulkhead-launch'),
    startMs: START_MS,
    againMs: again,
    onFailure: (failure) => failures.push(failure),
  })
  t.after(() => parents.close())
  const heal = () => cpSync(join(dirname(launcherPath()), 'parent.py'), program)
  return { host: { ...host, parents }, failures, heal }
}

async function took(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

const cold = async (host: Host, name?: string) => assert.deepEqual(await saidBy(host, name), COLD)

async function until(condition: () => boolean, ms: number): Promise<void> {
  for (let waited = 0; !condition() && waited < ms; waited += 25) await sleep(25)
  assert.ok(condition())
}

test('the first run waits as long as importing may take, and no other does', options, async (t) => {
  const { host, failures } = await hanging(t, 600_000)
  assert.ok((await took(() => cold(host))) >= START_MS)
  assert.deepEqual(
    failures.map(({ name, modules, count, reason }) => [name, modules, count, reason]),
    [
      [
        HELLO,
        ['decimal', 'json'],
        1,
        `there is no preloaded parent: it was not ready within ${START_MS / 1000} s, or ended before`,
      ],
    ],
  )
  for (const name of [HELLO, HELLO, OTHER]) assert.ok((await took(() => cold(host, name))) < START_MS, name)
  assert.equal(failures.length, 1, 'nor is it told again')
  assert.deepEqual(host.parents.list(), [])
})

test('runs that come together wait together, and it counts as one failure', options, async (t) => {
  const { host, failures } = await hanging(t, 600_000)
  await Promise.all([cold(host), cold(host), cold(host, OTHER)])
  assert.deepEqual(
    failures.map(({ count }) => count),
    [1],
  )
})

test('it is tried again behind the backs of runs, after twice as long each time', options, async (t) => {
  const { host, failures, heal } = await hanging(t)
  await cold(host)
  for (const count of [2, 3]) {
    await sleep(failures.at(-1)?.againInMs)
    assert.ok((await took(() => cold(host))) < START_MS)
    assert.equal(host.parents.list().length, 1, 'it is being tried')
    assert.ok((await took(() => cold(host))) < START_MS, 'nor does anybody wait for that')
    await until(() => failures.length === count, START_MS * 4)
    assert.equal(failures.at(-1)?.count, count)
    assert.equal(failures.at(-1)?.againInMs, AGAIN_MS * 2 ** (count - 1))
  }
  heal()
  await sleep(failures.at(-1)?.againInMs)
  await cold(host)
  for (let tries = 0; host.parents.list()[0]?.copies !== 0 && tries < 40; tries++) await sleep(25)
  await sleep(1_000 * SLOW)
  assert.deepEqual(await saidBy(host), COPIED)
  assert.equal(failures.length, 3)
})

test('another list has not failed', options, async (t) => {
  const { host, failures, heal } = await hanging(t, 600_000)
  await cold(host)
  heal()
  const python = ['json']
  const config = { ...host.config, preload: { ...host.config.preload, python } }
  const { Planner } = await import('../../src/runtime/index.ts')
  const { layout, caller } = host
  const changed = { ...host, config, planner: new Planner({ layout, caller, config }) }
  assert.deepEqual(await saidBy(changed), { ...COPIED, preloaded: false })
  assert.equal(changed.parents.list()[0]?.modules.join(), 'json')
  await cold(host)
  assert.equal(failures.length, 1)
})

test('whoever closes while it is tried waits for no import, and nothing has failed', options, async (t) => {
  const { host, failures } = await hanging(t)
  const run = cold(host)
  await until(() => host.parents.list().length === 1, 5_000)
  assert.ok((await took(() => host.parents.close())) < START_MS)
  await run
  assert.deepEqual(failures, [])
})
