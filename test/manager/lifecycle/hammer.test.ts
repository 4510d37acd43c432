// Several processes at work on one home at once: `npm run hammer` does the same with more of them, and for longer.

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { figures, hammer } from './hammer/hammer.ts'

const SECONDS = 5
const PROCESSES = 4

test('whatever processes do to one home at once, each is told what it did, and the home is whole', async (t) => {
  const seed = Number(process.env.HAMMER_SEED ?? randomInt(1, 2 ** 31))
  const result = await hammer(t, { processes: PROCESSES, seconds: SECONDS, seed })
  t.diagnostic(`seed ${seed}, ${result.struck.length} operations`)
  assert.deepEqual(result.faults, [], `seed ${seed}\n${figures(result).join('\n')}`)
  const done = new Set(result.struck.filter(({ codes }) => codes.length === 0).map(({ kind }) => kind))
  for (const kind of ['install', 'remove', 'list']) assert.ok(done.has(kind), `no ${kind} was done`)
})
