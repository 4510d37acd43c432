// A registry offers what is refused, or what waits: a host that updates by itself, with --restart, must not lose what runs to it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { says, suppliedHome } from '../../helpers/supplied-home.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const app = (version: string, more = {}) => says('acme/app', version, more, { 'bin/x': '#!/bin/sh\nread line\n' })
const options = { restart: true, mode: 'hold' } as const

test('an update that waits, or is refused, ends no run of the version that is installed', { skip }, async (t) => {
  const home = await suppliedHome(t)
  await home.offer(app('1.0.0'))
  await home.with(async (manager) => {
    await manager.installAll(['acme/app'], { consent: () => true })
    const run = await manager.run('acme/app')
    await run.started
    await home.offer(app('1.1.0', { permissions: { env: ['TOKEN'] } }))
    assert.deepEqual(
      (await manager.updateAll(options)).map(({ outcome }) => outcome),
      ['waits'],
    )
    home.shelf.put({ ...app('1.2.0'), signers: [home.stranger] })
    await home.shelf.build()
    assert.deepEqual(
      (await manager.updateAll(options)).map(({ error }) => error?.code),
      ['SIGNER_NOT_TRUSTED'],
    )
    assert.equal((await manager.ps()).length, 1)

    await home.offer(app('1.3.0'))
    assert.equal((await manager.updateAll(options))[0]?.outcome, 'updated')
    assert.deepEqual(await manager.ps(), [])
    await run.outcome
  })
})
