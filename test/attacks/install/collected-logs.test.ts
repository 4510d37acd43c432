// What a removal left is deleted on somebody's word alone. A user id that gc gives back must not make a purge of it, with which the
// next gc deletes what tells why the plugin was removed.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { HELLO, household } from '../../manager/household.ts'

test('logs that a removal left are there after any number of collections', async (t) => {
  const house = await household(t)
  await house.install()
  await house.manager.remove(HELLO, { purge: false })
  const logs = house.layout.logs(HELLO)
  mkdirSync(logs, { recursive: true, mode: 0o700 })
  writeFileSync(join(logs, 'x.log'), 'why it was removed')
  for (const _ of [1, 2, 3]) await house.manager.gc()
  assert.ok(existsSync(join(logs, 'x.log')))
  await house.manager.remove(HELLO, { purge: true })
  assert.ok(!existsSync(logs))
})
