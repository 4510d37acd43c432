import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import type { Sha256 } from '../../src/core/digest.ts'
import { Layout } from '../../src/core/layout.ts'
import type { PluginName } from '../../src/core/name.ts'
import { holderOf } from '../../src/store/holder.ts'
import { type Inventory, takeInventory } from '../../src/store/inventory.ts'
import { makePlace, NAME, type Place, released, remove } from './stores.ts'

const GONE = '1:1:00000000-0000-0000-0000-000000000000'
const DIGEST = 'd'.repeat(64) as Sha256
const OTHER = 'acme/other' as PluginName

interface Shelf extends Place {
  readonly layout: Layout
  take(busy?: readonly PluginName[]): Inventory
  /** A folder with one file of so many bytes in it. */
  put(path: string, bytes?: number): string
}

async function shelf(context: TestContext): Promise<Shelf> {
  const place = makePlace(context)
  const layout = new Layout(dirname(place.path))
  const installation = place.install(await released())
  const made: Shelf = Object.assign(place, {
    layout,
    take: (busy: readonly PluginName[] = []) => {
      const db = new Database(place.path)
      try {
        return takeInventory(db, { layout, nowMs: Date.now(), isBusy: (name) => busy.includes(name) })
      } finally {
        db.close()
      }
    },
    put: (path: string, bytes = 10_000) => {
      mkdirSync(path, { recursive: true })
      writeFileSync(join(path, 'file'), Buffer.alloc(bytes, 1))
      return path
    },
  })
  made.put(layout.release(NAME, installation.version, installation.digest))
  made.put(layout.data(NAME))
  return made
}

const EMPTY: Inventory = {
  releasesWithoutRow: [],
  rowsWithoutRelease: [],
  dataWithoutPlugin: [],
  logsWithoutPlugin: [],
  snapshotsWithoutRow: [],
  snapshotRowsWithoutFolder: [],
  leakedUids: [],
  staging: [],
  downloads: [],
  foreign: [],
}

/** Sizes aside: how many blocks a folder takes is the file system's. */
function without(inventory: Inventory): Inventory {
  return JSON.parse(JSON.stringify(inventory, (key, value) => (key === 'bytes' ? undefined : value))) as Inventory
}

test('a host where both sides agree has nothing to be told of', async (t) => {
  const { take } = await shelf(t)
  assert.deepEqual(take(), EMPTY)
})

test('a release that no row speaks of is found, with what it takes of the disk', async (t) => {
  const { take, put, layout } = await shelf(t)
  const path = put(layout.release(NAME, '2.0.0', DIGEST), 1_000_000)
  const found = take()
  assert.deepEqual(without(found), { ...EMPTY, releasesWithoutRow: [{ name: NAME, version: '2.0.0', path }] })
  assert.ok((found.releasesWithoutRow[0]?.bytes ?? 0) >= 1_000_000)
})

test('a row whose release is gone is found, and so is one with a link in its place', async (t) => {
  const { take, layout, store, put } = await shelf(t)
  const { version, digest } = store.find(NAME) ?? assert.fail()
  const path = layout.release(NAME, version, digest)
  renameSync(path, join(layout.home, 'elsewhere'))
  const rowsWithoutRelease = [{ name: NAME, version, state: 'installed', path }]
  assert.deepEqual(without(take()), { ...EMPTY, rowsWithoutRelease })
  put(join(layout.home, 'elsewhere'))
  symlinkSync(join(layout.home, 'elsewhere'), path)
  assert.deepEqual(without(take()), { ...EMPTY, rowsWithoutRelease, foreign: [path] })
})

test('data and logs of a plugin that is not installed are told apart: kept, or left by a purge', async (t) => {
  const { take, put, layout, store } = await shelf(t)
  const [data, logs] = [layout.data(NAME), put(layout.logs(OTHER))]
  remove(store, NAME, false)
  rmSync(join(layout.plugins), { recursive: true })
  assert.deepEqual(without(take()), {
    ...EMPTY,
    dataWithoutPlugin: [{ name: NAME, path: data, fate: 'kept' }],
    logsWithoutPlugin: [{ name: OTHER, path: logs, fate: 'unknown' }],
  })
})

