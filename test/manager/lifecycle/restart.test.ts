// What runs of a plugin ends for an update only when that is decided on and about to come true.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { agree } from '../household.ts'
import { pluginSpec } from '../programs.ts'
import { program, up } from '../watched.ts'
import { registered } from './registered.ts'

const HELLO = 'acme/hello'
const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

/** `version` of a program that waits, with a health check that ends with `code`. */
function checked(version: string, code: number) {
  const { files, ...rest } = pluginSpec(program, { health: { runtime: 'exec', path: 'bin/check' } }, version)
  const check = `#!/bin/sh\nexit ${code}\n`
  return { ...rest, files: { ...files, 'bin/check': check }, executable: ['bin/x', 'bin/check'] }
}

test('an update that waits for somebody to agree, or is refused, ends nothing that runs', { skip }, async (t) => {
  const house = await registered(t)
  await house.list(pluginSpec(program, {}, '1.0.0'))
  await house.manager.installAll([HELLO], { consent: agree })
  const run = await up(t, house.manager, ['wait'])
  await house.list(pluginSpec(program, { permissions: { env: ['TOKEN'] } }, '2.0.0'))
  const [waiting] = await house.manager.update([HELLO], { restart: true, mode: 'hold' })
  assert.equal(waiting?.outcome, 'waits')
  const refused = house.manager.update([HELLO], { restart: true, consent: () => false })
  await assert.rejects(refused, { code: 'CONSENT_REFUSED' })
  assert.deepEqual(
    (await house.manager.ps()).map((one) => one.run),
    [run.run],
  )

  const [done] = await house.manager.update([HELLO], { restart: true, consent: agree })
  assert.equal(done?.outcome, 'updated')
  assert.equal((await run.outcome).signal, 'SIGTERM')
})

test('what is tried out in the place of what runs waits for that to end, and ends it with --restart', {
  skip,
}, async (t) => {
  const house = await registered(t)
  await house.list(pluginSpec(program, {}, '1.0.0'), checked('2.0.0', 0))
  await house.manager.install(`${HELLO}@1.0.0`, { consent: agree })
  const run = await up(t, house.manager, ['wait'])
  await assert.rejects(house.manager.update([HELLO], { consent: agree }), { code: 'WRONG_STATE' })
  assert.equal((await house.manager.ps()).length, 1)
  const [done] = await house.manager.update([HELLO], { restart: true, consent: agree })
  assert.equal(done?.to, '2.0.0')
  assert.equal((await run.outcome).signal, 'SIGTERM')
  assert.equal((await house.manager.rollback(HELLO)).restarted, 0)
})

test('a way back ends what runs of the version that is left, with --restart', { skip }, async (t) => {
  const house = await registered(t)
  await house.list(checked('1.0.0', 0), checked('2.0.0', 0))
  await house.manager.install(`${HELLO}@1.0.0`, { consent: agree })
  await house.manager.update([HELLO], { consent: agree })
  const run = await up(t, house.manager, ['wait'])
  await assert.rejects(house.manager.rollback(HELLO), { code: 'WRONG_STATE' })
  assert.equal((await house.manager.rollback(HELLO, { restart: true })).restarted, 1)
  assert.equal((await run.outcome).signal, 'SIGTERM')
  assert.equal(house.manager.list()[0]?.version, '1.0.0')
})
