import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PluginName } from '../../src/core/name.ts'
import { NO_USAGE, type Outcome } from '../../src/core/outcome.ts'
import { MINUTES_MAX } from '../../src/store/runs.ts'
import { makePlace, NAME, released } from './stores.ts'

const release = await released()
const run = (id: string) => ({ id, name: NAME, version: '1.0.0', profile: 'production', weaker: ['landlock'] })
const exited = (code: number): Outcome => ({
  outcome: 'exited',
  code,
  signal: null,
  limit: null,
  reason: null,
  error: null,
  limitsMet: ['files'],
  weaker: [],
  usage: NO_USAGE,
})

const LIMITS = { memoryBytes: 1, cpu: 1, processesMax: 1, filesMax: 1 }
const MINUTE = {
  ms: 60_000,
  samples: 6,
  cpuPermille: { average: 1, peak: 2 },
  memoryBytes: { average: 1, peak: 2 },
  processes: null,
  filesPeak: null,
  ioReadBytes: null,
  ioWriteBytes: null,
  outputBytes: 0,
  networkBytes: null,
}

test('a run is open until it has an outcome', (t) => {
  const place = makePlace(t)
  place.install(release)
  const { runs } = place.store
  runs.begin(run('r1'), process.pid)
  assert.deepEqual(
    runs.open().map(({ run: { id }, alive, pid }) => [id, alive, pid]),
    [['r1', true, process.pid]],
  )
  runs.end('r1', exited(7), 5_000)
  assert.deepEqual(runs.open(), [])
  const [record] = runs.history(NAME, 10)
  assert.deepEqual([record?.outcome, record?.endedAtMs, record?.weaker], [exited(7), 5_000, ['landlock']])
})

test('a hook is recorded as one, of its own installation, in the making too', (t) => {
  const place = makePlace(t)
  const { id } = place.install(release)
  const { runs } = place.store
  const hook = { name: 'postinstall', installation: id } as const
  place.raw((db) => db.exec("UPDATE installations SET state = 'installing'"))
  assert.throws(() => runs.begin(run('r1'), process.pid), { code: 'WRONG_STATE' })
  assert.throws(() => runs.begin(run('r1'), process.pid, { hook: { ...hook, installation: id + 1 } }), {
    code: 'WRONG_STATE',
  })
  runs.begin(run('r1'), process.pid, { hook })
  assert.equal(runs.open()[0]?.run.hook, 'postinstall')
  place.raw((db) => db.exec("UPDATE installations SET state = 'quarantined'"))
  assert.throws(() => runs.begin(run('r2'), process.pid, { hook }), { code: 'WRONG_STATE' })
  runs.refuse(run('r3'), exited(1), 'health')
  assert.equal(runs.find('r3')?.hook, 'health')
})

test('the first outcome is kept: two commands may take up the same report', (t) => {
  const place = makePlace(t)
  place.install(release)
  place.store.runs.begin(run('r1'), process.pid)
  place.store.runs.end('r1', exited(1))
  place.store.runs.end('r1', exited(2))
  place.store.runs.lose('r1')
  assert.equal(place.store.runs.history(NAME, 1)[0]?.outcome?.code, 1)
})

test('a run whose launcher is gone without a report was killed', (t) => {
  const place = makePlace(t)
  place.install(release)
  place.store.runs.begin(run('r1'), 2 ** 22 + 1) // beyond the largest pid there can be
  assert.equal(place.store.runs.open()[0]?.alive, false)
  place.store.runs.lose('r1')
  assert.equal(place.store.runs.history(null, 1)[0]?.outcome?.signal, 'SIGKILL')
})

test('history is newest first, of one plugin or all, and no longer than asked', async (t) => {
  const place = makePlace(t)
  place.install(release)
  place.install(await released({ name: 'acme/other' }))
  for (const id of ['r1', 'r2', 'r3']) place.store.runs.begin(run(id), process.pid)
  place.store.runs.begin({ ...run('o1'), name: 'acme/other' as PluginName }, process.pid)
  const ids = (name: PluginName | null, limit: number) => place.store.runs.history(name, limit).map(({ id }) => id)
  assert.deepEqual(ids(null, 10), ['o1', 'r3', 'r2', 'r1'])
  assert.deepEqual(ids(NAME, 2), ['r3', 'r2'])
  assert.deepEqual(ids('acme/none' as PluginName, 2), [])
})

test('what was seen of a run is kept with its first outcome, once', (t) => {
  const place = makePlace(t)
  place.install(release)
  const { runs, events } = place.store
  const seen = {
    events: [{ atMs: 4_000, kind: 'alert', details: { run: 'r1', limit: 'memory' } }],
    minutes: [
      { ...MINUTE, atMs: 60_000 },
      { ...MINUTE, atMs: 1 },
    ],
  }
  runs.begin(run('r1'), process.pid)
  assert.equal(runs.end('r1', exited(0), 5_000, seen), true)
  assert.equal(runs.end('r1', exited(0), 5_000, seen), false)
  assert.equal(runs.lose('r1', seen), false)
  const alerts = events.list(NAME, 50).filter(({ kind }) => kind === 'alert')
  assert.deepEqual(
    alerts.map(({ atMs, details }) => [atMs, details]),
    [[4_000, { run: 'r1', limit: 'memory' }]],
  )
  assert.deepEqual(runs.minutes('r1'), [
    { ...MINUTE, atMs: 1 },
    { ...MINUTE, atMs: 60_000 },
  ])
  assert.deepEqual(runs.minutes('r2'), [])
  events.verify()
})

test('a run lives as long as its launcher or its host, and is found where its row says', (t) => {
  const place = makePlace(t)
  place.install(release)
  const { runs } = place.store
  const where = { uid: 200_000, leaves: ['/x/bulkhead/bulkhead-r1'], data: null, limits: LIMITS }
  const gone = 2 ** 22 + 1 // beyond the largest pid there can be
  runs.begin(run('library'), gone, { place: where })
  assert.deepEqual(
    runs.open().map(({ alive, supervisor, place: at }) => [alive, supervisor, at]),
    [[false, null, where]],
  )
  runs.supervise('library', process.pid)
  assert.deepEqual(
    runs.open().map(({ alive, supervisor }) => [alive, supervisor?.split(':')[0]]),
    [[true, `${process.pid}`]],
  )
  runs.supervise('library', gone)
  assert.equal(runs.open()[0]?.alive, true, 'a launcher that is gone already leaves the row as it was')
  runs.end('library', exited(0))
  runs.begin(run('handed-over'), process.pid, { handsOver: true })
  assert.equal(runs.open()[0]?.supervisor?.split(':')[0], `${process.pid}`)
  assert.deepEqual([runs.find('library')?.outcome?.code, runs.find('none')], [0, null])
})

test('of all minutes the newest are kept', (t) => {
  const place = makePlace(t)
  place.install(release)
  const { runs } = place.store
  const minutes = (from: number, count: number) =>
    Array.from({ length: count }, (_, at) => ({ atMs: from + at, ...MINUTE }))
  for (const [id, from, count] of [
    ['r1', 0, 10],
    ['r2', 10, MINUTES_MAX - 5],
  ] as const) {
    runs.begin(run(id), process.pid)
    runs.end(id, exited(0), undefined, { events: [], minutes: minutes(from, count) })
  }
  assert.deepEqual(
    runs.minutes('r1').map(({ atMs }) => atMs),
    [5, 6, 7, 8, 9],
  )
  assert.equal(runs.minutes('r2').length, MINUTES_MAX - 5)
})
