import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HEALTH_CHECK, START_STREAM, STREAM_STDIO } from '../../../src/runtime/go-plugin/services.ts'
import { bytesField, bytesOf, numberField, numberOf, readFields } from '../../../src/runtime/go-plugin/wire.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

test('messages are those of protobuf', () => {
  // The examples of protobuf's own page of its encoding.
  assert.deepEqual(numberField(1, 150), hex('08 96 01'))
  assert.deepEqual(bytesField(2, 'testing'), hex('12 07 74 65 73 74 69 6e 67'))
  assert.deepEqual(numberField(1, 0), hex(''))
  assert.equal(numberOf(readFields(numberField(1, 2 ** 32 - 1)), 1), 2 ** 32 - 1)
  assert.equal(bytesOf(readFields(bytesField(15, 'x'.repeat(300))), 15).length, 300)
})

test('fields that are not known are passed over, the last of one number counts', () => {
  const message = hex('08 01 11 0102030405060708 1d 01020304 22 01 61 08 02')
  assert.equal(numberOf(readFields(message), 1), 2)
  assert.equal(bytesOf(readFields(message), 4).toString(), 'a')
  assert.equal(numberOf(readFields(message), 9), 0)
  assert.equal(numberOf(readFields(hex('0a 01 61')), 1), 0, 'of another type')
})

test('what is no message is refused', () => {
  for (const bytes of ['08', '08 80', '0a 05 61', '09 01', '0d 01', '00 01', '0b', '0f', `08 ${'ff'.repeat(11)}`]) {
    assert.throws(() => readFields(hex(bytes)), RangeError, bytes)
  }
  assert.throws(() => readFields(hex('0a ff ff ff ff ff ff ff ff ff 01')), RangeError)
})

test('the services of go-plugin say what they mean', () => {
  assert.deepEqual(HEALTH_CHECK.encode('plugin'), hex('0a 06 70 6c 75 67 69 6e'))
  assert.deepEqual(
    ['', '08 01', '08 02', '08 03', '08 63'].map((bytes) => HEALTH_CHECK.decode(hex(bytes))),
    ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN', 'UNKNOWN'],
  )
  const info = { serviceId: 7, network: 'unix', address: '/tmp/x' }
  assert.deepEqual(START_STREAM.decode(START_STREAM.encode(info)), info)
  assert.deepEqual(STREAM_STDIO.decode(hex('08 01 12 02 68 69')), { channel: 'stdout', data: Buffer.from('hi') })
  assert.equal(STREAM_STDIO.decode(hex('08 09')).channel, null)
})
