import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openManager } from '../../../src/index.ts'
import { agree, HELLO, household } from '../../manager/household.ts'
import { pythonSpeaker } from '../../manager/loading/speakers.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const ECHO = 'import bulkhead_plugin\nbulkhead_plugin.serve({"echo": lambda p, c: p})\n'

test('what another host still runs of a version that is revoked ends nothing of the one that has replaced it', {
  skip,
}, async (t) => {
  const house = await household(t)
  await house.install(pythonSpeaker(ECHO))
  await using other = await openManager({ home: house.layout.home })
  const old = await other.load(HELLO)
  await house.manager.install(house.publish(pythonSpeaker(ECHO, {}, '1.1.0')), { consent: agree })
  const plugin = await house.manager.load(HELLO)
  const told = new Promise<{ error: { code: string } }>((resolve) => old.once('revoked', resolve))
  await house.manager.trust.revoke({ target: `${HELLO}@1.0.0`, reason: 'it steals' })
  const began = Date.now()
  assert.equal((await told).error.code, 'RELEASE_REVOKED')
  assert.ok(Date.now() - began < 5_000, `it took ${Date.now() - began} ms`)
  await sleep(700)
  assert.deepEqual(await plugin.call('echo', [1]), [1])
})

test('a manager that is closed twice at once records how each run ended', { skip }, async (t) => {
  const house = await household(t)
  await house.install(pythonSpeaker(ECHO))
  const { manager } = house
  const runs = await Promise.all([1, 2, 3, 4].map(() => manager.spawn(HELLO)))
  await Promise.all([manager.close(), manager.close(), manager.close()])
  const ends = await Promise.allSettled(runs.map((run) => run.wait()))
  assert.deepEqual(
    ends.map(({ status }) => status),
    runs.map(() => 'fulfilled'),
  )
  await house.reopen()
  assert.deepEqual(
    house.manager.history(HELLO, 9).map(({ outcome }) => outcome?.signal),
    runs.map(() => 'SIGKILL'),
  )
})
