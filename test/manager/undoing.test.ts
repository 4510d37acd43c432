// What cannot be taken back at once: it is said, it is left to whoever comes next, and it keeps nobody else from anything.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { StoreError } from '../../src/core/errors.ts'
import type { PluginName } from '../../src/core/name.ts'
import type { StepUndo } from '../../src/core/step.ts'
import { formatRecovered, openManager, type Recovered } from '../../src/index.ts'
import { change } from '../../src/manager/change.ts'
import { type Host, openHost } from '../../src/manager/host.ts'
import { eventually } from '../runtime/launcher/launch.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { hooked, hookSpec } from './hooked.ts'
import { HELLO, type Household, household } from './household.ts'

const OTHER = 'acme/other' as PluginName
const GONE = '1:1:00000000-0000-0000-0000-000000000000'

/** As a process that was killed leaves it. */
function leftBehind(house: Household, name: PluginName, undo: StepUndo): void {
  house.raw((db) => {
    const { lastInsertRowid } = db
      .prepare("INSERT INTO changes (name, kind, holder, started_at_ms) VALUES (?, 'update', ?, 1)")
      .run(name, GONE)
    const step = "INSERT INTO steps (change_id, position, step, undo) VALUES (?, 1, 'x', ?)"
    db.prepare(step).run(lastInsertRowid, JSON.stringify(undo))
  })
}

const openChanges = (house: Household): unknown[] =>
  house.raw((db) => db.prepare('SELECT name, holder FROM changes ORDER BY name').all())

/** One start-up, and what it says that it has done. */
async function startUp(house: Household): Promise<Recovered[]> {
  const all: Recovered[] = []
  const manager = await openManager({ home: house.layout.home, onRecovered: (one) => all.push(one) })
  await manager.close()
  return all
}

async function hostOf(t: TestContext, house: Household): Promise<Host> {
  const host = await openHost({ home: house.layout.home })
  t.after(() => host.store.close())
  return host
}

test('a change that cannot be undone says why, keeps no other plugin from anything, and is tried again', async (t) => {
  const house = await household(t)
  await house.install()
  await house.install({ name: OTHER })
  // A file in the place of the folder that its snapshots are in: no folder below it can be dropped.
  const snapshots = house.layout.snapshots(HELLO)
  mkdirSync(dirname(snapshots), { recursive: true, mode: 0o700 })
  writeFileSync(snapshots, 'in the way')
  leftBehind(house, HELLO, { undo: 'drop-snapshot', folder: '1.0.0-000000000000' })
  leftBehind(house, OTHER, { undo: 'discard', folder: `${GONE}~0123` })

  const said = await startUp(house)
  assert.deepEqual(
    said.map(({ name, outcome }) => [name, outcome]),
    [
      [HELLO, 'left'],
      [OTHER, 'undone'],
    ],
  )
  assert.match(
    formatRecovered(said[0] as Recovered),
    /^the update of acme\/hello was interrupted, and could not be cleared up now \(cannot .*ENOTDIR.*\): the next command tries again$/,
  )
  assert.deepEqual(openChanges(house), [{ name: HELLO, holder: '' }])
  await house.reopen()
  assert.deepEqual(
    house.manager.list().map(({ name }) => name),
    [HELLO, OTHER],
  )
  await house.install({ name: OTHER, version: '2.0.0' })
  await assert.rejects(house.install({ version: '2.0.0' }), { code: 'DISK_FAILED' })

  rmSync(snapshots)
  assert.deepEqual(
    (await startUp(house)).map(({ name, outcome }) => [name, outcome]),
    [[HELLO, 'undone']],
  )
  await house.install({ version: '3.0.0' })
})

test('a row that leads out of what is ours is followed nowhere', async (t) => {
  const house = await household(t)
  await house.install()
  const outside = join(house.layout.home, 'precious')
  mkdirSync(outside)
  leftBehind(house, HELLO, { undo: 'discard', folder: '../precious' })
  const [left] = await startUp(house)
  assert.deepEqual([left?.outcome, left?.reason], ['left', 'cannot undo a step: its row names no folder of ours'])
  assert.equal(existsSync(outside), true)
})

