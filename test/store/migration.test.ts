// A home that a version with schema 6 has left, in every state that it can be in, is opened by this one.

import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { PluginName } from '../../src/core/name.ts'
import { openManager, openMarketplace, type Recovered } from '../../src/index.ts'
import { Store } from '../../src/store/index.ts'
import { MIGRATIONS } from '../../src/store/migrations.ts'
import { agree } from '../manager/household.ts'
import { homeOfSchema6, type OldHome, STANDING } from './old-homes/home-of-schema-6.ts'
import { SCHEMA_6 } from './old-homes/schema-6.ts'
import { UIDS } from './stores.ts'

/** Opens it, and is told what was made good. */
async function opened(home: OldHome): Promise<readonly Recovered[]> {
  const told: Recovered[] = []
  home.manager = await openManager({ home: home.layout.home, onRecovered: (one) => told.push(one) })
  return told
}

/** Every row of these tables, as schema 6 has them. */
function rowsOf(home: OldHome, columns: ReadonlyMap<string, string>): Record<string, unknown[]> {
  return home.raw((db) =>
    Object.fromEntries([...columns].map(([table, list]) => [table, db.prepare(`SELECT ${list} FROM ${table}`).all()])),
  )
}

const columnsOf = (home: OldHome): ReadonlyMap<string, string> =>
  home.raw((db) => {
    type Column = { tableName: string; columns: string }
    const all = db.prepare<[], Column>(
      `SELECT t.name AS tableName, group_concat(c.name, ', ') AS columns
       FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' GROUP BY t.name`,
    )
    return new Map(all.all().map(({ tableName, columns }) => [tableName, columns]))
  })

test('no row and no value of schema 6 is lost, and the file is sound', async (t) => {
  const home = await homeOfSchema6(t)
  const columns = columnsOf(home)
  assert.equal(columns.size, 10)
  const before = rowsOf(home, columns)
  for (const [table, rows] of Object.entries(before)) {
    if (table !== 'verification_roots') assert.ok(rows.length > 0, table)
  }
  Store.open({ path: home.layout.database, uids: UIDS, now: () => 1 }).close()
  assert.deepEqual(rowsOf(home, columns), before)
  home.raw((db) => {
    assert.equal(db.pragma('user_version', { simple: true }), MIGRATIONS.length)
    assert.equal(db.pragma('integrity_check', { simple: true }), 'ok')
    assert.deepEqual(db.pragma('foreign_key_check'), [])
  })
  await opened(home)
})

test('what stood stands as it was, and can be listed, verified, shown and audited', async (t) => {
  const home = await homeOfSchema6(t)
  assert.equal(
    home.raw((db) => db.pragma('user_version', { simple: true })),
    SCHEMA_6,
  )
  await opened(home)
  const { manager } = home
  assert.deepEqual(Object.fromEntries(manager.list().map(({ name, state }) => [name, state])), STANDING)
  for (const { name, state, kept } of manager.list()) {
    assert.deepEqual(kept, [], name)
    assert.equal((await manager.verify(name)).ok, name !== 'acme/bad', name)
    const { quarantine } = await manager.info(name)
    assert.equal(quarantine?.code, state === 'quarantined' ? 'MODIFIED' : undefined, name)
  }
  assert.notEqual(manager.list().find(({ name }) => name === 'free/tool')?.unsignedUntil, null)
  assert.equal(manager.list().find(({ name }) => name === 'acme/moved')?.version, '2.0.0')
  assert.deepEqual(
    manager.history('acme/hello', 10).map(({ outcome }) => outcome?.outcome),
    ['signalled', 'exited'],
  )
  assert.ok(manager.verifyAudit().count > 20)
  assert.equal((await manager.plan('acme/hello')).name, 'acme/hello')
  await assert.rejects(manager.rollback('acme/moved'), { code: 'NOTHING_KEPT' })
})

test('an install that a version with schema 6 had begun is undone as a whole', async (t) => {
  const home = await homeOfSchema6(t)
  const told = await opened(home)
  assert.deepEqual(
    told.filter(({ kind }) => kind === 'install').map(({ name, outcome }) => `${name} ${outcome}`),
    ['acme/new undone', 'acme/early undone', 'acme/again undone', 'acme/purged undone', 'acme/growing undone'],
  )
  assert.deepEqual(
    home.raw((db) => db.prepare("SELECT id FROM installations WHERE state = 'installing'").all()),
    [],
  )
  const known = home.raw((db) => {
    type Known = { name: string; uid: number | null; versions: string | null }
    const all = db.prepare<[], Known>(
      `SELECT p.name, p.uid, (SELECT group_concat(version) FROM releases r WHERE r.plugin_id = p.id) AS versions
       FROM plugins p`,
    )
    return new Map(all.all().map(({ name, ...rest }) => [name, rest]))
  })
  const uidOf = (name: string) => home.begunUids.get(name)
  assert.equal(known.has('acme/new'), false, 'nothing is told of what never was')
  assert.equal(known.has('acme/early'), false)
  // Its data was kept, and is still its own.
  assert.deepEqual(known.get('acme/again'), { uid: uidOf('acme/again'), versions: '1.0.0' })
  assert.ok(existsSync(join(home.layout.data('acme/again' as PluginName), 'files', 'state')))
  assert.deepEqual(known.get('acme/purged'), { uid: null, versions: '1.0.0' })
  assert.deepEqual(known.get('acme/growing'), { uid: uidOf('acme/growing'), versions: '1.0.0' })
  for (const gone of ['new', 'early', 'again', 'purged'])
    assert.equal(existsSync(join(home.layout.plugins, 'acme', gone)), false, gone)
  assert.equal(readdirSync(join(home.layout.plugins, 'acme', 'growing')).length, 1)
  assert.deepEqual(readdirSync(home.layout.staging), [])
})

