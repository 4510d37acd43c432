import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PluginName } from '../../src/core/name.ts'
import { Store } from '../../src/store/index.ts'
import { makePlace, NAME, released, retire, UIDS } from './stores.ts'

const release = await released()
const WHO = { user: 'root', uid: 0, sudo: null }
const T = 1_700_000_000_000

/** A store with one plugin, whose clock the test sets. */
function held(t: Parameters<typeof makePlace>[0]) {
  const place = makePlace(t)
  place.install(release)
  place.store.close()
  const time = { now: T }
  place.store = Store.open({ path: place.path, uids: UIDS, now: () => time.now })
  return { place, time, store: place.store, holds: place.store.holds }
}

test('a hold is there until its end, at that moment no more, and without an end for ever', (t) => {
  const { holds, time } = held(t)
  assert.equal(holds.of(NAME), null)
  const hold = { name: NAME, untilMs: T + 1000, reason: 'broken upstream', who: WHO }
  assert.deepEqual(holds.hold(hold), { ...hold, sinceMs: T })
  time.now = T + 999
  assert.deepEqual(holds.of(NAME), { ...hold, sinceMs: T })
  assert.equal(holds.list().length, 1)
  time.now = T + 1000
  assert.equal(holds.of(NAME), null)
  assert.deepEqual(holds.list(), [])
  assert.throws(() => holds.unhold(NAME, WHO), { code: 'WRONG_STATE', exitCode: 4 }, 'it holds no more')
  holds.hold({ ...hold, untilMs: null })
  time.now = Date.UTC(2500, 0)
  assert.equal(holds.of(NAME)?.untilMs, null)
})

test('a second hold takes the place of the first; taking it away says who, in the trail', (t) => {
  const { holds, store } = held(t)
  holds.hold({ name: NAME, untilMs: null, reason: null, who: WHO })
  holds.hold({ name: NAME, untilMs: T + 5, reason: 'for the release', who: WHO })
  assert.deepEqual(
    holds.list().map(({ reason }) => reason),
    ['for the release'],
  )
  assert.deepEqual(store.events.latest(NAME, ['held'])?.details, {
    untilMs: T + 5,
    reason: 'for the release',
    who: WHO,
  })
  assert.equal(holds.unhold(NAME, WHO).reason, 'for the release')
  assert.deepEqual(store.events.latest(NAME, ['unheld'])?.details, { who: WHO })
  assert.throws(() => holds.unhold(NAME, WHO), { code: 'WRONG_STATE' })
})

test('only what is installed is held', (t) => {
  const { holds, store } = held(t)
  const hold = { untilMs: null, reason: null, who: WHO }
  assert.throws(() => holds.hold({ name: 'acme/none' as PluginName, ...hold }), { code: 'NOT_INSTALLED', exitCode: 4 })
  const installed = store.find(NAME)
  assert.ok(installed)
  store.forget(retire(store, installed, { purge: false }))
  assert.throws(() => holds.hold({ name: NAME, ...hold }), { code: 'NOT_INSTALLED' })
})

test('a hold of nobody is an error that names it', (t) => {
  const { holds, place } = held(t)
  holds.hold({ name: NAME, untilMs: null, reason: null, who: WHO })
  place.raw((db) => db.exec("UPDATE holds SET held_by = '{}'"))
  for (const look of [() => holds.of(NAME), () => holds.list()])
    assert.throws(look, { code: 'STORE_UNREADABLE', message: /who holds acme\/hello/ })
})
