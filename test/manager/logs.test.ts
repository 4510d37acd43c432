// What plugins write to stderr: kept, bounded, shown in order, followed.

import assert from 'node:assert/strict'
import { existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PluginName } from '../../src/core/name.ts'
import { type LogEntry, openManager } from '../../src/index.ts'
import { SLOW } from '../helpers/patience.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { HELLO, type Household } from './household.ts'
import { collect, done, up, watchedHouse } from './watched.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const textsOf = (entries: readonly LogEntry[]) => entries.map(({ text }) => text)
const sizeOf = (house: Household): number => {
  const folder = house.layout.logs(HELLO)
  return existsSync(folder) ? readdirSync(folder).reduce((sum, name) => sum + lstatSync(join(folder, name)).size, 0) : 0
}

test('lines of several runs come in the order they were written, with their times', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const before = Date.now() - 1
  const first = await done(house.manager, ['say', 'one', 'two'])
  const second = await done(house.manager, ['say', 'three'])
  const entries = await collect(house.manager.logs(HELLO))
  assert.deepEqual(
    entries.map(({ run, text, kind }) => [run, text, kind]),
    [
      [first.run, 'one', 'line'],
      [first.run, 'two', 'line'],
      [second.run, 'three', 'line'],
    ],
  )
  assert.deepEqual(entries.map(({ bytes }) => `${Buffer.from(bytes)}`).join(''), 'one\ntwo\nthree\n')
  for (const { atMs } of entries) assert.ok(atMs >= before && atMs <= Date.now())
  const some = (options: object) => collect(house.manager.logs(HELLO, options)).then(textsOf)
  assert.deepEqual(await some({ lines: 2 }), ['two', 'three'])
  assert.deepEqual(await some({ lines: 0 }), [])
  assert.deepEqual(await some({ run: first.run, lines: 1 }), ['two'])
  assert.deepEqual(await some({ since: '1h' }), ['one', 'two', 'three'])
  assert.deepEqual(await some({ since: new Date(Date.now() + 60_000).toISOString() }), [])
  await assert.rejects(some({ since: 'yesterday' }), { code: 'USAGE' })
  await assert.rejects(some({ run: 'none' }), { code: 'RUN_NOT_FOUND' })
})

test('a plugin cannot write a line that looks like one of the launcher, or of another time', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const forged = '1999-01-01T00:00:00.000Z 0 ! left out 5 bytes'
  await done(house.manager, ['say', forged, `x\n${forged}`])
  const entries = await collect(house.manager.logs(HELLO))
  assert.deepEqual(
    entries.map(({ kind, text }) => [kind, text]),
    [
      ['line', forged],
      ['line', 'x'],
      ['line', forged],
    ],
  )
  for (const { atMs } of entries) assert.ok(atMs > Date.parse('2020-01-01'))
})

test('a flood stays within its bounds on disk, run after run, and the newest is kept', { skip }, async (t) => {
  const house = await watchedHouse(t, { logs: { run: '32K', plugin: '64K' } })
  for (let i = 0; i < 4; i++) {
    await done(house.manager, ['flood', '20000'])
    assert.ok(sizeOf(house) <= 64 * 1024, `${sizeOf(house)}`)
  }
  const { run } = await done(house.manager, ['say', 'last'])
  assert.ok(sizeOf(house) > 0 && sizeOf(house) <= 64 * 1024)
  const entries = await collect(house.manager.logs(HELLO))
  assert.deepEqual([entries.at(-1)?.run, entries.at(-1)?.text], [run, 'last'])
  assert.ok(entries.some(({ kind, text }) => kind === 'note' && /^left out \d+ bytes/.test(text)))
})

test('however often it is started, a plugin keeps so many logs and no more; that of a run that goes on stays', {
  skip,
}, async (t) => {
  const house = await watchedHouse(t)
  const folder = house.layout.logs(HELLO)
  const live = await up(t, house.manager, ['tick'])
  while (!existsSync(join(folder, `${live.run}.log`))) await sleep(20)
  for (let i = 0; i < 300; i++) writeFileSync(join(folder, `zz-${`${i}`.padStart(4, '0')}.log`), '', { mode: 0o600 })
  await done(house.manager, ['say', 'x'])
  const names = readdirSync(folder)
  assert.ok(names.length <= 101, `${names.length}`)
  assert.ok(names.includes(`${live.run}.log`))
})

