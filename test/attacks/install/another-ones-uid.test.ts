// A run is planned for what was installed when it was looked at, and recorded when it starts. In between the plugin may be purged,
// its user id given to another plugin, and the same version be installed again with another id: what starts then would act as the
// other plugin's user.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PluginName } from '../../../src/core/name.ts'
import { type Host, openHost } from '../../../src/manager/host.ts'
import { prepare } from '../../../src/manager/run.ts'
import type { RunRequest } from '../../../src/runtime/index.ts'
import { HELLO, type Household, household, manifestOf } from '../../manager/household.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const OTHER = 'acme/other' as PluginName
const spec = (name: PluginName) => ({
  name,
  files: { 'plugin.json': manifestOf({ name }), 'bin/x': '#!/bin/sh\n' },
  executable: ['bin/x'],
})

/** The host, where somebody else does this once a run has been planned. */
function overtakenBy(host: Host, others: () => Promise<void>): Host {
  const survey = host.planner.survey.bind(host.planner)
  const plan = async (request: RunRequest) => {
    const planned = await host.planner.prepare(request)
    await others()
    return planned
  }
  return { ...host, planner: { survey, prepare: plan } as Host['planner'] }
}

const uidOf = ({ store }: Host, name: PluginName) => store.find(name)?.uid ?? assert.fail(`${name} is not installed`)

async function two(house: Household) {
  await house.manager.remove(HELLO, { purge: true })
  await house.install(spec(OTHER))
  await house.install(spec(HELLO))
}

test('what is installed again is not run as the user that it was', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec(HELLO))
  const host = await openHost({ home: house.layout.home })
  t.after(() => host.store.close())
  const was = uidOf(host, HELLO)
  await assert.rejects(
    prepare(
      overtakenBy(host, () => two(house)),
      HELLO,
      {},
    ),
    { code: 'WRONG_STATE' },
  )
  assert.equal(uidOf(host, OTHER), was)
  assert.notEqual(uidOf(host, HELLO), was)
  assert.deepEqual(host.store.runs.open(), [])

  const plan = await prepare(host, HELLO, {})
  assert.equal(host.store.runs.open().length, 1)
  host.store.runs.lose(plan.run)
})
