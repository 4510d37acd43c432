// Runs seen from another process than the one that started them: what goes on, what it uses, and alerts.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type JournalLine, openManager } from '../../src/index.ts'
import { figuresOf } from '../../src/runtime/index.ts'
import { SLOW } from '../helpers/patience.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { HELLO, household } from './household.ts'
import { collect, done, up, watchedHouse } from './watched.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

test('two runs side by side are both seen, by another manager too, and go on', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const runs = [await up(t, house.manager, ['wait']), await up(t, house.manager, ['open', '20'])]
  await using other = await openManager({ home: house.layout.home })
  const seen = await other.ps(HELLO)
  assert.deepEqual(
    seen.map(({ run, name, version, profile, pid }) => [run, name, version, profile, pid]),
    runs.map(({ run, pid }) => [run, HELLO, '1.0.0', 'production', pid]),
  )
  for (const one of seen) {
    assert.equal(one.processes, 1, 'the sandbox itself is not counted')
    assert.ok(one.memoryBytes !== null && one.memoryBytes > 0 && one.memoryBytes < 2 ** 24, `${one.memoryBytes}`)
    assert.equal(one.limits?.filesMax, 256)
  }
  assert.deepEqual(
    seen.map(({ files }) => files),
    [3, 23],
  )
  assert.equal((await other.ps()).length, 2)
  await runs[0]?.close()
  assert.equal((await other.ps(HELLO)).length, 1)
  await runs[1]?.close()
  assert.deepEqual(await other.ps(), [])
})

test('a busy loop shows how busy it is, held to its limit, and one that waits does not', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const busy = await up(t, house.manager, ['burn'])
  const idle = await up(t, house.manager, ['wait'])
  const stats = await house.manager.stats(HELLO, { everyMs: 1_000 })
  const of = (run: string) => stats.find((one) => one.run === run)?.cpuPermille ?? -1
  // Another machine's noise takes from it, and cannot give more than half a processor.
  assert.ok(of(busy.run) > 50 && of(busy.run) < 700, `${of(busy.run)}`)
  assert.ok(of(idle.run) >= 0 && of(idle.run) < 50, `${of(idle.run)}`)
})

test('without cgroups to ask, /proc tells the same', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const run = await up(t, house.manager, ['deaf'])
  const [seen] = await house.manager.ps(HELLO)
  const figures = figuresOf(run.pid, [])
  assert.equal(figures.processes, 2)
  assert.equal(seen?.processes, 2)
  assert.equal(figures.files, seen?.files)
  assert.ok(figures.memoryBytes !== null && figures.memoryBytes > 0, `${figures.memoryBytes}`)
  assert.ok(figures.cpuMs !== null && figures.cpuMs <= (seen?.cpuMs ?? 0) + 100)
})

test('watching goes on until the signal ends it, and sees runs come and go', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const end = new AbortController()
  const counts: number[] = []
  const run = await up(t, house.manager, ['wait'])
  for await (const stats of house.manager.watchStats(null, { everyMs: 100, signal: end.signal })) {
    counts.push(stats.length)
    if (counts.length === 2) await run.close()
    if (counts.length === 4) end.abort()
  }
  assert.deepEqual(counts.slice(0, 2), [1, 1])
  assert.equal(counts.at(-1), 0)
})

test('a manager that is closed ends whoever watches through it', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const other = await openManager({ home: house.layout.home })
  const watching = [collect(other.watchStats(null, { everyMs: 50 })), collect(other.logs(HELLO, { follow: true }))]
  await sleep(200)
  await other.close()
  await Promise.all(watching)
})

test('what is not installed cannot be looked at; what was removed can', { skip }, async (t) => {
  const house = await watchedHouse(t)
  for (const look of [
    () => house.manager.ps('acme/other'),
    () => house.manager.stats('acme/other'),
    () => house.manager.stop('acme/other'),
    () => collect(house.manager.logs('acme/other')),
  ]) {
    await assert.rejects(async () => look(), { code: 'NOT_INSTALLED' })
  }
  const { run } = await done(house.manager, ['say', 'kept'])
  await house.manager.remove(HELLO, { purge: false })
  assert.deepEqual(await house.manager.ps(HELLO), [])
  assert.deepEqual(
    (await collect(house.manager.logs(HELLO))).map((entry) => [entry.run, entry.text]),
    [[run, 'kept']],
  )
})

test('minutes of a run are there while it goes on and afterwards; of a short one there are none', {
  skip,
}, async (t) => {
  const house = await watchedHouse(t)
  const { run: short } = await done(house.manager, ['say', 'x'])
  assert.deepEqual(await house.manager.minutes(short), [])
  writeFileSync(house.layout.configFile, JSON.stringify({ sample: '100ms' }))
  await house.reopen()
  const run = await up(t, house.manager, ['burn'])
  await sleep(700 * SLOW)
  assert.equal((await house.manager.runRecord(run.run)).outcome, null)
  assert.deepEqual(await house.manager.minutes(run.run), [], 'its first minute is not over')
  await run.close()
  const [minute, ...rest] = await house.manager.minutes(run.run)
  assert.deepEqual(rest, [])
  assert.ok(minute !== undefined && minute.samples >= 2 && minute.ms >= 200, JSON.stringify(minute))
  assert.ok((minute.cpuPermille?.average ?? 0) > 50, JSON.stringify(minute))
  assert.ok((minute.memoryBytes?.peak ?? 0) > 0 && minute.filesPeak === 3, JSON.stringify(minute))
  await assert.rejects(house.manager.minutes('none'), { code: 'RUN_NOT_FOUND' })
  await assert.rejects(house.manager.runRecord('none'), { code: 'RUN_NOT_FOUND' })
})

test('a limit that is near is told to the host as it happens, and is in the trail when the run has ended', {
  skip,
}, async (t) => {
  const house = await watchedHouse(t, { sample: '100ms', profiles: { production: { alerts: { cpu: 0 } } } })
  const alert = Promise.withResolvers<JournalLine>()
  const run = await up(t, house.manager, ['open', '230'], { onJournal: alert.resolve })
  const line = await alert.promise
  assert.deepEqual(
    [line.event, 'limit' in line && line.limit, 'value' in line && line.value, 'max' in line && line.max],
    ['alert', 'files', 233, 256],
  )
  await run.close()
  const events = house.manager.audit(HELLO, 10).filter(({ kind }) => kind === 'alert')
  assert.deepEqual(
    events.map(({ details }) => [details.run, details.limit, details.percent]),
    [[run.run, 'files', 91]],
  )
})

test('an alert that config.json sets higher, or to never, is not told', { skip }, async (t) => {
  const alerts = { files: 95, cpu: 0, memory: 0 }
  const house = await watchedHouse(t, { sample: '100ms', profiles: { production: { alerts } } })
  const run = await up(t, house.manager, ['open', '230'])
  await sleep(500)
  await run.close()
  assert.deepEqual(
    house.manager.audit(HELLO, 10).filter(({ kind }) => kind === 'alert'),
    [],
  )
})

test('a plan says how the run will be watched', { skip }, async (t) => {
  const house = await watchedHouse(t, { logs: { run: 0 }, sample: '2s' })
  const { watch } = await house.manager.plan(HELLO)
  assert.deepEqual(watch, { sampleMs: 2_000, alerts: { memory: 80, cpu: 90, files: 80 }, log: null })
})

test('a name that is none is a fault of the command line', async (t) => {
  const house = await household(t)
  await assert.rejects(house.manager.ps('../x'), { code: 'USAGE' })
})
