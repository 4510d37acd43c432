// A launcher that a terminal has stopped (Ctrl-Z, or a key pressed while it reads in the background) is asked to end like any
// other: it takes its tree down in order, and says what the run came to.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SLOW } from '../../helpers/patience.ts'
import { HELLO } from '../../manager/household.ts'
import { up, watchedHouse } from '../../manager/watched.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

for (const [what, how, signal] of [
  ['wait', 'ended', 'SIGTERM'],
  ['deaf', 'killed', 'SIGKILL'],
] as const)
  test(`stopping a run whose launcher stands still ends it as ${signal}, with its figures`, { skip }, async (t) => {
    const house = await watchedHouse(t)
    const run = await up(t, house.manager, [what])
    for (const stop of ['SIGSTOP', 'SIGTSTP', 'SIGTTIN'] as const) process.kill(run.pid, stop)
    const [stopped] = await house.manager.stop(HELLO, { grace: `${800 * SLOW}ms` })
    assert.equal(stopped?.how, how)
    const outcome = await run.outcome
    assert.equal(outcome.signal, signal)
    assert.ok(outcome.usage.wallMs > 0, 'it was the launcher that ended, not who was killed')
    assert.notEqual(outcome.usage.outputBytes, null)
  })
