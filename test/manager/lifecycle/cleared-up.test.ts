// A change that has come true and could not be cleared up stands; whoever comes next does that, and says why it was left.

import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { formatRecovered, openManager, type Recovered } from '../../../src/index.ts'
import { change } from '../../../src/manager/change.ts'
import { openHost } from '../../../src/manager/host.ts'
import { HELLO, household } from '../household.ts'

test('why a change was not cleared up is in the trail at once, and told by the command that does it', async (t) => {
  const house = await household(t)
  await house.install()
  const host = await openHost({ home: house.layout.home })
  t.after(() => host.store.close())
  const installed = host.store.find(HELLO)
  assert.ok(installed !== null)
  // No snapshot can be deleted below what is no folder.
  const obstacle = dirname(house.layout.snapshots(HELLO))
  mkdirSync(dirname(obstacle), { recursive: true })
  writeFileSync(obstacle, '')
  await change(host, HELLO, 'remove', {}, async ({ change: open }) => {
    host.store.retire(installed, { purge: false, change: open, leftovers: [{ undo: 'drop-snapshot', folder: 'old' }] })
  })
  const left = house.manager.audit(HELLO, 1).at(-1)
  assert.deepEqual([left?.kind, left?.details.change], ['left', 'remove'])
  assert.match(String(left?.details.reason), /ENOTDIR/)

  rmSync(obstacle)
  const told: Recovered[] = []
  await using next = await openManager({ home: house.layout.home, onRecovered: (one) => told.push(one) })
  assert.match(
    told.map(formatRecovered).join('\n'),
    /^the removal of acme\/hello was done and could not be cleared up then \(.*ENOTDIR.*\): it stands, and is cleared up now$/m,
  )
  assert.deepEqual(
    next
      .audit(HELLO, 10)
      .filter(({ kind }) => kind === 'left' || kind === 'finished')
      .map(({ kind }) => kind),
    ['left', 'finished'],
  )
})
