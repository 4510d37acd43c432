// Data of a removed plugin is deleted by its name alone. Not by a rehearsal, and not under an installation that is about to take it over.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { HELLO, household, manifestOf } from '../../manager/household.ts'
import { writeData } from '../../manager/lifecycle/registered.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const HOOKED = {
  version: '1.1.0',
  files: {
    'bin/x': '#!/bin/sh\n',
    'plugin.json': manifestOf({ version: '1.1.0', hooks: { postinstall: { path: 'bin/x' } } }),
  },
  executable: ['bin/x'],
}

/** A plugin was here, and has left data. */
async function left(t: TestContext) {
  const house = await household(t)
  await house.install()
  await house.manager.remove(HELLO, { purge: false })
  writeData(house, HELLO, 'of before')
  return { ...house, data: house.layout.data(HELLO) }
}

test('a dry run deletes no data of a plugin that is gone', async (t) => {
  const { manager, data } = await left(t)
  const told = await manager.remove(HELLO, { purge: true, dryRun: true })
  assert.deepEqual([told.version, told.dataKept], [null, false])
  assert.ok(existsSync(data))
  await manager.remove(HELLO, { purge: true })
  assert.ok(!existsSync(data))
})

test('no data is deleted under an installation that is at work on it', { skip: cannotLaunch }, async (t) => {
  const { manager, data, publish } = await left(t)
  let purged: Promise<unknown> | null = null
  const onProgress = ({ text }: { text?: string }) => {
    if (text?.includes('postinstall') === true)
      purged ??= manager.remove(HELLO, { purge: true }).catch((error) => error)
  }
  await manager.install(publish(HOOKED), { consent: () => true, onProgress: onProgress as never })
  assert.equal(((await purged) as { code?: string } | null)?.code, 'WRONG_STATE')
  assert.ok(existsSync(data))
})
