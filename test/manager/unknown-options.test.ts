// A host in JavaScript has no compiler to tell it of a misspelt option.

import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { loadGoPlugin } from '../../src/grpc.ts'
import { openManager, type PluginManager } from '../../src/index.ts'
import { sandboxed } from '../../src/mcp.ts'
import { HELLO, household } from './household.ts'

type Start = (plugins: PluginManager, options: never) => Promise<unknown>

const load: Start = (plugins, options) => plugins.load(HELLO, options)
const run: Start = (plugins, options) => plugins.run(HELLO, options)

/** Each is an option that somebody has meant, beside the nearest that there is. */
const UNKNOWN: readonly (readonly [start: Start, options: object, name: string, near: RegExp])[] = [
  [load, { timeout: 5 }, 'timeout', /timeoutMs/],
  [load, { rate: { perSec: 1 } }, 'rate.perSec', /rate\.perSecond/],
  [load, { restart: { minMS: 1 } }, 'restart.minMS', /restart\.minMs/],
  [load, { restart: { breaker: { failure: 1 } } }, 'restart.breaker.failure', /restart\.breaker\.failures/],
  [load, { bounds: { messageByte: 2048 } }, 'bounds.messageByte', /bounds\.messageBytes/],
  [run, { profil: 'strict' }, 'profil', /profile/],
  [run, { stdio: { in: 'pipe' } }, 'stdio.in', /stdio\.stdin/],
  [(plugins, options) => plugins.spawn(HELLO, options), { arguments: ['a'] }, 'arguments', /args/],
  [(plugins, options) => plugins.warm(HELLO, options), { sizes: 2 }, 'sizes', /size/],
  [(plugins, options) => plugins.warm(HELLO, options), { reportDenials: true }, 'reportDenials', /size/],
  [(plugins, options) => plugins.serve(HELLO, options), { protocol: 'mcp', onError: () => {} }, 'onError', /onTrouble/],
  [async (plugins, options) => sandboxed(plugins, HELLO, options), { protocol: 'mcp' }, 'protocol', /bounds/],
  [
    (plugins, options) => loadGoPlugin(plugins, HELLO, options),
    { cookie: { key: 'A', value: 'b' }, protocolVersions: [1], timeoutMs: 5 },
    'timeoutMs',
    /startTimeoutMs/,
  ],
]

test('an option that there is not is refused by its name, and those that there are are told', async (t) => {
  const { manager } = await household(t)
  for (const [start, options, name, hint] of UNKNOWN) {
    const message = new RegExp(`^cannot .*acme/hello.*: unknown option "${name.replaceAll('.', '\\.')}"$`)
    await assert.rejects(start(manager, options as never), { code: 'USAGE', message, hint }, name)
  }
})

test('an option that is there and undefined is none', async (t) => {
  const { manager } = await household(t)
  const options = { name: undefined, rate: undefined, restart: undefined, bounds: undefined, range: undefined }
  await assert.rejects(manager.load(HELLO, options), { code: 'NOT_INSTALLED' })
})

test('a home that is misspelt, or no folder, is not another home', async (t) => {
  const { layout } = await household(t)
  const dir = join(dirname(layout.home), 'other')
  await assert.rejects(openManager({ dir } as never), {
    code: 'USAGE',
    message: 'cannot open a home: unknown option "dir"',
    hint: 'there are home, now, onRecovered',
  })
  await assert.rejects(openManager(dir as never), {
    code: 'USAGE',
    message: 'cannot open a home: expected options as an object, found a string',
  })
  assert.equal(existsSync(dir), false)
  writeFileSync(dir, '')
  await assert.rejects(openManager({ home: dir }), {
    code: 'USAGE',
    message: `cannot use ${dir} as the home: it is no folder`,
  })
})

test('a value of another kind than the one that is expected is refused with a code, and no TypeError from within', async (t) => {
  const house = await household(t)
  const { manager } = house
  for (const name of [undefined, null, 7, ['acme/hello'], { name: HELLO }])
    await assert.rejects(manager.load(name as never), {
      code: 'USAGE',
      message: /as a plugin's name: expected NAMESPACE/,
    })
  await assert.rejects(manager.load(HELLO, { rate: 5 } as never), {
    code: 'USAGE',
    message: 'cannot load acme/hello: expected rate as an object, found a number',
    hint: /rate\.perSecond/,
  })
  await assert.rejects(manager.run(HELLO, { stdio: 'inherit' } as never), {
    message: 'cannot run acme/hello: expected stdio as an object, found a string',
  })
  for (const start of ['run', 'spawn'] as const)
    await assert.rejects(manager[start](HELLO, { onJournal: 'x' } as never), {
      code: 'USAGE',
      message: 'cannot run acme/hello: expected onJournal to be a function, found a string',
    })
  await assert.rejects(manager.load(HELLO, null as never), {
    code: 'USAGE',
    message: /expected options as an object, found null$/,
  })
  for (const options of [undefined, {}, { protocolVersions: [1] }])
    await assert.rejects(loadGoPlugin(manager, HELLO, options as never), {
      code: 'USAGE',
      message: 'cannot start acme/hello: expected options with cookie and protocolVersions',
    })
  const path = house.publish()
  await assert.rejects(manager.install(path, { consent: true } as never), {
    code: 'USAGE',
    message: /expected consent as a function$/,
    hint: /consent: \(\) => true/,
  })
  await assert.rejects(manager.install(path), {
    code: 'CONSENT_NEEDED',
    hint: /in a host application `consent: \(\) => true`/,
  })
  assert.equal((await house.install()).protocol, 'stdio')
  for (const settings of [null, [], 'units=si'])
    await assert.rejects(manager.run(HELLO, { settings } as never), {
      code: 'SETTING_INVALID',
      message: /expected an object$/,
    })
  assert.equal((await manager.remove(HELLO)).version, '1.0.0')
})

test('a list has an end that is a number', async (t) => {
  const { manager } = await household(t)
  assert.deepEqual([manager.history(), manager.history(HELLO, 1), manager.approvals().approvals], [[], [], []])
  for (const limit of ['acme/hello', 0, -1, 1.5, Number.NaN, {}]) {
    const refused = { code: 'USAGE', message: /^cannot list .* of them: expected a whole number/ }
    for (const list of ['history', 'audit', 'approvals'] as const)
      assert.throws(() => manager[list](HELLO, limit as never), refused, list)
  }
})
