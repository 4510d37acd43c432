import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { makePlace } from './stores.ts'

const TOLD = 6

function placeWithEvents(t: Parameters<typeof makePlace>[0]) {
  const place = makePlace(t)
  for (let at = 1; at <= TOLD; at++) place.store.note('noted', `acme/p${at}`, { at })
  return place
}

const unguard = 'DROP TRIGGER events_append_only_update; DROP TRIGGER events_append_only_delete;'

test('every event follows from the one before, and the trail holds', (t) => {
  const { store } = placeWithEvents(t)
  const { count, head } = store.events.verify()
  const events = store.events.list(null, 100)
  assert.equal(count, TOLD)
  assert.equal(head, events.at(-1)?.hash)
  assert.deepEqual(
    events.map(({ id }) => id),
    [1, 2, 3, 4, 5, 6],
  )
  assert.deepEqual(store.events.list('acme/p3', 100)[0]?.details, { at: 3 })
  assert.deepEqual(
    store.events.list(null, 2).map(({ id }) => id),
    [5, 6],
    'the newest, in the order they happened',
  )
})

test('an empty trail holds', (t) => {
  assert.deepEqual(makePlace(t).store.events.verify(), { count: 0, head: '0'.repeat(64) })
})

test('the database itself refuses to change or delete an event', (t) => {
  const { raw } = placeWithEvents(t)
  assert.throws(() => raw((db) => db.exec("UPDATE events SET subject = 'x'")), /append-only/)
  assert.throws(() => raw((db) => db.exec('DELETE FROM events WHERE id = 6')), /append-only/)
})

test('whichever field of whichever event is changed, the trail names that event', (t) => {
  const { store, raw } = placeWithEvents(t)
  raw((db) => db.exec(unguard))
  const changes: Record<string, string | number> = {
    at_ms: 1,
    kind: 'other',
    subject: 'acme/other',
    details: '{}',
    previous: 'a'.repeat(64),
    hash: 'b'.repeat(64),
  }
  for (let id = 1; id <= TOLD; id++) {
    for (const [column, value] of Object.entries(changes)) {
      const kept = raw((db) => db.prepare(`SELECT ${column} AS v FROM events WHERE id = ?`).get(id)) as { v: unknown }
      raw((db) => db.prepare(`UPDATE events SET ${column} = ? WHERE id = ?`).run(value, id))
      assert.throws(() => store.events.verify(), { code: 'AUDIT_BROKEN', details: { event: id } }, `${column} of ${id}`)
      raw((db) => db.prepare(`UPDATE events SET ${column} = ? WHERE id = ?`).run(kept.v, id))
    }
  }
  assert.equal(store.events.verify().count, TOLD)
})

test('an event that was removed, put elsewhere or slipped in is named', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: TOLD }), fc.integer({ min: 1, max: TOLD }), (a, b) => {
      const { store, raw } = placeWithEvents(t)
      raw((db) => db.exec(unguard))
      raw((db) => {
        if (a === b) {
          if (a === TOLD) return // a chain cut at its end still holds: that is what the head is kept elsewhere for
          db.prepare('DELETE FROM events WHERE id = ?').run(a)
          return
        }
        db.prepare('UPDATE events SET id = -1 WHERE id = ?').run(a)
        db.prepare('UPDATE events SET id = ? WHERE id = ?').run(a, b)
        db.prepare('UPDATE events SET id = ? WHERE id = -1').run(b)
      })
      if (a === b && a === TOLD) assert.equal(store.events.verify().count, TOLD)
      else assert.throws(() => store.events.verify(), { code: 'AUDIT_BROKEN', details: { event: Math.min(a, b) } })
      store.close()
    }),
    { numRuns: 20 },
  )
})

test('a trail that goes on after a removal at its end has another head', (t) => {
  const { store, raw } = placeWithEvents(t)
  const { head } = store.events.verify()
  raw((db) => db.exec(`${unguard} DELETE FROM events WHERE id = ${TOLD}`))
  store.note('noted', 'acme/p6', { at: 6 })
  assert.equal(store.events.verify().count, TOLD)
  assert.notEqual(store.events.verify().head, head)
})

test('a trail still leads through every head it has had, and through the empty one', (t) => {
  const { store } = placeWithEvents(t)
  const events = store.events.list(null, 100)
  const all = store.events.verify()
  for (const { id, hash } of events) assert.deepEqual(store.events.verify({ count: id, head: hash }), all)
  assert.deepEqual(store.events.verify({ count: 0, head: '0'.repeat(64) }), all)
})

test('a head that the trail does not lead through is told apart from one it ends before', (t) => {
  const { store } = placeWithEvents(t)
  const { head } = store.events.verify()
  assert.throws(() => store.events.verify({ count: TOLD + 1, head }), {
    code: 'AUDIT_BROKEN',
    message: /it was cut after event 6/,
  })
  assert.throws(() => store.events.verify({ count: TOLD - 1, head }), { code: 'AUDIT_BROKEN', message: /written anew/ })
  assert.throws(() => store.events.verify({ count: 0, head }), { code: 'AUDIT_BROKEN', message: /written anew/ })
})
