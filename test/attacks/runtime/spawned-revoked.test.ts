import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { agree, HELLO, household, manifestOf } from '../../manager/household.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const stays = (version = '1.0.0') => ({
  version,
  files: {
    'main.py': 'import sys, time\nprint(sys.stdin.readline(), flush=True)\ntime.sleep(600)\n',
    'plugin.json': manifestOf({ version, entry: { runtime: 'python', path: 'main.py' } }),
  },
})

test('what a host has spawned, or was handed by a pool, is ended when it may not run any more', { skip }, async (t) => {
  const house = await household(t)
  await house.install(stays())
  await using pool = await house.manager.warm(HELLO)
  const all = [await house.manager.spawn(HELLO), await pool.spawn()]
  for (const { stdin, stdout } of all) {
    stdin?.write('go on\n')
    await once(stdout ?? assert.fail(), 'data')
  }
  const began = Date.now()
  await house.manager.trust.revoke({ target: `${HELLO}@1.0.0`, reason: 'it steals' })
  const ends = await Promise.all(all.map((one) => one.wait()))
  assert.ok(Date.now() - began < 5_000, `it took ${Date.now() - began} ms`)
  assert.deepEqual(
    ends.map(({ signal }) => signal),
    ['SIGKILL', 'SIGKILL'],
  )
})

test('what was replaced ends when it is revoked, and what has replaced it goes on', { skip }, async (t) => {
  const house = await household(t)
  await house.install(stays())
  const old = await house.manager.spawn(HELLO)
  await house.manager.install(house.publish(stays('1.1.0')), { consent: agree })
  await using young = await house.manager.spawn(HELLO)
  await house.manager.trust.revoke({ target: `${HELLO}@1.0.0`, reason: 'it steals' })
  await old.wait()
  await sleep(700)
  assert.deepEqual(
    (await house.manager.ps(HELLO)).map(({ run }) => run),
    [young.run],
  )
})