test('a user id that nothing belongs to is leaked; with data, or a run that goes on, it is in use', async (t) => {
  const { take, layout, store, raw } = await shelf(t)
  remove(store, NAME, false)
  rmSync(join(layout.plugins), { recursive: true })
  assert.deepEqual(take().leakedUids, [])
  rmSync(join(layout.data(NAME), 'file'))
  mkdirSync(layout.snapshots(NAME), { recursive: true })
  assert.deepEqual(take().leakedUids, [{ name: NAME, uid: 200_000 }])
  mkdirSync(join(layout.snapshots(NAME), '1.0.0-0123456789ab'))
  assert.deepEqual(take().leakedUids, [])
  rmSync(layout.allSnapshots, { recursive: true })
  assert.deepEqual(take([NAME]).leakedUids, [], 'somebody is at work on it')
  raw((db) =>
    db.exec(`INSERT INTO runs (id, plugin_id, version, profile, weaker, holder, started_at_ms)
             SELECT 'r', id, '1.0.0', 'production', '[]', '', 1 FROM plugins`),
  )
  assert.deepEqual(take().leakedUids, [])
})

test('snapshots are compared both ways', async (t) => {
  const { take, put, layout, raw } = await shelf(t)
  const snapshot = (folder: string) =>
    raw((db) =>
      db
        .prepare(
          `INSERT INTO snapshots (plugin_id, release_id, folder, bytes, taken_at_ms)
           SELECT plugin_id, id, ?, 1, 1 FROM releases`,
        )
        .run(folder),
    )
  const path = put(join(layout.snapshots(NAME), 'a'))
  assert.deepEqual(without(take()), { ...EMPTY, snapshotsWithoutRow: [{ name: NAME, path }] })
  snapshot('a')
  assert.deepEqual(take(), EMPTY)
  raw((db) => db.exec("UPDATE snapshots SET folder = 'b'"))
  assert.deepEqual(without(take()), {
    ...EMPTY,
    snapshotsWithoutRow: [{ name: NAME, path }],
    snapshotRowsWithoutFolder: [{ id: 1, name: NAME, path: join(layout.snapshots(NAME), 'b') }],
  })
})

test('of staging only what dead processes left, and of downloads what is a day old', async (t) => {
  const { take, put, layout } = await shelf(t)
  const dead = put(join(layout.staging, `${GONE}~0123`))
  put(join(layout.staging, `${holderOf(process.pid)}~0123`))
  const downloads = put(join(layout.cache, 'downloads'))
  const old = join(downloads, `${DIGEST}.part`)
  writeFileSync(old, '')
  utimesSync(old, 1, 1)
  assert.deepEqual(without(take()), {
    ...EMPTY,
    staging: [{ path: dead }],
    downloads: [{ path: old }],
  } as unknown as Inventory)
})

test('what has no name of ours is told, and neither entered nor taken for a release', async (t) => {
  const { take, put, layout } = await shelf(t)
  const foreign = [
    put(join(layout.plugins, 'acme/hello/notes')),
    put(join(layout.plugins, 'acme/hello/1.0-0123456789ab')),
    put(join(layout.plugins, 'Acme/hello')),
    put(join(layout.plugins, 'acme/..hidden')),
  ]
  const link = join(layout.plugins, 'linked')
  symlinkSync(layout.home, link)
  const file = join(layout.plugins, 'acme/hello/README')
  writeFileSync(file, '')
  assert.deepEqual(without(take()), { ...EMPTY, foreign: [...foreign, link, file].sort() })
})

test('what somebody is at work on is left out', async (t) => {
  const { take, put, layout } = await shelf(t)
  put(layout.release(NAME, '2.0.0', DIGEST))
  put(join(layout.snapshots(NAME), 'a'))
  assert.deepEqual(take([NAME]), EMPTY)
})
