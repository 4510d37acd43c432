// A trust policy that cannot be read while a server runs: nobody may believe that a revocation in it has been heard.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SLOW } from '../../helpers/patience.ts'
import { HELLO } from '../../manager/household.ts'
import { besieged, hostileServer } from '../../manager/mcp/hostile.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

test('a policy that cannot be read is told to the host, and what is disabled meanwhile is ended', {
  skip,
}, async (t) => {
  const siege = await besieged(t, hostileServer('pass'))
  const { manager, layout } = siege.house
  writeFileSync(layout.trustFile, '{ "revocations": [')
  // Whatever happens to it has it looked at again at once.
  manager.hold(HELLO)
  for (let tries = 0; siege.told.length === 0 && tries < 100 * SLOW; tries++) await sleep(20)
  assert.deepEqual(siege.told, ['POLICY_INVALID'])
  const isOver = siege.transport.end !== null
  assert.equal(isOver, false, 'it is no verdict about the server')
  manager.disable(HELLO)
  await siege.closed
  assert.equal(siege.transport.end?.error.code, 'WRONG_STATE')
})
