// A bundle is read before anybody knows who signed it: what it costs to refuse one is what a mirror can make a host pay.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUNDLE_MAX_BYTES, parseBundles } from '../../../src/verify/index.ts'

test('a file of millions of empty lines costs no more than one of seventeen', () => {
  const flood = Buffer.from('{}\n'.repeat(Math.floor(BUNDLE_MAX_BYTES / 3)))
  const before = process.cpuUsage()
  assert.throws(() => parseBundles(flood), { code: 'BUNDLE_MALFORMED', message: /more than 16 bundles/ })
  const { user, system } = process.cpuUsage(before)
  // It was eight seconds and 700 MiB.
  assert.ok(user + system < 1_000_000, `${(user + system) / 1000} ms`)
})

test('seventeen bundles are too many, whatever stands behind them', () => {
  const lines = (count: number, behind: string) => Buffer.from(`${'{}\n'.repeat(count)}${behind}`)
  assert.throws(() => parseBundles(lines(17, '')), { message: /more than 16 bundles/ })
  assert.throws(() => parseBundles(lines(17, 'no line of a bundle')), { code: 'BUNDLE_MALFORMED' })
  assert.throws(() => parseBundles(lines(16, '')), { code: 'BUNDLE_MALFORMED', message: /line 1/ })
})
