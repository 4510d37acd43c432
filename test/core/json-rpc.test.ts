import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { faultText, notificationText, readRpcMessage, requestText, resultText } from '../../src/core/json-rpc.ts'
import { LineReader } from '../../src/core/line-reader.ts'
import { CircuitBreaker, RESTART_POLICY, restartDelayMs } from '../../src/core/restart-policy.ts'
import { readSettings } from '../../src/core/settings.ts'
import { TokenBucket } from '../../src/core/token-bucket.ts'

const params = fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue()))
const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

test('what is written as a message is read as it, on one line', () => {
  fc.assert(
    fc.property(fc.nat(), fc.string(), params, (id, method, given) => {
      const text = requestText(id, method, given)
      assert.equal(text.indexOf('\n'), text.length - 1)
      assert.deepEqual(readRpcMessage(text), { kind: 'request', id, method, params: json(given) })
      assert.deepEqual(readRpcMessage(notificationText(method, given)), {
        kind: 'notification',
        method,
        params: json(given),
      })
      assert.deepEqual(readRpcMessage(resultText(id, given)), { kind: 'result', id, result: json(given) })
      const fault = { code: id, message: method, data: json(given) }
      assert.deepEqual(readRpcMessage(faultText(id, fault)), { kind: 'fault', id, fault })
    }),
  )
  assert.deepEqual(readRpcMessage(resultText(1, undefined)), { kind: 'result', id: 1, result: null })
})

test('whatever else a line is, it is said to be no message, and nothing is thrown', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => readRpcMessage(line).kind === 'invalid'))
  const wrong: Record<string, RegExp> = {
    '': /not JSON/,
    null: /not an object/,
    '[]': /not an object/,
    '{"id":1,"result":1}': /"jsonrpc"/,
    '{"jsonrpc":"2.0"}': /neither "method" nor "id"/,
    '{"jsonrpc":"2.0","id":null,"method":"a"}': /"id" is null/,
    '{"jsonrpc":"2.0","id":1.5,"method":"a"}': /"id" is neither/,
    '{"jsonrpc":"2.0","id":{},"result":1}': /"id" is neither/,
    '{"jsonrpc":"2.0","method":7}': /"method" is not/,
    '{"jsonrpc":"2.0","method":"a","params":1}': /"params"/,
    '{"jsonrpc":"2.0","method":"a","params":null}': /"params"/,
    '{"jsonrpc":"2.0","id":1}': /neither "result" nor "error"/,
    '{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}}': /both/,
    '{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}': /"error"/,
    '{"jsonrpc":"2.0","id":1,"error":null}': /"error"/,
  }
  for (const [line, reason] of Object.entries(wrong)) {
    const read = readRpcMessage(line)
    assert.equal(read.kind, 'invalid', line)
    assert.match(read.kind === 'invalid' ? read.reason : '', reason, line)
  }
})

test('depth is bounded, and a bracket in a text is none', () => {
  const nested = (depth: number) => `{"jsonrpc":"2.0","id":1,"result":${'['.repeat(depth)}${']'.repeat(depth)}}`
  assert.equal(readRpcMessage(nested(511)).kind, 'result')
  assert.equal(readRpcMessage(nested(512)).kind, 'invalid')
  const text = '[{"\\'.repeat(2_000)
  assert.deepEqual(readRpcMessage(resultText(1, text)), { kind: 'result', id: 1, result: text })
})

test('lines come out as they went in, however they were cut, and no longer than they may be', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme', minLength: 1 })),
      fc.integer({ min: 1, max: 9 }),
      (texts, size) => {
        const lines = texts.map((text) => JSON.stringify(text))
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
        const found: string[] = []
        const reader = new LineReader({
          maxBytes: 10_000,
          onLine: (line) => found.push(line),
          onFault: (fault) => assert.fail(fault),
        })
        for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
        assert.deepEqual(found, lines)
        assert.equal(reader.end(), false)
      },
    ),
  )
  const faults: string[] = []
  const reader = new LineReader({ maxBytes: 4, onLine: () => {}, onFault: (fault) => faults.push(fault) })
  reader.push(Buffer.from('1234\n123'))
  assert.equal(faults.length, 0)
  reader.push(Buffer.from('45\n6\n'))
  reader.push(Buffer.from('7\n'))
  assert.deepEqual(faults, ['too-large'])
  const cut = new LineReader({ maxBytes: 4, onLine: () => {}, onFault: (fault) => faults.push(fault) })
  cut.push(Buffer.from('1\n2'))
  assert.equal(cut.end(), true)
  const latin = new LineReader({ maxBytes: 4, onLine: () => {}, onFault: (fault) => faults.push(fault) })
  latin.push(Buffer.from([0xe9, 10]))
  assert.deepEqual(faults, ['too-large', 'not-utf8'])
})

test('a bucket gives its burst at once and then its rate, whatever the clock does', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 2 }, 1_000)
  assert.deepEqual([bucket.take(1_000), bucket.take(1_000), bucket.take(1_000)], [0, 0, 100])
  assert.deepEqual([bucket.take(1_050), bucket.take(1_100), bucket.take(1_100)], [50, 0, 100])
  assert.ok(bucket.take(0) > 0, 'a clock that was set back gives nothing')
  assert.deepEqual([bucket.take(60_000), bucket.take(60_000)], [0, 0])
  assert.ok(bucket.take(60_000) > 0, 'no more than the burst was saved up')
})

test('waits grow up to their bound, and chance only makes them shorter', () => {
  const policy = { ...RESTART_POLICY, minMs: 100, maxMs: 1_000, factor: 2, jitter: 0.5 }
  assert.deepEqual(
    [1, 2, 3, 4, 5, 1_000].map((attempt) => restartDelayMs(policy, attempt, 0)),
    [100, 200, 400, 800, 1_000, 1_000],
  )
  assert.equal(restartDelayMs(policy, 1, 1), 50)
})

test('a circuit opens by its failures, lets one try after a while, and closes or opens by it', () => {
  const breaker = new CircuitBreaker({ failures: 3, withinMs: 1_000, coolMs: 500 })
  breaker.failed(0)
  breaker.failed(900)
  breaker.failed(1_100)
  assert.equal(breaker.state(1_100), 'closed', 'the first was too long ago')
  breaker.failed(1_200)
  assert.deepEqual([breaker.state(1_200), breaker.waitMs(1_200), breaker.admit(1_200)], ['open', 500, false])
  assert.deepEqual([breaker.admit(1_700), breaker.state(1_700), breaker.admit(1_700)], [true, 'half-open', false])
  breaker.failed(1_800)
  assert.deepEqual([breaker.state(1_800), breaker.admit(2_200)], ['open', false])
  assert.equal(breaker.admit(2_300), true)
  breaker.succeeded()
  assert.deepEqual([breaker.state(2_300), breaker.admit(2_300)], ['closed', true])
})

test('settings are held to their schema, and no fault says a value', () => {
  const schema = {
    key: { type: 'string', required: true, secret: true },
    count: { type: 'integer', default: 3 },
    ratio: { type: 'number' },
    on: { type: 'boolean' },
    unit: { type: 'string', enum: ['si', 'us'] },
  } as const
  assert.deepEqual(readSettings(schema, { key: 'k', on: false }), {
    ok: true,
    settings: { key: 'k', count: 3, on: false },
  })
  const reading = readSettings(schema, { count: 1.5, ratio: Number.NaN, on: 'yes', unit: 'hidden', __proto__x: 1 })
  assert.ok(!reading.ok)
  assert.equal(reading.faults.length, 6)
  assert.ok(!reading.faults.join().includes('hidden'))
})
