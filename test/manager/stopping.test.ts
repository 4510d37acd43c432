// `stop` ends the runs that were named and nobody else, whoever started them, and says how.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openManager } from '../../src/index.ts'
import { stopLauncher } from '../../src/runtime/index.ts'
import { findLauncher } from '../../src/runtime/launcher-binary.ts'
import { SLOW } from '../helpers/patience.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { HELLO, household } from './household.ts'
import { done, startOf, up, watchedHouse } from './watched.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('a plugin that listens ends when asked; one that ignores SIGTERM ends with its whole tree when the grace is over', {
  skip,
}, async (t) => {
  const house = await watchedHouse(t)
  const obedient = await up(t, house.manager, ['wait'])
  const deaf = await up(t, house.manager, ['deaf'])
  const { pid: init = 0 } = (await deaf.started) ?? {}
  const stopped = await house.manager.stop(HELLO, { grace: `${800 * SLOW}ms` })
  assert.deepEqual(
    stopped.map(({ run, name, version, how }) => [run, name, version, how]),
    [
      [obedient.run, HELLO, '1.0.0', 'ended'],
      [deaf.run, HELLO, '1.0.0', 'killed'],
    ],
  )
  assert.ok((stopped[1]?.ms ?? 0) >= 800 * SLOW)
  assert.equal((await obedient.outcome).signal, 'SIGTERM')
  assert.equal((await deaf.outcome).signal, 'SIGKILL')
  assert.equal(isAlive(init), false)
  assert.deepEqual(await house.manager.ps(), [])
})

test('one run of several is stopped by its name, and the others go on', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const [one, two] = [await up(t, house.manager, ['wait']), await up(t, house.manager, ['wait'])]
  await using other = await openManager({ home: house.layout.home })
  const stopped = await other.stop(null, { run: two.run })
  assert.deepEqual(
    stopped.map(({ run }) => run),
    [two.run],
  )
  await two.outcome
  assert.deepEqual(
    (await other.ps()).map(({ run }) => run),
    [one.run],
  )
  await assert.rejects(other.stop(HELLO, { run: two.run }), { code: 'NOT_RUNNING' })
  await assert.rejects(other.stop(HELLO, { run: 'none' }), { code: 'RUN_NOT_FOUND' })
})

test('where nothing runs there is nothing to stop', { skip }, async (t) => {
  const house = await watchedHouse(t)
  await done(house.manager, ['say', 'x'])
  await assert.rejects(house.manager.stop(HELLO), { code: 'NOT_RUNNING', exitCode: 4 })
  await assert.rejects(house.manager.stop(null), { code: 'NOT_RUNNING' })
})

test('a launcher that was killed meanwhile is not there to be stopped, and a stranger with its number is not touched', {
  skip,
}, async (t) => {
  const house = await watchedHouse(t)
  const run = await up(t, house.manager, ['wait'])
  // The kernel counts start times in hundredths of a second: two processes of the same one could be taken for each other.
  await new Promise((resolve) => setTimeout(resolve, 50))
  const stranger = spawn('sleep', ['60'])
  t.after(() => stranger.kill('SIGKILL'))
  const pid = stranger.pid ?? 0
  // As if the number had been given to another process since: the row's start time is the launcher's.
  house.raw((db) =>
    db
      .prepare('UPDATE runs SET supervisor = ? || substr(supervisor, ?) WHERE id = ?')
      .run(`${pid}`, `${run.pid}`.length + 1, run.run),
  )
  assert.deepEqual(
    (await house.manager.stop(HELLO, { grace: '0' })).map(({ how }) => how),
    ['gone'],
  )
  assert.deepEqual([isAlive(pid), stranger.signalCode], [true, null])

  const killed = await up(t, house.manager, ['wait'])
  process.kill(killed.pid, 'SIGKILL')
  await assert.rejects(killed.outcome, { code: 'LAUNCH_FAILED' })
  await assert.rejects(house.manager.stop(HELLO, { run: killed.run }), { code: 'NOT_RUNNING' })
  assert.equal((await house.manager.runRecord(killed.run)).outcome?.signal, 'SIGKILL')
})

test("another user's run is not ended, and the error says who it is", { skip }, async (t) => {
  const house = await watchedHouse(t)
  const run = await up(t, house.manager, ['wait'])
  const launcher = { pid: run.pid, start: startOf(run.pid) }
  // The same program, as a user who may not signal root's processes.
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-other-user-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o755)
  const [copy, asNobody] = [join(folder, 'launch'), join(folder, 'as-nobody')]
  copyFileSync(findLauncher(), copy)
  writeFileSync(asNobody, `#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups ${copy} "$@"\n`)
  for (const path of [copy, asNobody]) chmodSync(path, 0o755)
  await assert.rejects(stopLauncher(asNobody, launcher, 100), {
    code: 'STOP_FAILED',
    message: /^cannot stop the run of process \d+: the launcher does not take a signal/,
    hint: new RegExp(`ps -o user,stat,args -p ${run.pid}$`),
  })
  assert.equal((await house.manager.ps(HELLO)).length, 1)
})

test('a grace that is none is refused before anything is stopped', { skip }, async (t) => {
  const house = await watchedHouse(t)
  await up(t, house.manager, ['wait'])
  for (const grace of ['', '-1s', '5', '99h', 'soon']) {
    await assert.rejects(house.manager.stop(HELLO, { grace }), { code: 'USAGE' })
  }
  assert.equal((await house.manager.ps(HELLO)).length, 1)
})

test('a plugin that runs is not removed, and the error says how to end it', { skip }, async (t) => {
  const house = await watchedHouse(t)
  await up(t, house.manager, ['wait'])
  await assert.rejects(house.manager.remove(HELLO, { purge: false }), {
    code: 'WRONG_STATE',
    hint: `end it first: plugins stop ${HELLO}`,
  })
})

test('what never was here cannot be stopped', async (t) => {
  const house = await household(t)
  await assert.rejects(house.manager.stop(HELLO), { code: 'NOT_INSTALLED' })
})
