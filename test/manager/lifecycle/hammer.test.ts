// Several processes at work on one home at once: `npm run hammer` does the same with more of them, and for longer.

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { figures, hammer } from './hammer/hammer.ts'

const SECONDS = 5
const PROCESSES = 4

async function hammered(t: TestContext, kills: boolean) {
  const seed = Number(process.env.HAMMER_SEED ?? randomInt(1, 2 ** 31))
  const result = await hammer(t, { processes: PROCESSES, seconds: SECONDS, seed, kills })
  t.diagnostic(`seed ${seed}, ${result.struck.length} operations`)
  assert.deepEqual(result.faults, [], `seed ${seed}\n${figures(result).join('\n')}`)
  assert.ok(result.struck.length >= PROCESSES, 'hardly anything was done')
}

test('whatever processes do to one home at once, each is told what it did, and the home is whole', (t) =>
  hammered(t, false))

test('the same where they are killed at any moment', (t) => hammered(t, true))