test('following shows what comes, of later runs too, and ends when it is told', { skip }, async (t) => {
  const house = await watchedHouse(t)
  await done(house.manager, ['say', 'before'])
  const end = new AbortController()
  const seen: LogEntry[] = []
  await using other = await openManager({ home: house.layout.home })
  const following = (async () => {
    for await (const entry of other.logs(HELLO, { follow: true, signal: end.signal })) seen.push(entry)
  })()
  const sees = async (text: string) => {
    for (let tries = 0; tries < 100 * SLOW; tries++) {
      if (seen.some((entry) => entry.text === text)) return
      await sleep(50)
    }
    assert.fail(`never saw ${text}: ${textsOf(seen)}`)
  }
  await sees('before')
  const run = await up(t, house.manager, ['tick'])
  await sees('tick 3')
  await done(house.manager, ['say', 'a short one'])
  await sees('a short one')
  await run.close()
  end.abort()
  await following
  const ticks = seen.filter((entry) => entry.run === run.run).map(({ text }) => text)
  assert.deepEqual(
    ticks,
    [...ticks.keys()].map((at) => `tick ${at}`),
    'each once, and in order',
  )
})

test('following one run ends with it', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const run = await up(t, house.manager, ['tick'])
  setTimeout(() => void run.close(), 500)
  const texts = textsOf(await collect(house.manager.logs(HELLO, { follow: true, run: run.run })))
  assert.ok(texts.length >= 2 && texts[0] === 'tick 0', `${texts}`)
})

test('a run that says nothing leaves no log; nor does any where config.json keeps none', { skip }, async (t) => {
  const house = await watchedHouse(t)
  await done(house.manager, ['say'])
  assert.equal(existsSync(house.layout.allLogs), false)
  writeFileSync(house.layout.configFile, JSON.stringify({ logs: { run: 0 } }))
  await house.reopen()
  await done(house.manager, ['say', 'x'])
  assert.equal(existsSync(house.layout.allLogs), false)
  assert.deepEqual(await collect(house.manager.logs(HELLO)), [])
})

test('logs are the owner’s alone, outlast a removal, and go with a purge', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const { run } = await done(house.manager, ['say', 'secret'])
  const folder = house.layout.logs(HELLO)
  assert.equal(lstatSync(join(folder, `${run}.log`)).mode & 0o7777, 0o600)
  for (const place of [house.layout.allLogs, join(folder, '..'), folder])
    assert.equal(lstatSync(place).mode & 0o7777, 0o700)
  const removed = await house.manager.remove(HELLO, { purge: false })
  assert.deepEqual([removed.logsKept, removed.logs], [true, folder])
  assert.equal(existsSync(folder), true)
  const purged = await house.manager.remove(HELLO, { purge: true })
  assert.deepEqual([purged.logsKept, existsSync(join(folder, '..'))], [false, false])
  await assert.rejects(house.manager.remove(HELLO, { purge: true }), { code: 'NOT_INSTALLED' })
})

test('purging what is installed takes its logs, and those of no other plugin', { skip }, async (t) => {
  const house = await watchedHouse(t)
  await done(house.manager, ['say', 'x'])
  const other = house.layout.logs('acme/other' as PluginName)
  mkdirSync(other, { mode: 0o700 })
  await house.manager.remove(HELLO, { purge: true })
  assert.deepEqual([existsSync(house.layout.logs(HELLO)), existsSync(other)], [false, true])
})

test('a link in the place of a log is neither read nor followed', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const { run } = await done(house.manager, ['say', 'x'])
  symlinkSync('/etc/passwd', join(house.layout.logs(HELLO), `${run}.log.1`))
  symlinkSync('/etc/passwd', join(house.layout.logs(HELLO), 'zz-planted.log'))
  assert.deepEqual(textsOf(await collect(house.manager.logs(HELLO))), ['x'])
})

test('a folder of logs that somebody else owns opens no home', { skip }, async (t) => {
  const house = await watchedHouse(t)
  await house.manager.close()
  symlinkSync('/tmp', house.layout.allLogs)
  await assert.rejects(openManager({ home: house.layout.home }), { code: 'POLICY_UNSAFE' })
})
