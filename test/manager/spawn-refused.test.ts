// What may not run any more while it is being started is ended; whoever waits for it is told why.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { HELLO, household, manifestOf } from './household.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const READS = {
  files: {
    'main.py': 'import sys\nsys.stdin.read()\n',
    'plugin.json': manifestOf({ entry: { runtime: 'python', path: 'main.py' } }),
  },
}

test('a plugin that is disabled at any moment of its start is refused as such, or has started', { skip }, async (t) => {
  const house = await household(t)
  await house.install(READS)
  for (let ms = 0; ms < 20; ms++) {
    const spawning = Array.from({ length: 4 }, () => house.manager.spawn(HELLO))
    const settled = Promise.allSettled(spawning)
    await sleep(ms)
    house.manager.disable(HELLO)
    for (const one of await settled) {
      if (one.status === 'fulfilled') await one.value.close()
      else assert.equal(one.reason.code, 'WRONG_STATE', `${one.reason.message}`)
    }
    await house.manager.enable(HELLO)
  }
})
