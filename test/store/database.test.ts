import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { Store } from '../../src/store/index.ts'
import { MIGRATIONS } from '../../src/store/migrations.ts'
import { makePlace, NAME, released, UIDS } from './stores.ts'

const open = (path: string) => Store.open({ path, uids: UIDS, now: () => 1 })

test('an empty file becomes a database of this version, readable by its owner alone', (t) => {
  const { path, raw } = makePlace(t)
  assert.equal(
    raw((db) => db.pragma('user_version', { simple: true })),
    MIGRATIONS.length,
  )
  assert.equal(
    raw((db) => db.pragma('journal_mode', { simple: true })),
    'wal',
  )
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const tables = raw((db) =>
    db.prepare("SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite%'").all(),
  )
  for (const table of tables as { name: string; strict: number }[]) assert.equal(table.strict, 1, table.name)
})

test('a database of any earlier schema is brought to this one, with its rows', (t) => {
  for (let version = 0; version < MIGRATIONS.length; version++) {
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-migrate-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const path = join(folder, 'bulkhead.db')
    const old = new Database(path)
    for (const sql of MIGRATIONS.slice(0, version)) old.exec(sql)
    if (version > 0)
      old.exec(`INSERT INTO plugins (name, uid, high_water, first_seen_ms) VALUES ('${NAME}', 200000, '3.0.0', 1)`)
    old.pragma(`user_version = ${version}`)
    old.close()
    const store = open(path)
    if (version > 0) assert.equal(store.history(NAME).highWater, '3.0.0')
    assert.deepEqual(store.list(), [])
    store.close()
  }
})

test('a database of a newer version is refused, and not one byte of it is changed', (t) => {
  const { path, raw, store } = makePlace(t)
  raw((db) => db.pragma(`user_version = ${MIGRATIONS.length + 1}`))
  store.close()
  const before = readFileSync(path)
  assert.throws(() => open(path), { code: 'STORE_TOO_NEW', exitCode: 1, hint: /newer version/ })
  assert.deepEqual(readFileSync(path), before)
})

test('a file that is no database is refused', (t) => {
  const { path, store } = makePlace(t)
  store.close()
  for (const content of ['hello', 'x'.repeat(8192)]) {
    writeFileSync(path, content)
    rmSync(`${path}-wal`, { force: true })
    assert.throws(() => open(path), { code: 'STORE_UNREADABLE' })
    assert.equal(readFileSync(path, 'utf8'), content)
  }
})

test('damage that is found later is told as damage, not as a bug', async (t) => {
  const place = makePlace(t)
  place.install(await released())
  place.store.close()
  const whole = readFileSync(place.path)
  for (let page = 1; page < whole.length / 4096; page++) {
    const damaged = Buffer.from(whole)
    damaged.fill(0xa5, page * 4096, (page + 1) * 4096)
    writeFileSync(place.path, damaged)
    const seen = codesOf(() => open(place.path))
    for (const code of seen) assert.equal(code, 'STORE_UNREADABLE', `page ${page}`)
  }
  truncateSync(place.path, 4096 * 2)
  assert.ok(codesOf(() => open(place.path)).includes('STORE_UNREADABLE'))
})

/** What everything that reads says; nothing for what still can be read. */
function codesOf(reopen: () => Store): string[] {
  const codes: string[] = []
  const attempt = (work: () => unknown) => {
    try {
      work()
    } catch (error) {
      codes.push((error as { code?: string }).code ?? String(error))
    }
  }
  let store: Store | undefined
  attempt(() => {
    store = reopen()
  })
  if (store === undefined) return codes
  const opened = store
  attempt(() => opened.list())
  attempt(() => opened.find(NAME))
  attempt(() => opened.interrupted())
  attempt(() => opened.history(NAME).digestOf('1.0.0'))
  attempt(() => opened.runs.open())
  attempt(() => opened.runs.history(null, 10))
  attempt(() => opened.events.list(null, 10))
  attempt(() => opened.events.verify())
  opened.close()
  return codes.filter((code) => code !== 'AUDIT_BROKEN') // an unreadable row may also be a row that was changed
}

test('a folder in its place, or none around it, is told with the path', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-open-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  assert.throws(() => open(folder), { code: 'STORE_UNREADABLE', message: new RegExp(`^cannot .*${folder}`) })
  assert.throws(() => open(join(folder, 'none', 'bulkhead.db')), { code: 'STORE_UNREADABLE' })
})

test('a writer that never lets go is waited for ten seconds, then told', { timeout: 30_000 }, async (t) => {
  const { path, store } = makePlace(t)
  // In a thread of its own: waiting for a lock blocks the thread that waits.
  const holder = new Worker(
    `const { workerData, parentPort } = require('node:worker_threads')
     const db = new (require('better-sqlite3'))(workerData)
     db.exec('BEGIN IMMEDIATE')
     parentPort.postMessage('held')
     parentPort.once('message', () => { db.exec('ROLLBACK'); db.close(); parentPort.postMessage('free') })`,
    { eval: true, workerData: path },
  )
  await new Promise((resolve) => holder.once('message', resolve))
  const started = Date.now()
  assert.throws(() => store.note('noted', 'x', {}), { code: 'STORE_BUSY', exitCode: 1 })
  assert.ok(Date.now() - started > 9_000)
  assert.deepEqual(store.list(), [], 'reading waits for nobody')
  holder.postMessage('go')
  await new Promise((resolve) => holder.once('message', resolve))
  store.note('noted', 'x', {})
  await holder.terminate()
})
