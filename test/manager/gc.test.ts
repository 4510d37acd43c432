import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sha256 } from '../../src/core/digest.ts'
import type { PluginName } from '../../src/core/name.ts'
import { collect, type GcReport } from '../../src/manager/gc.ts'
import { type Host, openHost } from '../../src/manager/host.ts'
import { neighbours } from '../../src/manager/neighbours.ts'
import { holderOf } from '../../src/store/holder.ts'
import { HELLO, type Household, household } from './household.ts'

const GONE = '1:1:00000000-0000-0000-0000-000000000000'
const DIGEST = 'd'.repeat(64) as Sha256
const SIZE = 1_000_000

async function open(t: TestContext, house: Household): Promise<Host> {
  const host = await openHost({ home: house.layout.home })
  t.after(() => host.store.close())
  return host
}

/** A folder with a file of a megabyte in it. */
function put(path: string): string {
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'file'), Buffer.alloc(SIZE, 1))
  return path
}

const told = ({ collected }: GcReport) => collected.map(({ what, name, detail }) => [what, name, detail])

test('a host that has nothing to spare is left as it is', async (t) => {
  const house = await household(t)
  await house.install()
  const before = house.state()
  const report = await collect(await open(t, house))
  assert.deepEqual(report, {
    isDryRun: false,
    collected: [],
    bytes: 0,
    left: [],
    keptData: [],
    missing: [],
    foreign: [],
  })
  assert.deepEqual(house.state(), before)
})

test('what no row speaks of goes, and is told with what it took of the disk', async (t) => {
  const house = await household(t)
  await house.install()
  const { layout } = house
  const going = [
    put(layout.release(HELLO, '2.0.0', DIGEST)),
    put(join(layout.snapshots(HELLO), 'forgotten')),
    put(join(layout.staging, `${GONE}~0123`)),
  ]
  const download = join(put(join(layout.cache, 'downloads')), `${DIGEST}.part`)
  writeFileSync(download, Buffer.alloc(SIZE, 1))
  utimesSync(download, 1, 1)
  const host = await open(t, house)
  const report = await collect(host)
  assert.deepEqual(told(report), [
    ['release', HELLO, '2.0.0-dddddddddddd'],
    ['snapshot', HELLO, 'forgotten'],
    ['staging', null, `${GONE}~0123`],
    ['download', null, `${DIGEST}.part`],
  ])
  assert.ok(report.bytes >= 4 * SIZE && report.bytes < 5 * SIZE, `${report.bytes}`)
  for (const path of [...going, download]) assert.equal(existsSync(path), false, path)
  assert.equal((await house.manager.verify(HELLO)).ok, true)
  assert.deepEqual(
    host.store.events
      .list(null, 2)
      .map(({ kind, subject }) => [kind, subject])
      .sort(),
    [
      ['collected', HELLO],
      ['collected', 'gc'],
    ],
  )
  assert.deepEqual((await collect(host)).collected, [])
})

test('a dry run says the same, and does nothing', async (t) => {
  const house = await household(t)
  await house.install()
  put(house.layout.release(HELLO, '2.0.0', DIGEST))
  const before = house.state()
  const host = await open(t, house)
  const planned = await collect(host, { dryRun: true })
  assert.deepEqual(house.state(), before)
  assert.equal(planned.isDryRun, true)
  const { isDryRun: _, ...done } = await collect(host)
  assert.deepEqual({ ...done, isDryRun: true }, planned)
})

test('data is kept with a plugin that was removed, and goes with one that was purged', async (t) => {
  const house = await household(t)
  await house.install()
  await house.install({ name: 'acme/other' })
  const other = 'acme/other' as PluginName
  for (const name of [HELLO, other]) for (const kind of ['data', 'logs'] as const) put(house.layout[kind](name))
  await house.manager.remove(HELLO, { purge: false })
  await house.manager.remove(other, { purge: true })
  // As if somebody had put it back, or the disk had not been there.
  for (const kind of ['data', 'logs'] as const) put(house.layout[kind](other))
  const unknown = put(house.layout.data('acme/unknown' as PluginName))
  const report = await collect(await open(t, house))
  assert.deepEqual(told(report), [
    ['data', other, 'other'],
    ['logs', other, 'other'],
  ])
  assert.deepEqual(
    report.keptData.map(({ path }) => path),
    [house.layout.data(HELLO), unknown],
  )
  for (const path of [house.layout.data(HELLO), house.layout.logs(HELLO), unknown]) assert.equal(existsSync(path), true)
  assert.equal(existsSync(house.layout.data(other)), false)
})

