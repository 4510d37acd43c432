import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failures } from '../../../src/runtime/preload/failures.ts'

test('each failure in a row waits twice as long as the one before, up to ten minutes', () => {
  const failures = new Failures()
  const minutes: unknown[] = []
  for (let count = 0; count < 6; count++)
    minutes.push(Number(failures.note('pandas', 'it hangs', performance.now())?.againInMs) / 60_000)
  assert.deepEqual(minutes, [1, 2, 4, 8, 10, 10])
  failures.forget('pandas')
  assert.equal(failures.note('pandas', 'it hangs', performance.now())?.count, 1, 'what has worked begins anew')
})

test('what was begun before a failure was known is the same failure', () => {
  const failures = new Failures()
  const begun = performance.now()
  assert.equal(failures.note('pandas', 'it hangs', begun)?.count, 1)
  assert.equal(failures.note('pandas', 'it hangs', begun), null)
  assert.equal(failures.find('pandas')?.count, 1)
  assert.equal(failures.find('numpy'), undefined, 'another list has not failed')
})

test('one alone tries it again, and only when it is time', () => {
  const failures = new Failures(0)
  assert.equal(failures.mayTry('pandas'), false, 'it has not failed')
  failures.note('pandas', 'it hangs', performance.now())
  assert.deepEqual([failures.mayTry('pandas'), failures.mayTry('pandas')], [true, false])
  failures.tried('pandas')
  assert.equal(failures.mayTry('pandas'), true)
  const patient = new Failures(60_000)
  patient.note('pandas', 'it hangs', performance.now())
  assert.equal(patient.mayTry('pandas'), false)
})
