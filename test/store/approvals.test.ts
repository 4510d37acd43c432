import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askedBy } from '../../src/core/agreement.ts'
import { DEFAULT_CONFIG } from '../../src/core/config.ts'
import type { Sha256 } from '../../src/core/digest.ts'
import type { PluginName } from '../../src/core/name.ts'
import type { VerifiedRelease } from '../../src/core/verified.ts'
import type { Widening } from '../../src/core/widening.ts'
import type { NewApproval } from '../../src/store/index.ts'
import { begin, makePlace, NAME, type Place, released, remove, settle } from './stores.ts'

const first = await released()
const second = await released({ version: '2.0.0' })
const other = await released({ name: 'acme/other' })

const WHO = { user: 'root', uid: 0, sudo: { user: 'alice', uid: 1000 } }
const WIDER: Widening = {
  permissions: { network: [], read: [], env: ['TOKEN'] },
  limits: [],
  publisher: null,
  provenance: [],
  hooks: [],
  protocol: null,
  runtime: null,
}

function approvalOf(release: VerifiedRelease, change: Partial<NewApproval> = {}): NewApproval {
  const { statement } = release.verified
  const { agreement } = askedBy(DEFAULT_CONFIG, release.manifest, { ...release.verified, unsignedUntil: null })
  const { name, version, sha256 } = statement
  return { name, version, sha256, way: 'asked', who: WHO, agreement, by: null, basis: null, ...change }
}

function install({ store }: Place, release: VerifiedRelease, approval = approvalOf(release)) {
  return settle(store, begin(store, release), release, { approval }).installation
}

test('who agreed to what is kept with the install, and is in the trail in the same moment', (t) => {
  const place = makePlace(t)
  install(place, first)
  const [kept] = place.store.approvals.list(NAME, 10)
  const { basis: _, by: __, ...approval } = approvalOf(first)
  assert.deepEqual(kept && { ...kept, id: 0, atMs: 0 }, { ...structuredClone(approval), id: 0, atMs: 0 })
  const event = place.store.events.latest(NAME, ['approved'])
  const { version, sha256, way, by, who } = approvalOf(first)
  assert.deepEqual(event?.details, { version, sha256, way, by, who })
})

test('the latest of a plugin is the newest, and of that plugin alone', (t) => {
  const place = makePlace(t)
  install(place, first)
  install(place, other, approvalOf(other, { way: 'yes' }))
  install(place, second, approvalOf(second, { way: 'granted' }))
  assert.deepEqual(
    [place.store.approvals.latest(NAME)?.version, place.store.approvals.latest(NAME)?.way],
    ['2.0.0', 'granted'],
  )
  assert.equal(place.store.approvals.latest('acme/none' as PluginName), null)
  const named = place.store.approvals.list(null, 10).map(({ name, version }) => `${name} ${version}`)
  assert.deepEqual(named, ['acme/hello 2.0.0', 'acme/other 1.0.0', 'acme/hello 1.0.0'])
  assert.equal(place.store.approvals.list(null, 2).length, 2)
  remove(place.store, NAME, true)
  assert.equal(place.store.approvals.list(NAME, 10).length, 2, 'what was agreed to is told after a removal, too')
})

test('an approval of other bytes, another version or another plugin installs nothing', (t) => {
  const place = makePlace(t)
  for (const change of [
    { sha256: '0'.repeat(64) as Sha256 },
    { version: '1.0.1' },
    { name: 'acme/other' as PluginName },
  ]) {
    const before = place.store.find(NAME)
    const begun = begin(place.store, first)
    assert.throws(() => settle(place.store, begun, first, { approval: approvalOf(first, change) }), {
      code: 'WRONG_STATE',
      message: /agreed to was/,
    })
    assert.equal(place.store.find(NAME), before)
    assert.deepEqual(place.store.approvals.list(null, 10), [])
    place.store.forget(begun)
    place.store.changes.end(begun.change)
  }
})