test('a user id that nothing belongs to is given to the next', async (t) => {
  const house = await household(t)
  const { uid } = await house.install()
  await house.manager.remove(HELLO, { purge: false })
  const host = await open(t, house)
  assert.deepEqual(told(await collect(host)), [['uid', HELLO, `${uid}`]])
  assert.deepEqual((await collect(host)).collected, [])
  assert.equal((await house.install({ name: 'acme/next' })).uid, uid)
})

test('versions beyond those to keep go, the ones that were left first; one that runs stays', async (t) => {
  const house = await household(t)
  for (const version of ['1.0.0', '2.0.0', '3.0.0']) await house.install({ version, files: { 'main.js': version } })
  writeFileSync(house.layout.configFile, JSON.stringify({ keepVersions: 1 }), { mode: 0o600 })
  const host = await open(t, house)
  house.raw((db) =>
    db
      .prepare(
        `INSERT INTO runs (id, plugin_id, version, profile, weaker, holder, started_at_ms)
         SELECT 'r', id, '1.0.0', 'production', '[]', ?, 1 FROM plugins`,
      )
      .run(holderOf(process.pid)),
  )
  assert.deepEqual(told(await collect(host)), [['version', HELLO, '2.0.0']])
  assert.deepEqual(
    host.store.kept(HELLO).map(({ version }) => version),
    ['1.0.0'],
  )
  assert.equal((await house.manager.verify(HELLO)).ok, true)
  house.raw((db) => db.exec('DELETE FROM runs'))
  assert.deepEqual(told(await collect(host)), [['version', HELLO, '1.0.0']])
  assert.equal(readdirSync(join(house.layout.plugins, HELLO)).length, 1)
})

test('a row without its snapshot goes; one without its release is told, for repair', async (t) => {
  const house = await household(t)
  await house.install()
  house.raw((db) =>
    db.exec(`INSERT INTO snapshots (plugin_id, release_id, folder, bytes, taken_at_ms)
             SELECT plugin_id, id, 'nowhere', 1, 1 FROM releases`),
  )
  rmSync(dirname(dirname(house.packageOf())), { recursive: true })
  const host = await open(t, house)
  const report = await collect(host)
  assert.deepEqual(told(report), [['snapshot-row', HELLO, '1']])
  assert.deepEqual(report.missing, [{ name: HELLO, version: '1.0.0' }])
  assert.equal(house.raw((db) => db.prepare('SELECT count(*) AS n FROM snapshots').get() as { n: number }).n, 0)
})

test('what another process is at work on is left to the next time', async (t) => {
  const house = await household(t)
  await house.install()
  const path = put(house.layout.release(HELLO, '2.0.0', DIGEST))
  const staged = put(join(house.layout.staging, `${GONE}~0123`))
  const host = await open(t, house)
  const change = host.store.changes.begin(HELLO, 'update')
  host.store.changes.note(change, 'unpack', { undo: 'discard', folder: `${GONE}~0123` })
  assert.deepEqual((await collect(host)).collected, [])
  assert.deepEqual([existsSync(path), existsSync(staged)], [true, true])
  host.store.changes.end(change)
  assert.equal((await collect(host)).collected.length, 2)
})

test('what cannot be removed is told with the reason, and keeps nothing else', async (t) => {
  const house = await household(t)
  await house.install()
  const [first, second] = ['2.0.0', '3.0.0'].map((version) => put(house.layout.release(HELLO, version, DIGEST)))
  if (process.geteuid?.() !== 0 || spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', first ?? '']).status !== 0) {
    return t.skip('only root may mount')
  }
  try {
    const report = await collect(await open(t, house))
    assert.deepEqual(told(report), [['release', HELLO, '3.0.0-dddddddddddd']])
    assert.deepEqual(
      report.left.map(({ detail }) => detail),
      ['2.0.0-dddddddddddd'],
    )
    assert.match(report.left[0]?.reason ?? '', /^cannot remove [^ ]*: EBUSY/)
    assert.equal(existsSync(second ?? ''), false)
  } finally {
    execFileSync('umount', [first ?? ''])
  }
})

