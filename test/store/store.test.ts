import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PluginName } from '../../src/core/name.ts'
import { holderOf } from '../../src/store/holder.ts'
import { begin, makePlace, NAME, NOTHING, released, remove, retire, settle } from './stores.ts'

const first = await released()
const second = await released({ version: '2.0.0' })
const republished = await released({ files: { 'main.js': 'console.log("other bytes")\n' } })
const run = (version: string, id = 'r1') => ({ id, name: NAME, version, profile: 'production', weaker: [] })

test('an installation in the making is seen by nobody, until it is settled', (t) => {
  const { store } = makePlace(t)
  const begun = begin(store, first, { consent: { ...NOTHING, env: ['TOKEN'] } })
  assert.equal(begun.state, 'installing')
  assert.equal(store.find(NAME), null)
  assert.deepEqual(store.list(), [])

  const { installation, replaced } = settle(store, begun, first, { seal: Buffer.from('seal') })
  assert.equal(replaced, null)
  assert.equal(installation.state, 'installed')
  assert.equal(installation.digest, first.tarball.sha256)
  assert.deepEqual(installation.consent.env, ['TOKEN'])
  assert.deepEqual(store.find(NAME)?.seal, Buffer.from('seal'))
  assert.equal(store.list()[0]?.seal, null, 'a list carries no seals')
})

test('what a new release replaces is kept in the same moment', (t) => {
  const place = makePlace(t)
  const old = place.install(first)
  const { replaced } = settle(place.store, begin(place.store, second), second)
  assert.deepEqual([replaced?.id, replaced?.state, replaced?.isPurging], [old.id, 'kept', false])
  assert.deepEqual(
    place.store.kept(NAME).map(({ version }) => version),
    ['1.0.0'],
  )
  assert.equal(place.store.find(NAME)?.version, '2.0.0')
  assert.equal(place.store.list().length, 1)
})

test('two installs of one plugin cannot both begin', (t) => {
  const { store } = makePlace(t)
  begin(store, first)
  assert.throws(() => begin(store, second), { code: 'STORE_BUSY', message: new RegExp(`${process.pid}`) })
})

test('the same bytes are not installed twice', (t) => {
  const place = makePlace(t)
  place.install(first)
  assert.throws(() => begin(place.store, first), { code: 'ALREADY_INSTALLED' })
})

test('what has come to be kept is not begun a second time', async (t) => {
  const place = makePlace(t)
  const first = await released()
  place.install(first)
  place.install(await released({ version: '2.0.0' }))
  assert.throws(() => begin(place.store, first), { code: 'STORE_BUSY', message: /has just left that version/ })
  assert.deepEqual(place.store.changes.open(), [])
})

test('other bytes under a version that was seen are refused, even after a purge', (t) => {
  const place = makePlace(t)
  place.install(first)
  assert.throws(() => begin(place.store, republished), { code: 'VERSION_REPUBLISHED' })
  remove(place.store, NAME, true)
  assert.throws(() => begin(place.store, republished), { code: 'VERSION_REPUBLISHED' })
  assert.equal(place.store.history(NAME).digestOf('1.0.0'), first.tarball.sha256)
})

test('an install that looked at an older high-water mark must look again', (t) => {
  const place = makePlace(t)
  place.install(second)
  assert.throws(() => begin(place.store, first, { seenHighWater: null }), { code: 'STORE_BUSY' })
})

test('nothing begins over a tree or data that is still being taken away', (t) => {
  const place = makePlace(t)
  const leaving = retire(place.store, place.install(first), { purge: false })
  assert.throws(() => begin(place.store, first), { code: 'STORE_BUSY' })
  const begun = begin(place.store, second)
  place.store.forget(begun)
  place.store.changes.end(begun.change)
  place.store.forget(leaving)

  retire(place.store, place.install(first), { purge: true })
  assert.throws(() => begin(place.store, second), { code: 'STORE_BUSY' })
})

test('the high-water mark survives a purge', (t) => {
  const place = makePlace(t)
  place.install(second)
  remove(place.store, NAME, true)
  assert.equal(place.store.find(NAME), null)
  assert.equal(place.reopen().history(NAME).highWater, '2.0.0')
  assert.equal(place.store.history('acme/other' as PluginName).highWater, null)
})

test('a move that the transition table does not know is refused', (t) => {
  const place = makePlace(t)
  const installed = place.install(first)
  assert.throws(() => place.store.advance(installed, 'installed', 'again'), { code: 'WRONG_STATE' })
  const disabled = place.store.advance(installed, 'disabled', 'by hand')
  assert.equal(disabled.state, 'disabled')
  assert.equal(place.store.find(NAME)?.state, 'disabled')
  place.store.retire(disabled, { purge: false })
  assert.throws(() => place.store.advance(disabled, 'installed', 'too late'), {
    code: 'WRONG_STATE',
    message: /it is removing/,
  })
})

test('a row that is gone can neither be moved nor forgotten a second time', (t) => {
  const place = makePlace(t)
  const leaving = retire(place.store, place.install(first), { purge: false })
  place.store.forget(leaving)
  const { count } = place.store.events.verify()
  place.store.forget(leaving)
  assert.equal(place.store.events.verify().count, count, 'what did not happen is not told')
  assert.throws(() => place.store.advance(leaving, 'installed', 'x'), { code: 'WRONG_STATE' })
})

