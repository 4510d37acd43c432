// A statement is compiled once; where that would be wrong, it is not.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { type Db, openDatabase } from '../../src/store/database.ts'
import { makePlace } from './stores.ts'

function opened(t: TestContext): { db: Db; path: string } {
  const { path } = makePlace(t)
  const db = openDatabase(path)
  t.after(() => db.close())
  db.exec('CREATE TABLE numbers (n INTEGER)')
  for (const n of [1, 2, 3]) db.prepare('INSERT INTO numbers VALUES (?)').run(n)
  return { db, path }
}

const ALL = 'SELECT n FROM numbers ORDER BY n'

test('the same text is the same statement, and knows what was written since', (t) => {
  const { db } = opened(t)
  const first = db.prepare(ALL)
  assert.equal(first.all().length, 3)
  db.prepare('INSERT INTO numbers VALUES (?)').run(4)
  assert.equal(db.prepare(ALL), first)
  assert.deepEqual(first.get(), { n: 1 })
  assert.equal(first.all().length, 4)
})

test('while the rows of one are being read, another asks for its own', (t) => {
  const { db } = opened(t)
  const pairs: unknown[] = []
  for (const one of db.prepare<[], { n: number }>(ALL).iterate())
    for (const other of db.prepare<[], { n: number }>(ALL).iterate()) pairs.push([one.n, other.n])
  assert.equal(pairs.length, 9)
})

test('one whose reader gave up halfway can be used again', (t) => {
  const { db } = opened(t)
  assert.throws(() => {
    for (const _ of db.prepare(ALL).iterate()) throw new Error('enough')
  }, /enough/)
  assert.equal(db.prepare(ALL).all().length, 3)
})

test('a schema that another process changes is seen', (t) => {
  const { db, path } = opened(t)
  assert.deepEqual(db.prepare('SELECT * FROM numbers WHERE n = 1').get(), { n: 1 })
  const other = new Database(path)
  other.exec('ALTER TABLE numbers ADD COLUMN name TEXT')
  other.close()
  assert.deepEqual(db.prepare('SELECT * FROM numbers WHERE n = 1').get(), { n: 1, name: null })
  db.exec('DROP TABLE numbers')
  assert.throws(() => db.prepare('SELECT * FROM numbers WHERE n = 1').get(), /no such table/)
})

test('texts without number work, too', (t) => {
  const { db } = opened(t)
  for (let index = 0; index < 1_000; index++) {
    assert.deepEqual(db.prepare(`SELECT ${index} AS n`).get(), { n: index })
  }
  assert.equal(db.prepare(ALL).all().length, 3)
})
