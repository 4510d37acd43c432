import assert from 'node:assert/strict'
import { test } from 'node:test'
import { interleave, orderOf, quantile, ratioOf, spreadOf } from '../../bench/statistics.ts'
import { amount, atMost, renderTable, rowOf } from '../../bench/table.ts'

test('a quantile lies between its two nearest samples, in whatever order they came', () => {
  assert.equal(quantile([3, 1, 2], 0.5), 2)
  assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5)
  assert.equal(quantile([10, 20], 0.1), 11)
  assert.equal(quantile([7], 0.9), 7)
  assert.throws(() => quantile([], 0.5), RangeError)
})

test('one disturbed round moves the spread and not the median', () => {
  const { p10, median, p90 } = spreadOf([1, 1, 1, 1, 100])
  assert.deepEqual([p10, median], [1, 1])
  assert.ok(p90 > 50)
})

test('a ratio is that of the medians, and its spread that of the rounds', () => {
  // Both contenders took twice as long in the last round: their ratio stayed the same.
  const { p10, median, p90 } = ratioOf([1, 1, 2], [2, 2, 4])
  assert.deepEqual([p10, median, p90], [0.5, 0.5, 0.5])
  assert.throws(() => ratioOf([1], [1, 2]), RangeError)
})

test('contenders take turns, and each is first as often as the others', async () => {
  assert.deepEqual(
    [0, 1, 2, 3].map((round) => orderOf(round, 3)[0]),
    [0, 1, 2, 0],
  )
  const turns: string[] = []
  const contender = (name: string) => async () => turns.push(name)
  const samples = await interleave(2, [contender('a'), contender('b')])
  assert.deepEqual(turns, ['a', 'b', 'b', 'a'])
  assert.deepEqual(samples, [
    [1, 4],
    [2, 3],
  ])
})

const row = { work: 'a run', against: 'another', unit: 'ms', ours: [1, 1, 1], theirs: [2, 2, 2] } as const

test('a goal is met at its bound, of the ratio or of ours alone; without one there is nothing to meet', () => {
  assert.equal(rowOf({ ...row, goal: atMost(0.5) }).met, true)
  assert.equal(rowOf({ ...row, goal: atMost(0.49) }).met, false)
  assert.equal(rowOf({ ...row, goal: atMost(1, 'ours') }).met, true)
  assert.equal(rowOf({ ...row, goal: atMost(0.9, 'ours') }).met, false)
  assert.equal(rowOf(row).met, null)
})

test('the table is aligned and says whether each goal was met', () => {
  const lines = renderTable([rowOf({ ...row, goal: atMost(0.5) }), rowOf({ ...row, work: 'a longer one' })]).split('\n')
  assert.equal(lines[0], 'work          against     ours   theirs   ratio      p10–p90    goal  met')
  assert.equal(lines[2], 'a run         another  1.00 ms  2.00 ms  0.500×  0.500–0.500  ≤ 0.5×  yes')
  assert.equal(lines[3], 'a longer one  another  1.00 ms  2.00 ms  0.500×  0.500–0.500')
})

test('an amount is shown with three digits', () => {
  assert.deepEqual([1234.5, 12.345, 1.2345, 0.12345].map(amount), ['1235', '12.3', '1.23', '0.123'])
})
