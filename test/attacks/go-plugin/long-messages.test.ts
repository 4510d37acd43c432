// Messages of the protocol itself are short. A long one costs its host no more than its own bytes, and is not kept.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HEALTH_CHECK, START_STREAM, STREAM_STDIO } from '../../../src/runtime/go-plugin/services.ts'
import { bytesField, numberField } from '../../../src/runtime/go-plugin/wire.ts'

const LONGEST = 16 * 2 ** 20

test('a message of eight million fields is refused, and not made into as many objects', () => {
  const message = Buffer.alloc(LONGEST, numberField(1, 1))
  for (const { decode } of [HEALTH_CHECK, START_STREAM, STREAM_STDIO])
    assert.throws(() => decode(message), /more than 64 fields/)
})

test('of an address that is as long as a message may be, what is kept is too long to be one', () => {
  const place = Buffer.from(`/tmp/${'x'.repeat(LONGEST - 1024)}`)
  const info = START_STREAM.decode(Buffer.concat([numberField(1, 7), bytesField(2, place), bytesField(3, place)]))
  assert.equal(info.serviceId, 7)
  assert.ok(info.network.length <= 256 && info.address.length <= 256)
  assert.ok(info.address.length > 108)
})
