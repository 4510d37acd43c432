// What cannot be undone now, because the disk says no, is left to later. It must not end every command there is: nothing could be
// stopped, disabled or removed any more.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openManager, type Recovered } from '../../../src/index.ts'
import { onHost } from '../../manager/consenting.ts'
import { HELLO, household } from '../../manager/household.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const OTHER = 'acme/other' as typeof HELLO

test('a folder that is busy keeps no other plugin from its recovery, and no command from its work', {
  skip: cannotLaunch,
}, async (t) => {
  const house = await household(t)
  await house.install()
  const staged = join(house.layout.staging, 'left')
  mkdirSync(staged)
  const busy = join(house.layout.snapshots(HELLO), 'kept', 'files')
  mkdirSync(busy, { recursive: true })
  await onHost(house.layout, ({ store }) => {
    const stuck = store.changes.begin(HELLO, 'update')
    store.changes.note(stuck, 'keep its data', { undo: 'drop-snapshot', folder: 'kept' })
    store.changes.abandon(stuck)
    const other = store.changes.begin(OTHER, 'install')
    store.changes.note(other, 'unpack', { undo: 'discard', folder: 'left' })
    store.changes.abandon(other)
  })
  // As a backup does that looks at it as at a file system.
  if (spawnSync('mount', ['--bind', busy, busy]).status !== 0) return t.skip('nothing can be mounted here')
  t.after(() => spawnSync('umount', [busy]))
  const recovered: Recovered[] = []
  const manager = await openManager({ home: house.layout.home, onRecovered: (one) => recovered.push(one) })
  assert.deepEqual(
    recovered.map(({ name, outcome }) => [name, outcome]),
    [
      [HELLO, 'left'],
      [OTHER, 'undone'],
    ],
  )
  assert.match(recovered[0]?.reason ?? '', /EBUSY/)
  assert.ok(!existsSync(staged))
  assert.equal(manager.disable(HELLO).state, 'disabled')
  await manager.close()
  spawnSync('umount', [busy])
  await house.reopen()
  assert.ok(!existsSync(house.layout.snapshots(HELLO)))
})
