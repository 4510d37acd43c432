// A hook ends with the command that started it, unless its launcher was stopped (Ctrl-Z) before that was killed. Whoever waits for the plugin
// takes the change of the dead back, its user id with it: not while anything runs as that user.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BIN } from '../../cli/cli.ts'
import { onHost } from '../../manager/consenting.ts'
import { agree, household, manifestOf } from '../../manager/household.ts'
import { eventually } from '../../runtime/launcher/launch.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const spec = (version: string, rest: object = {}) => ({
  version,
  files: {
    'plugin.json': manifestOf({ version, ...rest }),
    'bin/x': '#!/bin/sh\n',
    'bin/slow': '#!/bin/sh\nwhile :; do :; done\n',
  },
  executable: ['bin/x', 'bin/slow'],
})
const SLOW_SETUP = { hooks: { postinstall: { path: 'bin/slow', limits: { timeout: '60s' } } } }

test('a change whose hook still runs is not taken back by whoever waits for it', { skip }, async (t) => {
  const house = await household(t)
  const first = spawn(process.execPath, [BIN, 'install', house.publish(spec('1.0.0', SLOW_SETUP)), '--yes'], {
    env: { PATH: '/usr/bin:/bin', BULKHEAD_HOME: house.layout.home },
    stdio: 'ignore',
  })
  const end = once(first, 'close')
  const launcher = await onHost(house.layout, async ({ store }) => {
    const supervisor = () => store.runs.open()[0]?.supervisor ?? null
    assert.ok(await eventually(() => supervisor() !== null, 20_000), 'its hook runs')
    return Number(supervisor()?.split(':')[0])
  })
  const next = house.manager.install(house.publish(spec('1.1.0')), { consent: agree })
  await sleep(300)
  process.kill(launcher, 'SIGSTOP')
  try {
    first.kill('SIGKILL')
    await end
    const isDone = await Promise.race([next.then(() => true), sleep(1_500, false)])
    assert.equal(isDone, false, 'it waits')
    assert.equal(house.raw((db) => db.prepare('SELECT count(*) AS n FROM installations').get() as { n: number }).n, 1)
  } finally {
    process.kill(launcher, 'SIGCONT')
  }
  assert.equal((await next).version, '1.1.0')
  assert.deepEqual(
    house.manager.list().map(({ version }) => version),
    ['1.1.0'],
  )
})
