// Whatever becomes of the fork server and of a launcher that waits, a run has its input, and an end that is told.

import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Run } from '../../../src/index.ts'
import { Launchers } from '../../../src/runtime/index.ts'
import type { ForkedLauncher } from '../../../src/runtime/launching/forked-launcher.ts'
import { Runs } from '../../../src/store/runs.ts'
import { HELLO, type Household, household, manifestOf } from '../../manager/household.ts'
import { field, hasEnded, serverPidOf, until, withServer } from '../../runtime/forks.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

/** With a plugin that gives back what it is told. */
async function furnished(t: TestContext): Promise<Household> {
  const house = await household(t)
  await house.install({
    files: {
      'main.py': 'import sys\nsys.stdout.write(sys.stdin.read())',
      'plugin.json': manifestOf({ entry: { runtime: 'python', path: 'main.py' } }),
    },
  })
  return house
}

/** With a fork server, too. */
async function forked(t: TestContext): Promise<Household> {
  const house = await furnished(t)
  await withServer(async () => {
    const run = await house.manager.run(HELLO)
    run.stdin?.end()
    await run.outcome
  })
  return house
}

/** What happens between the moment in which a launcher has come and that in which its run is begun. */
function meanwhile(t: TestContext, happens: (launcher: ForkedLauncher) => Promise<void>): void {
  const { ask } = Launchers.prototype
  t.mock.method(Launchers.prototype, 'ask', async function (this: Launchers, start: Parameters<typeof ask>[0]) {
    const launcher = await ask.call(this, start)
    if (launcher !== null) await happens(launcher)
    return launcher
  })
}

async function answered(run: Run): Promise<string> {
  run.stdin?.end('said')
  const [output, outcome] = await Promise.all([text(run.stdout as never), run.outcome])
  assert.equal(outcome.outcome, 'exited')
  return output
}

test('a run whose launcher has lost its server before it was begun has its input', { skip }, async (t) => {
  const house = await forked(t)
  let waiting = 0
  meanwhile(t, async ({ pid, gone }) => {
    waiting = pid
    process.kill(serverPidOf(), 'SIGKILL')
    await gone
  })
  const run = await house.manager.run(HELLO)
  assert.equal(await answered(run), 'said')
  assert.notEqual(run.pid, waiting)
  await until('the one that waited has ended', () => hasEnded(waiting))
})

test('a run whose launcher has ended before it was begun has another', { skip }, async (t) => {
  const house = await forked(t)
  meanwhile(t, async ({ pid, gone }) => {
    process.kill(pid, 'SIGKILL')
    assert.equal(await gone, 'SIGKILL')
  })
  assert.equal(await answered(await house.manager.run(HELLO)), 'said')
})

test('a run does not go on when its server has ended, however early that was', { skip }, async (t) => {
  const house = await forked(t)
  // Nobody has heard of it yet, and the launcher takes for its parent who has taken it in.
  meanwhile(t, async ({ pid }) => {
    const server = serverPidOf()
    process.kill(server, 'SIGKILL')
    for (let begun = Date.now(); field(pid, 'PPid') === String(server); ) assert.ok(Date.now() - begun < 5_000)
  })
  const run = await house.manager.run(HELLO)
  const { outcome, signal } = await run.outcome
  assert.deepEqual([outcome, signal], ['signalled', 'SIGKILL'])
  await until('it has ended', () => hasEnded(run.pid))
  t.mock.restoreAll()
  assert.equal(await answered(await house.manager.run(HELLO)), 'said', 'and the next one runs')
})

test('a run whose launcher is killed has an end, though the server is stopped and cannot tell', { skip }, async (t) => {
  const house = await forked(t)
  const run = await house.manager.run(HELLO)
  await run.started
  const server = serverPidOf()
  assert.equal(field(run.pid, 'PPid'), String(server))
  process.kill(server, 'SIGSTOP')
  process.kill(run.pid, 'SIGKILL')
  const words = /left no report \(its parent cannot tell\)/
  const late = sleep(10_000, undefined, { ref: false }).then(() => assert.fail('it has none'))
  await assert.rejects(Promise.race([run.outcome, late]), { code: 'LAUNCH_FAILED', message: words })
  const next = await house.manager.run(HELLO)
  assert.equal(await answered(next), 'said', 'and the next one runs')
  await house.manager.close()
  assert.ok(hasEnded(server))
})

test('a launcher that is stopped ends with its server all the same', { skip }, async (t) => {
  const house = await forked(t)
  const run = await house.manager.run(HELLO)
  await run.started
  process.kill(run.pid, 'SIGSTOP')
  process.kill(serverPidOf(), 'SIGKILL')
  const late = sleep(10_000, undefined, { ref: false }).then(() => assert.fail('it goes on'))
  assert.equal((await Promise.race([run.outcome, late])).signal, 'SIGKILL')
  await until('it has ended', () => hasEnded(run.pid))
})

for (const whose of ['its host', 'the server'] as const) {
  test(`a run of which nobody could be told does not go on, started by ${whose}`, { skip }, async (t) => {
    const house = await (whose === 'its host' ? furnished(t) : forked(t))
    let begun = 0
    t.mock.method(Runs.prototype, 'supervise', (_run: string, pid: number) => {
      begun = pid
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' })
    })
    await assert.rejects(house.manager.run(HELLO), { code: 'LAUNCH_FAILED', message: /can open no more files/ })
    assert.ok(begun > 0)
    await until('it has ended', () => hasEnded(begun))
    const [last] = house.manager.history(HELLO, 1)
    assert.equal(last?.outcome?.error, 'LAUNCH_FAILED')
  })
}