test('a plugin that runs is not removed, and one that is being removed does not start', (t) => {
  const place = makePlace(t)
  const installed = place.install(first)
  place.store.runs.begin(run('1.0.0'), process.pid)
  assert.throws(() => place.store.retire(installed, { purge: true }), { code: 'WRONG_STATE', hint: /plugins stop/ })
  place.store.runs.lose('r1')

  const leaving = retire(place.store, installed, { purge: true })
  assert.throws(() => place.store.runs.begin(run('1.0.0', 'r2'), process.pid), { code: 'WRONG_STATE' })
  place.store.forget(leaving)
  assert.throws(() => place.store.runs.begin(run('1.0.0', 'r2'), process.pid), { code: 'WRONG_STATE' })
})

test('neither a disabled plugin nor a version that was replaced meanwhile starts', (t) => {
  const place = makePlace(t)
  const installed = place.install(first)
  assert.throws(() => place.store.runs.begin(run('0.9.0'), process.pid), { code: 'WRONG_STATE' })
  place.store.advance(installed, 'disabled', 'by hand')
  assert.throws(() => place.store.runs.begin(run('1.0.0'), process.pid), { code: 'WRONG_STATE' })
})

test('what a dead process left pending is found, and finished by one process only', async (t) => {
  const place = makePlace(t)
  const begun = begin(place.store, first)
  assert.deepEqual(place.store.interrupted(), [], 'this process lives')

  const child = spawn('sleep', ['60'])
  const holder = holderOf(child.pid ?? 0) ?? ''
  place.raw((db) => db.prepare('UPDATE installations SET holder = ?').run(holder))
  assert.deepEqual(place.store.interrupted(), [], 'its process lives')
  child.kill('SIGKILL')
  await once(child, 'exit')

  const [found] = place.store.interrupted()
  assert.equal(found?.id, begun.id)
  assert.ok(found)
  assert.equal(place.store.claim(found)?.holder, holderOf(process.pid))
  assert.equal(place.store.claim(found), null, 'another one was faster')
  assert.deepEqual(place.store.interrupted(), [])
})

test('a row that is abandoned belongs to the next command', (t) => {
  const place = makePlace(t)
  const leaving = retire(place.store, place.install(first), { purge: true })
  place.store.abandon(leaving)
  const [found] = place.reopen().interrupted()
  assert.equal(found?.isPurging, true, 'that its data goes too is not forgotten')
})

test('a release is held as long as another row needs its tree', (t) => {
  const place = makePlace(t)
  const installed = place.install(first)
  assert.equal(place.store.holdsRelease(installed), false)
  assert.equal(place.store.holdsRelease({ ...installed, id: installed.id + 1 }), true)
})

test('a user id stays with the data, is given back by a purge, and used again', async (t) => {
  const place = makePlace(t)
  const other = await released({ name: 'acme/other' })
  const { uid } = place.install(first)
  assert.equal(uid, 200_000)
  remove(place.store, NAME, false)
  assert.equal(place.install(other).uid, 200_001)
  assert.equal(place.install(first).uid, 200_000)
  remove(place.store, NAME, true)
  assert.equal(place.install(await released({ name: 'acme/third' })).uid, 200_000)
  assert.equal(place.install(first).uid, 200_002)
})

test('when no user id is left nothing is installed, and nothing of it stays', async (t) => {
  const place = makePlace(t, { first: 300_000, count: 1 })
  place.install(first)
  const before = place.raw((db) => db.prepare('SELECT count(*) AS n FROM plugins').get())
  const other = await released({ name: 'acme/other' })
  assert.throws(() => begin(place.store, other), { code: 'UIDS_EXHAUSTED', hint: /--purge/ })
  assert.deepEqual(
    place.raw((db) => db.prepare('SELECT count(*) AS n FROM plugins').get()),
    before,
  )
})

test('a range that was moved gives new ids from the new range, and takes none away', async (t) => {
  const place = makePlace(t)
  assert.equal(place.install(first).uid, 200_000)
  place.reopen({ first: 500_000, count: 2 })
  assert.equal(place.install(await released({ name: 'acme/other' })).uid, 500_000)
  assert.equal(place.store.find(NAME)?.uid, 200_000)
})

const plugins = await Promise.all(
  ['a', 'b', 'c', 'd', 'e'].map(async (letter) => ({
    name: `acme/${letter}` as PluginName,
    release: await released({ name: `acme/${letter}` }),
  })),
)

test('whatever is installed, removed and purged, no two plugins that have files share a user id', (t) => {
  const step = fc.tuple(fc.constantFrom(...plugins), fc.constantFrom('install', 'remove', 'purge'))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const place = makePlace(t, { first: 1000, count: 3 })
      const owners = new Map<string, number>() // with data on disk
      for (const [{ name, release }, verb] of steps) {
        const isInstalled = place.store.find(name) !== null
        if (verb === 'install' && !isInstalled) {
          const isFull = !owners.has(name) && owners.size === 3
          if (isFull) assert.throws(() => place.install(release), { code: 'UIDS_EXHAUSTED' })
          else owners.set(name, place.install(release).uid)
        } else if (verb !== 'install' && isInstalled) {
          remove(place.store, name, verb === 'purge')
          if (verb === 'purge') owners.delete(name)
        }
        assert.equal(new Set(owners.values()).size, owners.size)
        for (const uid of owners.values()) assert.ok(uid >= 1000 && uid < 1003)
      }
      place.store.events.verify()
      place.store.close()
    }),
    { numRuns: 25 },
  )
})

test('a seal is kept with its installation', (t) => {
  const place = makePlace(t)
  const installed = place.install(first)
  place.store.reseal(installed, Buffer.from([1, 2, 3]))
  assert.deepEqual(place.store.find(NAME)?.seal, Buffer.from([1, 2, 3]))
})