test('a version beyond those to keep whose files cannot be deleted is told with the reason, and goes with a later command', async (t) => {
  const house = await household(t)
  for (const version of ['1.0.0', '2.0.0']) await house.install({ version })
  const host = await open(t, house)
  const greedy = { ...host, config: { ...host.config, keepVersions: 1 } }
  const first = kept(host)
  const inside = join(host.layout.release(HELLO, first.version, first.digest), 'root', 'tmp')
  if (process.geteuid?.() !== 0 || spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', inside]).status !== 0) {
    return t.skip('only root may mount')
  }
  t.after(() => spawnSync('umount', ['-l', inside]))
  const report = await collect(greedy)
  assert.deepEqual(told(report), [])
  assert.match(report.left[0]?.reason ?? '', /^cannot remove [^ ]*: (?:EBUSY.*|Device or resource busy '.*')$/)
  // It is no version any more; what is left of it belongs to whoever comes next, and this process lives on.
  assert.deepEqual(host.store.kept(HELLO), [])
  const waiting = house.raw((db) => db.prepare("SELECT holder FROM installations WHERE state = 'removing'").all())
  assert.deepEqual(waiting, [{ holder: '' }])
  const [away] = readdirSync(house.layout.staging)
  execFileSync('umount', [join(house.layout.staging, away ?? '', 'root', 'tmp')])
  await house.reopen()
  assert.equal(house.raw((db) => db.prepare('SELECT count(*) AS n FROM installations').get() as { n: number }).n, 1)
})

function kept({ store }: Host) {
  const [first] = store.kept(HELLO)
  if (first === undefined) throw new Error('two versions were installed')
  return first
}

test('folders that a removal left empty go; what has something in it stays', async (t) => {
  const house = await household(t)
  await house.install()
  const { layout } = house
  for (const name of ['acme/gone', 'other/gone', 'lone']) mkdirSync(join(layout.plugins, name), { recursive: true })
  writeFileSync(join(layout.plugins, 'acme', 'file'), '')
  await collect(await open(t, house), { dryRun: true })
  assert.equal(existsSync(join(layout.plugins, 'lone')), true)
  await collect(await open(t, house))
  assert.deepEqual(readdirSync(layout.plugins), ['acme'])
  assert.deepEqual(readdirSync(join(layout.plugins, 'acme')), ['file', 'hello'])
  assert.equal(existsSync(house.packageOf()), true)
})

test('a link in the place of a namespace is told, not followed, and nothing behind it goes', async (t) => {
  const house = await household(t)
  await house.install()
  const elsewhere = put(join(house.layout.home, '../elsewhere/tool/1.0.0-0123456789ab'))
  const link = join(house.layout.plugins, 'linked')
  symlinkSync(join(house.layout.home, '../elsewhere'), link)
  const report = await collect(await open(t, house))
  assert.deepEqual([report.collected, report.foreign], [[], [link]])
  assert.equal(existsSync(join(elsewhere, 'file')), true)
})

test('after versions that shared files are gone, the seal of what is installed holds', async (t) => {
  const house = await household(t)
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`lib/f${at}.js`, `value(${at})\n`]))
  for (const version of ['1.0.0', '2.0.0']) {
    await house.install({ version, files: { ...files, 'main.js': version } })
    await sleep(30)
  }
  writeFileSync(house.layout.configFile, JSON.stringify({ keepVersions: 1 }), { mode: 0o600 })
  const host = await open(t, house)
  if (host.store.find(HELLO)?.seal == null) return t.skip('the launcher is not built')
  assert.deepEqual(told(await collect(host)), [['version', HELLO, '1.0.0']])
  const [beside] = await neighbours(host, HELLO)
  const { seal } = host.store.find(HELLO) ?? assert.fail()
  const found = await host.trees.check(house.packageOf(), beside?.files ?? [], seal)
  assert.deepEqual(
    found,
    { modified: [], missing: [], extra: [], seal: null },
    'no fresh seal: the one that was kept held',
  )
})
