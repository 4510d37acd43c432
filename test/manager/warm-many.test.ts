// One pool, asked two hundred times: what its host keeps of each that it has handed out is nothing.

import assert from 'node:assert/strict'
import { ChildProcess } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import v8 from 'node:v8'
import type { WarmPool } from '../../src/index.ts'
import { SLOW } from '../helpers/patience.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { needsParent } from '../runtime/preload/parent.ts'
import { HELLO, household, manifestOf } from './household.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const SIZE = 4
const BYTES_PER_RUN = 1_024
/** A watch may be looking just then. What each hand-out leaves, there are 150 of. */
const IN_FLIGHT = 4

/** Whoever has ever been listened to, of this process. */
const heard = new Set<WeakRef<EventTarget>>()
const { addEventListener } = EventTarget.prototype
const known = new WeakSet<EventTarget>()
EventTarget.prototype.addEventListener = function (this: EventTarget, ...args: Parameters<typeof addEventListener>) {
  if (!known.has(this)) heard.add(new WeakRef(this))
  known.add(this)
  addEventListener.apply(this, args)
}

const listeners = (): number =>
  [...heard]
    .flatMap((one) => one.deref() ?? [])
    .reduce((sum, target) => sum + getEventListeners(target, 'abort').length, 0)

async function handOut(pool: WarmPool, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    for (let tries = 0; (await pool.stats()).waiting === 0 && tries < 2_000; tries++) await sleep(5)
    const one = await pool.spawn({ args: ['word'] })
    one.stdin?.end()
    one.stderr?.resume()
    assert.equal(await text(one.stdout ?? assert.fail('it has no stdout')), 'word\n')
    assert.equal((await one.wait()).code, 0)
  }
}

/** When as many wait as may, and what the last ones have left for a moment is gone. */
async function kept(pool: WarmPool) {
  for (let tries = 0; (await pool.stats()).waiting < SIZE && tries < 400; tries++) await sleep(25)
  await sleep(1_500 * SLOW)
  // Each of these collects what is not held any more, first.
  const count = (what: abstract new (...args: never[]) => object) => v8.queryObjects(what as never, { format: 'count' })
  return {
    children: count(ChildProcess),
    sockets: count(Socket),
    signals: count(AbortSignal),
    listeners: listeners(),
    descriptors: readdirSync('/proc/self/fd').length,
    resources: process.getActiveResourcesInfo().length,
    heapBytes: process.memoryUsage().heapUsed,
  }
}

for (const [how, config] of [
  ['from a cold start', {}],
  ['as copies of a preloaded parent', { preload: { python: ['decimal'] } }],
] as const)
  test(`two hundred hand-outs leave no more in their host than fifty: ${how}`, {
    skip: skip || ('preload' in config && needsParent),
    timeout: 120_000 * SLOW,
  }, async (t) => {
    const warnings: string[] = []
    const warned = ({ message }: Error) => warnings.push(message)
    process.on('warning', warned)
    t.after(() => process.off('warning', warned))
    const house = await household(t)
    writeFileSync(house.layout.configFile, JSON.stringify(config), { mode: 0o600 })
    const entry = { runtime: 'python', path: 'main.py', preload: ['decimal'] }
    await house.install({
      files: { 'main.py': 'import sys\nprint(*sys.argv[1:])', 'plugin.json': manifestOf({ entry }) },
    })
    await using pool = await house.manager.warm(HELLO, { at: 'entry', size: SIZE })
    await handOut(pool, 50)
    const fifty = await kept(pool)
    await handOut(pool, 150)
    const all = await kept(pool)
    const { heapBytes, ...counted } = all
    const { heapBytes: heapBefore, ...before } = fifty
    for (const [what, number] of Object.entries(counted)) {
      const more = number - before[what as keyof typeof before]
      assert.ok(more <= IN_FLIGHT, `${more} more ${what}: ${JSON.stringify({ before, counted })}`)
    }
    // A run that is still held has its plan, its streams and its words, some kilobytes; compiled code and caches are not so many in 150 runs.
    const perRun = (heapBytes - heapBefore) / 150
    assert.ok(perRun < BYTES_PER_RUN, `${Math.round(perRun)} bytes are kept of each`)
    assert.deepEqual(
      warnings.filter((message) => !message.includes('v8.queryObjects')),
      [],
    )
  })
