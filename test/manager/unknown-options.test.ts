// A host in JavaScript has no compiler to tell it of a misspelt option.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadGoPlugin } from '../../src/grpc.ts'
import type { PluginManager } from '../../src/index.ts'
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
    /timeout/,
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
