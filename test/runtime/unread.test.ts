// What a run has written is its host's, also when the host comes to read it after the run has ended; but not for ever.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HELLO, household, manifestOf } from '../manager/household.ts'
import { cannotLaunch } from './plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const spec = {
  files: {
    'main.py': `import sys\nsys.stdout.write('o' * 5000)\nsys.stderr.write('e' * 5000)`,
    'plugin.json': manifestOf({ entry: { runtime: 'python', path: 'main.py' } }),
  },
}

test('output is there for a host that reads it after the end', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec)
  const run = await house.manager.run(HELLO)
  await run.outcome
  await sleep(100)
  const [stdout, stderr] = await Promise.all([text(run.stdout as never), text(run.stderr as never)])
  assert.deepEqual([stdout, stderr], ['o'.repeat(5000), 'e'.repeat(5000)])
})

test('what nobody reads is let go of, with its descriptors', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec)
  const descriptors = () => readdirSync('/proc/self/fd').length
  // From the second one on there is a fork server, which has two of them.
  for (let count = 0; count < 3; count++) await (await house.manager.run(HELLO)).outcome
  await sleep(1_500)
  const before = descriptors()
  await Promise.all([1, 2, 3].map(async () => (await house.manager.run(HELLO)).outcome))
  assert.ok(descriptors() >= before + 6, 'they wait for a reader')
  for (let tries = 0; descriptors() > before; tries++) {
    assert.ok(tries < 100, `${descriptors()} descriptors are open, and ${before} were`)
    await sleep(50)
  }
})