test('a removal that a version with schema 6 had begun is finished', async (t) => {
  const home = await homeOfSchema6(t)
  const told = await opened(home)
  assert.deepEqual(
    told.filter(({ kind }) => kind === 'remove').map(({ name, outcome }) => `${name} ${outcome}`),
    ['acme/going finished', 'acme/leaving finished'],
  )
  assert.deepEqual(
    home.raw((db) => db.prepare("SELECT id FROM installations WHERE state = 'removing'").all()),
    [],
  )
  for (const gone of ['going', 'leaving'])
    assert.equal(existsSync(join(home.layout.plugins, 'acme', gone)), false, gone)
  // The version before: an update had taken its place.
  assert.equal(readdirSync(join(home.layout.plugins, 'acme', 'moved')).length, 1)
  assert.ok(existsSync(home.layout.data('acme/going' as PluginName)))
  assert.equal(existsSync(home.layout.data('acme/leaving' as PluginName)), false)
  const uids = home.raw((db) =>
    db.prepare<[], { name: string; uid: number | null }>('SELECT name, uid FROM plugins').all(),
  )
  assert.equal(uids.find(({ name }) => name === 'acme/leaving')?.uid, null)
  assert.notEqual(uids.find(({ name }) => name === 'acme/going')?.uid, null)
})

test('nothing of an old home is nobody’s, once it was opened', async (t) => {
  const home = await homeOfSchema6(t)
  await opened(home)
  const { collected, missing, foreign, keptData } = await home.manager.gc({ dryRun: true })
  assert.deepEqual([collected, missing, foreign], [[], [], []])
  assert.deepEqual(keptData.map(({ name }) => name).sort(), ['acme/again', 'acme/going', 'acme/left'])
  const { releases } = await home.manager.repair(null, { dryRun: true })
  assert.deepEqual(
    releases.filter(({ outcome }) => outcome !== 'good').map(({ name }) => name),
    ['acme/bad'],
  )
})

/** One that has the release whose install was killed. */
async function registryOf(home: OldHome): Promise<string> {
  const registry = join(dirname(home.layout.home), 'registry')
  const path = home.publish({ name: 'acme/growing', version: '2.0.0' })
  mkdirSync(registry)
  for (const end of ['', '.sigstore.json']) copyFileSync(`${path}${end}`, join(registry, `growing.tgz${end}`))
  await (await openMarketplace()).buildRegistry(registry)
  return registry
}

test('an old home goes on: updates, ways back, removals, and installs of what had been begun', async (t) => {
  const home = await homeOfSchema6(t)
  await opened(home)
  const { manager } = home
  const [updated] = await manager.update(['acme/growing'], { registry: await registryOf(home), consent: agree })
  assert.deepEqual([updated?.outcome, updated?.from, updated?.to], ['updated', '1.0.0', '2.0.0'])
  for (const name of ['acme/hello', 'acme/off']) {
    const { replaced, uid } = await home.install({ name, version: '2.0.0' })
    assert.equal(replaced, '1.0.0')
    assert.equal(manager.list().find((one) => one.name === name)?.uid, uid)
  }
  assert.equal(manager.list().find(({ name }) => name === 'acme/off')?.state, 'disabled', 'off stays off')
  assert.equal((await manager.rollback('acme/hello')).version, '1.0.0')
  await assert.rejects(home.install({ name: 'acme/moved', version: '1.0.0' }), { code: 'DOWNGRADE_REFUSED' })
  const republished = { name: 'acme/moved', version: '1.0.0', files: { 'main.js': 'other' } }
  await assert.rejects(home.install(republished, { allowDowngrade: true }), { code: 'VERSION_REPUBLISHED' })
  await home.install({ name: 'acme/moved', version: '1.0.0' }, { allowDowngrade: true })
  const again = await home.install({ name: 'acme/again' })
  assert.equal(again.uid, home.begunUids.get('acme/again'))
  // Other bytes than were begun: nobody ever had those.
  await home.install({ name: 'acme/new', files: { 'main.js': '// another\n' } })
  await home.install({ name: 'acme/purged', version: '2.0.0' })
  await manager.install(home.publish({ name: 'acme/left', version: '3.0.0' }), { consent: agree })
  assert.equal((await manager.enable('acme/off')).state, 'installed')
  for (const { name } of manager.list()) await manager.remove(name, { purge: true })
  assert.deepEqual(manager.list(), [])
  assert.deepEqual(
    home.raw((db) => db.prepare('SELECT name FROM plugins WHERE uid IS NOT NULL').pluck().all()),
    ['acme/going'],
  )
  manager.verifyAudit()
  assert.deepEqual((await manager.gc({ dryRun: true })).collected, [])
})
