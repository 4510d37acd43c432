// What a host calls its sandboxes, and where that is seen; and what it passes to them.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { HELLO, household, manifestOf } from './household.ts'
import { hostile } from './loading/speakers.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

/** Says what it was given, and stays until its input ends. */
const spec = {
  files: {
    'main.py': 'import json, sys\nprint(json.dumps(sys.argv[1:]), flush=True)\nsys.stdin.read()\n',
    'plugin.json': manifestOf({ entry: { runtime: 'python', path: 'main.py' } }),
  },
}

const commandLine = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0] ?? ''
const parentOf = (pid: number): number =>
  Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])

test('a spawned plugin is seen by the name that its host gave it', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec)
  await using one = await house.manager.spawn(HELLO, { name: 'oslo-1' })
  await using other = await house.manager.spawn(HELLO)
  assert.deepEqual([one.instance, other.instance], ['oslo-1', null])
  const running = await house.manager.ps(HELLO)
  const launcher = running.find(({ run }) => run === one.run)
  assert.equal(launcher?.instance, 'oslo-1')
  assert.equal(running.find(({ run }) => run === other.run)?.instance, null)
  assert.equal(commandLine(launcher?.pid ?? 0), 'bulkhead-launch: acme/hello oslo-1')
  assert.equal(commandLine(parentOf(one.pid)), 'bulkhead-launch: acme/hello oslo-1', "the sandbox's first process")
  await one.close()
  assert.equal((await house.manager.runRecord(one.run)).instance, 'oslo-1')
})

test('the arguments of a host reach the program, a text as it is and a value as JSON', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec)
  await using one = await house.manager.spawn(HELLO, { args: ['--at', { city: 'Oslo' }, 7, null, '7'] })
  one.stdin?.end()
  assert.deepEqual(JSON.parse(await text(one.stdout ?? assert.fail('it has no stdout'))), [
    ...['--at', '{"city":"Oslo"}', '7', 'null', '7'],
  ])
  await assert.rejects(house.manager.spawn(HELLO, { args: [() => 1] as never }), {
    code: 'USAGE',
    message: /args\[0\]/,
  })
  await assert.rejects(house.manager.spawn(HELLO, { name: 'No. 1' }), { code: 'USAGE', message: /"No. 1"/ })
})

test('instances are called by their places, before and after a restart', { skip }, async (t) => {
  const house = await household(t)
  await house.install(hostile('os._exit(1)'))
  const restart = { minMs: 10, maxMs: 50, jitter: 0 }
  await using plugin = await house.manager.load(HELLO, { instances: 2, name: 'oslo', restart })
  const names = async () => (await plugin.stats()).instances.map(({ instance }) => instance).sort()
  assert.deepEqual(await names(), ['oslo-1', 'oslo-2'])
  const crashed = once(plugin, 'crash')
  const started = once(plugin, 'started')
  await assert.rejects(plugin.call('hostile'), { code: 'PLUGIN_ENDED' })
  const [{ instance }] = await crashed
  assert.match(instance, /^oslo-[12]$/)
  assert.equal((await started)[0].instance, instance)
  assert.deepEqual(await names(), ['oslo-1', 'oslo-2'])
  const tooLong = house.manager.load(HELLO, { instances: 2, name: 'x'.repeat(32) })
  await assert.rejects(tooLong, { code: 'USAGE', message: /x-1": expected 1 to 32/ })
})
