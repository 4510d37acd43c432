import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test } from 'node:test'

import { ENDING_LIMITS, exitCodeOf, NO_USAGE, type Outcome, refusal } from '../../src/core/outcome.ts'
import { RefusedRun } from '../../src/core/refused-run.ts'

const rest = { limitsMet: [], weaker: [], usage: NO_USAGE }
const nothing = { code: null, signal: null, limit: null, reason: null, error: null }
const signalled = (signal: string): Outcome => ({ ...rest, ...nothing, outcome: 'signalled', signal })
const limited = (limit: (typeof ENDING_LIMITS)[number]): Outcome => ({
  ...rest,
  ...nothing,
  outcome: 'limited',
  limit,
  reason: 'cannot go on',
})

test("a plugin's own exit code is that of the run", () => {
  for (const code of [0, 1, 125, 255]) assert.equal(exitCodeOf({ ...rest, ...nothing, outcome: 'exited', code }), code)
})

test('a signal is 128 and its number, as a shell says it', () => {
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGKILL', 'SIGSEGV', 'SIGTERM', 'SIGSYS', 'SIGXFSZ'] as const)
    assert.equal(exitCodeOf(signalled(signal)), 128 + constants.signals[signal], signal)
})

test('each limit that ends a run has the exit code of the design', () => {
  assert.deepEqual(
    ENDING_LIMITS.map((limit) => [limit, exitCodeOf(limited(limit))]),
    [
      ['memory', 137],
      ['wall-time', 124],
      ['idle', 124],
      ['output', 153],
      ['file-size', 153],
      ['processes', 137],
    ],
  )
})

test('a run that never started exits with 125 whatever the reason, but for the two codes of a shell', () => {
  for (const code of ['MODIFIED', 'WRONG_STATE', 'SANDBOX_UNAVAILABLE', 'INTERNAL'])
    assert.equal(exitCodeOf(refusal(code, 'cannot run')), 125)
  assert.equal(exitCodeOf(refusal('ENTRY_NOT_EXECUTABLE', 'cannot run')), 126)
  assert.equal(exitCodeOf(refusal('ENTRY_NOT_FOUND', 'cannot run')), 127)
  assert.equal(new RefusedRun(refusal('MODIFIED', 'cannot run'), null).exitCode, 125)
})