test('what is no wider than one approval is not installed after another one came', (t) => {
  const place = makePlace(t)
  install(place, first)
  const stale = approvalOf(second, { way: 'unchanged', basis: 17 })
  assert.throws(() => install(place, second, stale), { code: 'STORE_BUSY' })
  assert.equal(place.store.find(NAME)?.version, '1.0.0')
})

test('what waits is said once, and taken away by the install', (t) => {
  const place = makePlace(t)
  install(place, first)
  const { approvals, events } = place.store
  const waits = { name: NAME, version: '2.0.0', sha256: second.tarball.sha256, source: 'main', widening: WIDER }
  approvals.wait(waits)
  const [kept] = approvals.waiting(NAME)
  assert.deepEqual(kept, { ...waits, sinceMs: kept?.sinceMs })
  approvals.wait(waits)
  assert.equal(approvals.waiting()[0]?.sinceMs, kept?.sinceMs)
  assert.equal(events.list(NAME, 100).filter(({ kind }) => kind === 'waiting').length, 1)
  approvals.wait({ ...waits, version: '2.1.0', sha256: '1'.repeat(64) as Sha256 })
  assert.deepEqual(
    [approvals.waiting().length, approvals.waiting()[0]?.version],
    [1, '2.1.0'],
    'one of a plugin, the newest',
  )
  assert.deepEqual(approvals.waiting('acme/other' as PluginName), [])
  install(place, second)
  assert.deepEqual(approvals.waiting(), [])
})

test('waiting ends with its reason in the trail; where nothing waits, nothing is said', (t) => {
  const place = makePlace(t)
  install(place, first)
  const { approvals, events } = place.store
  approvals.stopWaiting(NAME, 'it was withdrawn')
  assert.equal(events.latest(NAME, ['waiting-ended']), null)
  approvals.wait({ name: NAME, version: '2.0.0', sha256: second.tarball.sha256, source: null, widening: WIDER })
  approvals.stopWaiting(NAME, 'it was withdrawn')
  assert.equal(events.latest(NAME, ['waiting-ended'])?.details.reason, 'it was withdrawn')
  assert.deepEqual(approvals.waiting(), [])
  assert.throws(
    () =>
      approvals.wait({
        name: 'acme/none' as PluginName,
        version: '1.0.0',
        sha256: second.tarball.sha256,
        source: null,
        widening: WIDER,
      }),
    { code: 'NOT_INSTALLED' },
  )
})

test('a row that makes no sense is an error that names it, and no other', (t) => {
  const place = makePlace(t)
  install(place, first)
  place.store.approvals.wait({
    name: NAME,
    version: '2.0.0',
    sha256: second.tarball.sha256,
    source: null,
    widening: WIDER,
  })
  const damage = (sql: string) =>
    place.raw((db) => {
      db.pragma('ignore_check_constraints = ON')
      db.exec(sql)
    })
  const { grants, given_by } = place.raw((db) => db.prepare('SELECT grants, given_by FROM approvals').get()) as Record<
    string,
    string
  >
  for (const [column, value] of [
    ['grants', 'null'],
    ['grants', '[]'],
    ['grants', '{"permissions":{"network":["x"]}}'],
    ['grants', '{'],
    ['given_by', '"root"'],
    ['given_by', ''],
    ['way', 'magic'],
  ]) {
    damage(`UPDATE approvals SET ${column} = '${value}'`)
    for (const look of [() => place.store.approvals.latest(NAME), () => place.store.approvals.list(null, 5)])
      assert.throws(
        look,
        { code: 'STORE_UNREADABLE', message: /acme\/hello 1\.0\.0, row 1 of approvals/ },
        `${column} ${value}`,
      )
    place.raw((db) => db.prepare("UPDATE approvals SET grants = ?, given_by = ?, way = 'asked'").run(grants, given_by))
  }
  for (const value of ['null', '{"permissions":null}', '{']) {
    damage(`UPDATE waiting SET widening = '${value}'`)
    assert.throws(() => place.store.approvals.waiting(), {
      code: 'STORE_UNREADABLE',
      message: /waits for acme\/hello 2\.0\.0/,
    })
  }
})
