import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Asked } from '../../../src/runtime/channel/asked.ts'

const none = () => assert.fail('none is late')

test('an answer is of a request that waits, or of one that was given up, and of each once', () => {
  const asked = new Asked({ max: 2, limitMs: 0, onLate: none })
  asked.add(1)
  asked.add('a')
  assert.ok(asked.isFull && asked.has(1) && !asked.has('1'))
  asked.abandon('a')
  asked.abandon('never asked')
  assert.equal(asked.size, 1)
  assert.deepEqual(
    [1, 1, 'a', 'a', 'never asked', '1'].map((id) => asked.answered(id)),
    ['waited-for', 'unasked', 'abandoned', 'unasked', 'unasked', 'unasked'],
  )
})

test('of requests that were given up and never answered, the oldest are forgotten', () => {
  const asked = new Asked({ max: 1, limitMs: 0, onLate: none })
  for (let id = 0; id <= 4096; id++) {
    asked.add(id)
    asked.abandon(id)
  }
  assert.equal(asked.answered(0), 'unasked')
  assert.equal(asked.answered(1), 'abandoned')
  assert.equal(asked.answered(4096), 'abandoned')
})

test('what waits too long is told once, and may still be answered', async () => {
  const late: unknown[] = []
  const asked = new Asked({ max: 4, limitMs: 20, onLate: (id) => late.push(id) })
  asked.add(1)
  asked.add(2)
  asked.answered(2)
  await sleep(60)
  assert.deepEqual(late, [1])
  assert.equal(asked.answered(1), 'abandoned')
})

test('when all end at once, each that waits is named, and none is late afterwards', async () => {
  const asked = new Asked({ max: 4, limitMs: 10, onLate: none })
  asked.add(1)
  asked.add('b')
  assert.deepEqual(asked.endAll(), [1, 'b'])
  assert.equal(asked.size, 0)
  await sleep(30)
  assert.equal(asked.answered(1), 'unasked')
})
