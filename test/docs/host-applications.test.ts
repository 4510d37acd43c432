// Every program of the page for host applications is run, against the plugin that the page of the protocol shows.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { agree, household, trust } from '../manager/household.ts'
import { nodeSpeaker, pythonSpeaker } from '../manager/loading/speakers.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { blocks, read, root } from './documents.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const [kit = ''] = blocks(read('docs/jsonrpc.md'), 'js')
const [python = ''] = blocks(read('docs/jsonrpc.md'), 'py')

const WEATHER = {
  name: 'acme/weather',
  config: { units: { type: 'string', enum: ['si', 'us'], default: 'si' } },
}

const programs = blocks(read('docs/host-applications.md'), 'js')

test('the programs of the page run, with the plugin of the page of the protocol', { skip }, async (t) => {
  const house = await household(t)
  await trust(house.layout, house.publisher)
  const weather = {
    ...nodeSpeaker(kit.replace('@bulkhead/plugins/plugin', './plugin.js'), WEATHER),
    name: 'acme/weather',
  }
  await house.manager.install(house.publish(weather), { consent: agree })
  await house.manager.install(
    house.publish({
      name: 'acme/hello',
      files: {
        'main.mjs': "console.log('Hello, ' + process.argv[2] + '!')\n",
        'plugin.json': JSON.stringify({
          name: 'acme/hello',
          version: '1.0.0',
          entry: { runtime: 'node', path: 'main.mjs' },
        }),
      },
    }),
    { consent: agree },
  )
  await house.manager.close()
  const said = programs.map((program) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: root,
      env: { ...process.env, BULKHEAD_HOME: house.layout.home },
      encoding: 'utf8',
      timeout: 60_000,
    })
    return { status, stdout, stderr }
  })
  const [five, calls, ends, processes] = said
  assert.equal(said.length, 4)
  assert.deepEqual([five?.status, five?.stdout, five?.stderr], [0, "{ city: 'Oslo', high: 5 }\n", ''])
  assert.deepEqual([calls?.status, calls?.stderr], [0, ''])
  assert.match(calls?.stdout ?? '', /^CALL_FAILED .*rpcCode: 404/)
  assert.match(calls?.stdout ?? '', /hour: 23 }\nok\n$/)
  assert.deepEqual([ends?.status, ends?.stderr], [0, ''])
  assert.match(ends?.stdout ?? '', /^\S+ \d+\n0\n$/)
  assert.deepEqual([processes?.status, processes?.stderr], [0, ''])
  assert.match(processes?.stdout ?? '', /Hello, Ada!/)
  await house.reopen()
})

test('the plugin in Python of the page answers as the one in Node', { skip }, async (t) => {
  const house = await household(t)
  await house.install(pythonSpeaker(python))
  await using plugin = await house.manager.load('acme/hello', { functions: { now: () => 'noon' } })
  assert.deepEqual(await plugin.call('forecast', { city: 'Oslo' }), { city: 'Oslo', high: 5 })
  assert.equal(await plugin.call('stamp'), 'noon')
  await assert.rejects(plugin.call('forecast', { city: 'Rome' }), { code: 'CALL_FAILED' })
  let hours = 0
  for await (const _ of plugin.stream('hours', { city: 'Oslo' })) hours++
  assert.equal(hours, 24)
})
