import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PluginName } from '../../src/core/name.ts'
import { NO_USAGE, type Outcome } from '../../src/core/outcome.ts'
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
