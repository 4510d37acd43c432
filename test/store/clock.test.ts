import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Store } from '../../src/store/index.ts'
import { makePlace, NAME, released, UIDS } from './stores.ts'

const release = await released()
const MINUTE = 60_000
const T = 1_700_000_000_000

/** A store whose clock the test sets. */
function clocked(t: Parameters<typeof makePlace>[0]) {
  const place = makePlace(t)
  const time = { now: T }
  const open = () => Store.open({ path: place.path, uids: UIDS, now: () => time.now })
  place.store.close()
  place.store = open()
  return { place, time, store: place.store }
}

test('the latest moment goes up with the clock and never down', (t) => {
  const { store, time } = clocked(t)
  assert.equal(store.clock.seenMs(), null)
  store.clock.raise()
  assert.equal(store.clock.seenMs(), T)
  time.now = T - 10 * MINUTE
  store.clock.raise()
  assert.equal(store.clock.seenMs(), T)
  time.now = T + 10 * MINUTE
  store.clock.raise()
  assert.equal(store.clock.seenMs(), T + 10 * MINUTE)
})

test('it is written at most once a minute', (t) => {
  const { store, time } = clocked(t)
  store.clock.raise()
  for (const ms of [1, 1_000, MINUTE - 1]) {
    time.now = T + ms
    store.clock.raise()
    assert.equal(store.clock.seenMs(), T)
  }
  time.now = T + MINUTE
  store.clock.raise()
  assert.equal(store.clock.seenMs(), T + MINUTE)
})

test('every decision that is recorded raises it, an install and a change of trust among them', (t) => {
  const { store, time, place } = clocked(t)
  place.install(release)
  assert.equal(store.clock.seenMs(), T)
  time.now += MINUTE
  store.note('trust-added', 'x', {})
  assert.equal(store.clock.seenMs(), T + MINUTE)
})

test('no time that a run tells raises it', (t) => {
  const { store, place } = clocked(t)
  place.install(release)
  store.runs.begin({ id: 'r1', name: NAME, version: '1.0.0', profile: 'production', weaker: [] }, process.pid)
  const future = Date.UTC(2099, 0)
  const outcome = { outcome: 'exited', code: 0 } as never
  store.runs.end('r1', outcome, future, { events: [{ atMs: future, kind: 'alert', details: {} }], minutes: [] })
  assert.equal(store.clock.seenMs(), T)
})

test('a reset takes the clock of now, and is in the trail with its reason', (t) => {
  const { store, time } = clocked(t)
  time.now = Date.UTC(2099, 0)
  store.clock.raise()
  time.now = T
  store.resetClock('the battery was empty')
  assert.equal(store.clock.seenMs(), T)
  const [event] = store.events.list('clock', 1)
  assert.equal(event?.kind, 'clock-reset')
  assert.deepEqual(event?.details, { seenMs: Date.UTC(2099, 0), nowMs: T, reason: 'the battery was empty' })
})

test('a home from before has seen the time of its latest install', (t) => {
  const { store, place } = clocked(t)
  place.install(release)
  store.close()
  place.raw((db) => {
    // As the migration before that of the clock left it.
    db.exec('DROP TABLE clock; DROP TABLE verification_roots; DROP TABLE verifications; DROP TABLE documents')
    for (const later of ['steps', 'changes', 'snapshots', 'holds', 'approvals', 'waiting'])
      db.exec(`DROP TABLE ${later}`)
    db.exec('ALTER TABLE releases DROP COLUMN installed_at_ms; ALTER TABLE releases DROP COLUMN left_at_ms')
    db.exec('ALTER TABLE runs DROP COLUMN hook')
    db.pragma('user_version = 5')
  })
  const reopened = place.reopen()
  assert.equal(reopened.clock.seenMs(), T)
  assert.deepEqual(reopened.verdicts.of(NAME, '1.0.0'), { install: null, latest: null })
})
