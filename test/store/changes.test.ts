import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PluginName } from '../../src/core/name.ts'
import type { OpenChange } from '../../src/core/step.ts'
import { makePlace, NAME } from './stores.ts'

const OTHER = 'acme/other' as PluginName
const GONE = '1:1:00000000-0000-0000-0000-000000000000'
const DISCARD = { undo: 'discard', folder: 'a' } as const

test('a change whose number was given to the next one is over, also for the process that has both', (t) => {
  const { changes } = makePlace(t).store
  const first = changes.begin(NAME, 'update')
  changes.end(first)
  const second = changes.begin(OTHER, 'update')
  assert.equal(second.id, first.id, 'SQLite gives the number again')
  assert.notEqual(second.holder, first.holder)
  changes.note(second, 'unpack', DISCARD)

  assert.deepEqual(changes.steps(first), [])
  assert.throws(() => changes.note(first, 'unpack', DISCARD), { code: 'WRONG_STATE', message: /taken its change over/ })
  assert.throws(() => changes.quieten(first, () => {}), { code: 'WRONG_STATE' })
  assert.throws(() => changes.commitInside(first), { code: 'WRONG_STATE' })
  assert.equal(changes.claim(first), null)
  changes.abandon(first)
  changes.end(first)

  assert.deepEqual(changes.of(OTHER), second, 'untouched by all of it')
  assert.equal(changes.steps(second).length, 1)
})

test('of two who find what a process left, one has it, and the other one nothing of it', (t) => {
  const place = makePlace(t)
  const { changes } = place.store
  changes.note(changes.begin(NAME, 'update'), 'unpack', DISCARD)
  place.raw((db) => db.prepare('UPDATE changes SET holder = ?').run(GONE))
  const [found] = changes.abandoned() as [OpenChange]
  const claimed = changes.claim(found)
  assert.equal(changes.claim(found), null)
  assert.deepEqual(changes.abandoned(), [])
  assert.ok(claimed !== null && changes.steps(claimed).length === 1)
  assert.deepEqual(changes.steps(found), [])
  // It was only taken for dead, and comes back.
  assert.throws(() => changes.assertHeld(found), { code: 'WRONG_STATE' })
})

test('what is abandoned belongs to whichever command comes next, though its process lives on', (t) => {
  const { changes } = makePlace(t).store
  const change = changes.begin(NAME, 'update')
  assert.deepEqual(changes.abandoned(), [])
  changes.abandon(change)
  assert.deepEqual(
    changes.abandoned().map(({ name }) => name),
    [NAME],
  )
  assert.throws(() => changes.begin(NAME, 'install'), { code: 'STORE_BUSY', message: /a change of it was interrupted/ })
})

test('two changes of one plugin cannot be; of two plugins they can', (t) => {
  const { changes } = makePlace(t).store
  changes.begin(NAME, 'update')
  assert.throws(() => changes.begin(NAME, 'remove'), {
    code: 'STORE_BUSY',
    message: new RegExp(`^cannot remove ${NAME}: process ${process.pid} has been updating it for \\d+ s$`),
  })
  changes.begin(OTHER, 'remove')
  assert.equal(changes.open().length, 2)
})