/** A household on a disk that can be filled; `null`: none can be made here. */
async function onSmallDisk(t: TestContext): Promise<{ house: Household; fill(): void; empty(): void } | null> {
  const top = mkdtempSync(join(tmpdir(), 'bulkhead-small-'))
  if (process.geteuid?.() !== 0 || spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', top]).status !== 0) {
    rmdirSync(top)
    return null
  }
  const before = process.env.TMPDIR
  process.env.TMPDIR = top
  const house = await household(t)
  if (before === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = before
  // After those of the household, which lies on it.
  t.after(() => {
    execFileSync('umount', ['-l', top])
    rmdirSync(top)
  })
  const ballast = join(top, 'ballast')
  return {
    house,
    fill: () => assert.throws(() => writeFileSync(ballast, Buffer.alloc(2 ** 23)), { code: 'ENOSPC' }),
    empty: () => rmSync(ballast),
  }
}

test('on a full disk both reasons are said, and the change is found when its process has ended', async (t) => {
  const disk = await onSmallDisk(t)
  if (disk === null) return t.skip('only root may mount a small disk')
  const { house } = disk
  await house.install()
  const before = house.state()
  const host = await hostOf(t, house)
  const folder = `${GONE}~0123`
  const failing = change(host, HELLO, 'update', {}, ({ take }) =>
    take('unpack', { undo: 'discard', folder }, () => {
      mkdirSync(join(host.layout.staging, folder), { recursive: true, mode: 0o700 })
      disk.fill()
      throw new StoreError('DISK_FAILED', 'cannot unpack it: ENOSPC')
    }),
  )
  await assert.rejects(failing, {
    code: 'DISK_FAILED',
    message: /^cannot unpack it: ENOSPC \(and could not undo it: cannot write .*bulkhead\.db: /,
    hint: /the next command undoes what is left/,
  })
  // It waits for nobody: the one that is at work was itself.
  const began = Date.now()
  await assert.rejects(
    change(host, HELLO, 'update', {}, async () => 'done'),
    { code: 'DISK_FAILED' },
  )
  assert.ok(Date.now() - began < 5_000)
  disk.empty()
  // Not even that it was given up could be written down: for as long as this process lives, it is its own.
  assert.deepEqual(await startUp(house), [])
  const [row] = openChanges(house) as [{ holder: string }]
  assert.ok(row.holder.startsWith(`${process.pid}:`), row.holder)
  house.raw((db) => db.prepare('UPDATE changes SET holder = ?').run(GONE))
  assert.deepEqual(
    (await startUp(house)).map(({ name, outcome }) => [name, outcome]),
    [[HELLO, 'undone']],
  )
  assert.deepEqual(house.state(), before)
})

test('a change that this process could not give up is undone by its next one, when there is room again', async (t) => {
  const disk = await onSmallDisk(t)
  if (disk === null) return t.skip('only root may mount a small disk')
  const { house } = disk
  await house.install()
  const before = house.state()
  const host = await hostOf(t, house)
  const failing = change(host, HELLO, 'update', {}, ({ take }) =>
    take('unpack', { undo: 'discard', folder: 'x' }, () => {
      disk.fill()
      throw new StoreError('DISK_FAILED', 'cannot unpack it: ENOSPC')
    }),
  )
  await assert.rejects(failing, { code: 'DISK_FAILED' })
  disk.empty()
  assert.equal(
    await change(host, HELLO, 'update', {}, async ({ change: open }) => {
      host.store.changes.assertHeld(open)
      return 'done'
    }),
    'done',
  )
  assert.deepEqual(openChanges(house), [])
  assert.deepEqual(house.state(), before)
})

test('a change that has come true stands, also where it cannot be cleared up', async (t) => {
  const house = await household(t)
  await house.install()
  const host = await hostOf(t, house)
  const snapshots = house.layout.snapshots(HELLO)
  mkdirSync(dirname(snapshots), { recursive: true, mode: 0o700 })
  writeFileSync(snapshots, 'in the way')
  const going = host.store.find(HELLO)
  const done = await change(host, HELLO, 'update', {}, async ({ change: open }) => {
    if (going !== null) {
      host.store.retire(going, { purge: false, change: open, leftovers: [{ undo: 'drop-snapshot', folder: 'x' }] })
    }
    return 'done'
  })
  assert.equal(done, 'done')
  assert.deepEqual(openChanges(house), [{ name: HELLO, holder: '' }])
  rmSync(snapshots)
  const said = await startUp(house)
  assert.deepEqual(
    said.map(({ kind, outcome }) => [kind, outcome]),
    [['update', 'finished']],
  )
  assert.deepEqual(openChanges(house), [])
})

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const WAITING = { 'hook.py': '#!/usr/bin/python3\nimport time\ntime.sleep(60)\n' }
const POSTINSTALL = { hooks: { postinstall: { path: 'hook.py' } } }

test('a hook that a killed change has left is waited for, and only then the change is undone', { skip }, async (t) => {
  const { house, host, run, become } = await hooked(t, hookSpec(POSTINSTALL, WAITING))
  become('installing')
  const giveUp = new AbortController()
  const running = run('postinstall', { signal: giveUp.signal })
  running.catch(() => {})
  await eventually(() => host.store.runs.open().some(({ supervisor }) => supervisor !== null))
  become('installed')
  leftBehind(house, HELLO, { undo: 'discard', folder: `${GONE}~0123` })

  // It outlives the patience of a command: that one leaves all as it is, and goes on with its own work.
  assert.deepEqual(await startUp(house), [])
  assert.deepEqual(openChanges(house), [{ name: HELLO, holder: GONE }])

  const recovering = startUp(house)
  await sleep(300)
  assert.deepEqual(openChanges(house), [{ name: HELLO, holder: GONE }], 'it runs still')
  giveUp.abort(new Error('given up'))
  assert.deepEqual(
    (await recovering).map(({ name, outcome }) => [name, outcome]),
    [[HELLO, 'undone']],
  )
  await running.catch(() => {})
  assert.deepEqual(openChanges(house), [])
})
