import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { openManager, type PluginManager } from '../../../src/index.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'

const consent = () => true
const HOUR = 3_600_000

async function at<T>(home: string, ms: number, work: (manager: PluginManager) => Promise<T> | T): Promise<T> {
  await using manager = await openManager({ home, now: () => new Date(ms) })
  return await work(manager)
}

const seenOf = (home: string): number => {
  const db = new Database(join(home, 'bulkhead.db'))
  try {
    return (db.prepare('SELECT seen_ms FROM clock').get() as { seen_ms: number }).seen_ms
  } finally {
    db.close()
  }
}

test('a clock set back makes no statement good again that has expired', async (t) => {
  const attacked = await AttackedHome.make(t)
  const now = Date.now()
  const path = attacked.download(attacked.publisher.publish({ expiresAt: new Date(now - HOUR).toISOString() }))
  await at(attacked.home, now, (manager) =>
    assert.rejects(manager.install(path, { consent }), { code: 'STATEMENT_EXPIRED' }),
  )
  await at(attacked.home, now - 2 * HOUR, async (manager) => {
    await assert.rejects(manager.install(path, { consent }), { code: 'CLOCK_BEHIND' })
    await assert.rejects(manager.verify(path), { code: 'CLOCK_BEHIND' })
    assert.deepEqual(manager.list(), [])
  })
})

test('what ended within the minutes that a clock may be behind has still ended', async (t) => {
  const attacked = await AttackedHome.make(t)
  const now = Date.now()
  const path = attacked.download(attacked.publisher.publish({ expiresAt: new Date(now - 60_000).toISOString() }))
  await at(attacked.home, now, (manager) =>
    assert.rejects(manager.install(path, { consent }), { code: 'STATEMENT_EXPIRED' }),
  )
  await at(attacked.home, now - 120_000, (manager) =>
    assert.rejects(manager.install(path, { consent }), { code: 'STATEMENT_EXPIRED' }),
  )
})

test('no tarball and no bundle moves the clock, whatever times they state', async (t) => {
  const attacked = await AttackedHome.make(t)
  const future = '2099-01-01T00:00:00Z'
  const spec = { publishedAt: future, expiresAt: '2100-01-01T00:00:00Z', sequence: Date.parse(future) }
  const path = attacked.download(attacked.publisher.publish(spec))
  await attacked.with(async (manager) => {
    await manager.verify(path)
    await manager.install(path, { consent })
  })
  assert.ok(seenOf(attacked.home) <= Date.now())
  await attacked.with((manager) => manager.verify('acme/hello'))
})

test('a moment beyond all dates in the database is a refusal and no crash', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install()
  const db = new Database(join(attacked.home, 'bulkhead.db'))
  db.exec('UPDATE clock SET seen_ms = 9223372036854775807')
  db.close()
  await attacked.with(async (manager) => {
    await assert.rejects(manager.verify('acme/hello'), { code: 'CLOCK_BEHIND' })
    assert.equal((await manager.doctor()).findings.find(({ layer }) => layer === 'clock')?.available, false)
    manager.resetClock('a hand in the database')
    assert.equal((await manager.verify('acme/hello')).ok, true)
  })
})
