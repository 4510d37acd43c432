import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { openManager } from '../../src/index.ts'
import { openHost } from '../../src/manager/host.ts'
import { begin } from '../../src/manager/launch.ts'
import { LiveRuns } from '../../src/manager/live-runs.ts'
import { prepare } from '../../src/manager/run.ts'
import { findLauncher, Launcher } from '../../src/runtime/index.ts'
import { compile } from '../helpers/compile.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { HELLO, household } from './household.ts'
import { pluginSpec } from './programs.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const SLEEP = '#include <unistd.h>\nint main(void){ write(1, "up\\n", 3); for (;;) pause(); }'

test('closing a manager ends its runs, and loses no outcome', { skip }, async (t) => {
  const house = await household(t)
  await house.install(pluginSpec(await compile(SLEEP, { static: true })))
  const run = await house.manager.run(HELLO)
  await new Promise((resolve) => run.stdout?.once('data', resolve))
  assert.deepEqual(readdirSync(house.layout.spool), [run.run])

  await house.manager.close()
  const outcome = await run.outcome
  assert.deepEqual([outcome.outcome, outcome.signal], ['signalled', 'SIGKILL'])
  assert.equal(existsSync(`/proc/${(await run.started)?.pid}`), false, 'the plugin is gone when close returns')
  await house.manager.close()
  await assert.rejects(house.manager.run(HELLO), { code: 'WRONG_STATE' })

  await using again = await openManager({ home: house.layout.home })
  const [record] = again.history(HELLO, 1)
  assert.deepEqual(record?.outcome, outcome)
  assert.deepEqual(readdirSync(house.layout.spool), [], 'nothing is left in the spool')
})

test('a run that is only just starting is ended too', { skip }, async (t) => {
  const house = await household(t)
  await house.install(pluginSpec(await compile(SLEEP, { static: true })))
  const starting = house.manager.run(HELLO)
  await house.manager.close()
  const outcome = await (await starting).outcome
  assert.equal(outcome.outcome === 'exited', false)
  await using again = await openManager({ home: house.layout.home })
  assert.deepEqual(
    again.history(HELLO, 5).map((one) => one.outcome),
    [outcome],
  )
})

test('what is still being prepared when closing waits no longer is not started any more', { skip }, async (t) => {
  const house = await household(t)
  await house.install(pluginSpec(await compile(SLEEP, { static: true })))
  const host = await openHost({ home: house.layout.home })
  t.after(() => host.store.close())
  const live = new LiveRuns()
  const { promise: slow, resolve: goOn } = Promise.withResolvers<void>()
  // A disk that does not answer, at the worst moment.
  const starting = live.add(HELLO, async () => {
    const plan = await prepare(host, HELLO, {})
    await slow
    return begin(host, plan, new Launcher({ binary: findLauncher() }), {}, live.isOpen)
  })
  const failing = live.add(HELLO, async () => {
    await slow
    throw new TypeError('The database connection is not open')
  })
  await live.close()
  goOn()
  const closed = { name: 'StoreError', code: 'WRONG_STATE', message: /its manager has been closed$/ }
  await Promise.all([assert.rejects(starting, closed), assert.rejects(failing, closed)])
  assert.deepEqual(await house.manager.ps(HELLO), [])
  const [record] = house.manager.history(HELLO, 1)
  assert.deepEqual([record?.outcome?.outcome, record?.outcome?.error], ['refused', 'WRONG_STATE'])
  assert.equal(existsSync(house.layout.spool), false, 'nothing was put there for it')
})
