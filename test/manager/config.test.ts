// What the operator wrote in config.json, seen from the runs it is about.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { compile } from '../helpers/compile.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { HELLO, type Household, household, manifestOf } from './household.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const program =
  skip !== false ? '' : readFileSync(await compile('int main(void) { return 0; }', { static: true }), 'latin1')

async function hostWith(t: TestContext, config: object): Promise<Household> {
  const house = await household(t)
  writeFileSync(house.layout.configFile, JSON.stringify(config), { mode: 0o600 })
  await house.reopen()
  await house.install({
    files: { 'bin/x': Buffer.from(program, 'latin1'), 'plugin.json': manifestOf({ limits: { memory: '64M' } }) },
    executable: ['bin/x'],
  })
  return house
}

test('a plan names the place in config.json that each of its limits comes from', { skip }, async (t) => {
  const house = await hostWith(t, {
    defaults: { files: 99 },
    profiles: { strict: { defaults: { idle: '7s' } } },
    plugins: { [HELLO]: { profile: 'strict', defaults: { cpu: 0.1 }, ceilings: { memory: '32M' } } },
  })
  const { limits } = await house.manager.plan(HELLO)
  assert.deepEqual(limits.memoryBytes, { value: 2 ** 25, from: 'plugin-config-ceiling' })
  assert.deepEqual(limits.cpu, { value: 0.1, from: 'plugin-config' })
  assert.deepEqual(limits.idleMs, { value: 7_000, from: 'profile-config' })
  assert.deepEqual(limits.filesMax, { value: 64, from: 'ceiling' })
  assert.deepEqual(limits.fileSizeBytes, { value: 2 ** 25, from: 'derived' })
  const asked = await house.manager.plan(HELLO, { profile: 'production', timeout: '5s' })
  assert.deepEqual(asked.limits.filesMax, { value: 99, from: 'config' })
  assert.deepEqual(asked.limits.timeoutMs, { value: 5_000, from: 'flag' })
})

test('the profile of a plugin is recorded with its runs', { skip }, async (t) => {
  const house = await hostWith(t, { plugins: { [HELLO]: { profile: 'strict' } } })
  await (await house.manager.run(HELLO)).outcome
  assert.equal(house.manager.history(HELLO, 1)[0]?.profile, 'strict')
})

test('a layer that config.json takes off is weakened by name: applied and recorded', { skip }, async (t) => {
  const house = await hostWith(t, {
    plugins: { [HELLO]: { weaker: ['landlock'] }, 'acme/else': { weaker: ['seccomp'] } },
  })
  const outcome = await (await house.manager.run(HELLO)).outcome
  assert.deepEqual(outcome.weaker, ['landlock'])
  assert.deepEqual(house.manager.history(HELLO, 1)[0]?.weaker, ['landlock'])
  assert.equal(house.manager.audit(HELLO, 1)[0]?.kind, 'weaker-run')
})
