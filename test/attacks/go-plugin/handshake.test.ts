// A plugin's first words decide how the host speaks with it, so they are taken for what they are or not at all.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PluginLogEntry } from '../../../src/grpc.ts'
import { shared } from '../../grpc/shared-house.ts'
import { attackedHouse, skip } from './attacked.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

const home = shared(attackedHouse)

test('words that are no handshake, or one of another protocol, end the run with their own code', {
  skip,
}, async () => {
  const house = await home()
  for (const [args, code, message] of [
    [['line', 'Hello!\\n'], 'GRPC_HANDSHAKE_INVALID', /"Hello!"/],
    [['line', '\\x1b[2J|\\x07\\n'], 'GRPC_HANDSHAKE_INVALID', /\\u\{1b\}\[2J/],
    [['line', '1|4|unix|/tmp/x|grpc|\\n'], 'GRPC_VERSION_UNSUPPORTED', /version 4 .* offered was 3$/],
    [['line', '2|3|unix|/tmp/x|grpc|\\n'], 'GRPC_VERSION_UNSUPPORTED', /"2", expected 1/],
    [['line', '1|3|tcp|127.0.0.1:9|grpc|\\n'], 'GRPC_PROTOCOL_UNSUPPORTED', /TCP/],
    [['line', '1|3|unix|/tmp/x|netrpc|\\n'], 'GRPC_PROTOCOL_UNSUPPORTED', /netrpc/],
    [['endless'], 'GRPC_HANDSHAKE_INVALID', /more than 16384 bytes/],
    [['close'], 'GRPC_HANDSHAKE_INVALID', /closed stdout/],
    [['no-such-attack'], 'PLUGIN_ENDED', /exited with 1; it said: .*KeyError/],
  ] as const) {
    const label = args.join(' ')
    await assert.rejects(house.load({ args }), (error: Error & { code: string }) => {
      assert.equal(error.code, code, label)
      assert.match(error.message, message, label)
      return true
    })
  }
  for (const args of [['mute'], ['silent']]) {
    await assert.rejects(house.load({ args, startTimeoutMs: 700 }), { code: 'START_TIMEOUT' }, args[0])
  }
  assert.deepEqual(await house.manager.ps(), [], 'a refused plugin goes on')
})

test('a flood on both streams neither fills the host’s memory nor stops the plugin', { skip }, async () => {
  const house = await home()
  const logs: PluginLogEntry['level'][] = []
  const done = Promise.withResolvers<void>()
  const before = process.memoryUsage.rss()
  const run = house.load({
    args: ['flood', 'no handshake'],
    onLog: ({ level }) => {
      logs.push(level)
      if (level === 'error') done.resolve()
    },
  })
  await assert.rejects(run, { code: 'GRPC_HANDSHAKE_INVALID' })
  // Read at a pace: the last of them a moment after what was said on the other stream.
  const lines = () => logs.filter((level) => level === 'info').length
  for (let tries = 0; lines() < 20_000 && tries < 400; tries++) await sleep(25)
  assert.equal(lines(), 20_000)
  assert.ok(process.memoryUsage.rss() - before < 150 * 2 ** 20)
})
