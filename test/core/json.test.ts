import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type JsonBounds, parseStrictJson } from '../../src/core/json.ts'

const BOUNDS: JsonBounds = { maxBytes: 1 << 20, maxDepth: 8 }
const parse = (text: string | Buffer, bounds = BOUNDS) => parseStrictJson(Buffer.from(text), bounds)

function reasonOf(text: string | Buffer, bounds = BOUNDS): string {
  const result = parse(text, bounds)
  assert.ok(!result.ok, `accepted ${text.toString().slice(0, 80)}`)
  return result.reason
}

test('gives what JSON.parse gives, for whatever JSON.stringify writes', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5, noUnicodeString: false }), fc.constantFrom(0, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      const result = parse(text)
      const hasRefused = /"__proto__"|\\u[dD][89a-fA-F]/.test(text) || hasLargeNumber(value)
      if (!hasRefused) assert.deepEqual(result, { ok: true, value: JSON.parse(text) })
    }),
  )
})

function hasLargeNumber(value: unknown): boolean {
  if (typeof value === 'number') return Math.abs(value) > Number.MAX_SAFE_INTEGER
  return typeof value === 'object' && value !== null && Object.values(value).some(hasLargeNumber)
}

test('never throws, whatever the bytes are', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void parseStrictJson(bytes, BOUNDS)))
  const characters = fc.constantFrom(...'{}[]",:\\0123456789-+.eEtrufalsn \n\t\u0000é')
  fc.assert(
    fc.property(fc.string({ unit: characters, maxLength: 60 }), (text) => {
      const result = parse(text)
      if (result.ok) assert.deepEqual(result.value, JSON.parse(text))
    }),
    { numRuns: 2000 },
  )
})

test('refuses a key that is there twice, and names it', () => {
  assert.match(reasonOf('{"a":1,"a":2}'), /has the key "a" twice/)
  assert.match(reasonOf('{"a":[{"b":1,"c":{},"b":2}]}'), /has the key "b" twice/)
  assert.match(reasonOf(`{${Array.from({ length: 40 }, (_, i) => `"k${i}":0`).join()},"k7" \n:1}`), /"k7" twice/)
})

test('sees through the two spellings of one key', () => {
  assert.match(reasonOf('{"a":1,"\\u0061":2}'), /has the key "a" twice/)
  assert.match(reasonOf('{"\\"":1,"\\u0022":2}'), /twice/)
})

test('lets one key stand in two objects, and colons in strings', () => {
  assert.ok(parse('{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}],"c":"\\"a\\": 1"}').ok)
  assert.ok(parse('["a:",":","{\\"a\\":1,\\"a\\":2}","\\\\"]').ok)
})

test('refuses __proto__, however it is spelled, and not as a value', () => {
  assert.match(reasonOf('{"__proto__":{}}'), /__proto__/)
  assert.match(reasonOf('{"x":[{"\\u005f_proto__":1}]}'), /__proto__/)
  assert.ok(parse('["__proto__"]').ok)
  assert.ok(parse('{"constructor":1,"prototype":2}').ok)
})

test('refuses a byte order mark, and bytes that are not UTF-8', () => {
  assert.match(reasonOf('\ufeff{}'), /byte order mark/)
  for (const bytes of [
    [0x22, 0xff, 0x22],
    [0x22, 0xc0, 0xaf, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
    [0xfe, 0xff],
  ]) {
    assert.match(reasonOf(Buffer.from(bytes)), /UTF-8/)
  }
})

test('refuses half of a surrogate pair, which would be two strings to two readers', () => {
  assert.match(reasonOf('"\\ud800"'), /surrogate/)
  assert.match(reasonOf('{"\\udc00":1}'), /surrogate/)
  assert.ok(parse('"\\ud83d\\ude00"').ok)
})

test('counts depth', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  assert.ok(parse(nested(8)).ok)
  assert.match(reasonOf(nested(9)), /too deep/)
  assert.match(reasonOf(`${'{"a":'.repeat(9)}1${'}'.repeat(9)}`), /too deep/)
  assert.match(reasonOf(nested(400_000)), /too deep/)
  reasonOf('['.repeat(1_000_000))
})

test('refuses numbers that a double cannot hold exactly', () => {
  for (const number of [
    '9007199254740992',
    '-9007199254740993',
    '1e16',
    '1e400',
    '9007199254740993.0',
    '9'.repeat(500),
  ]) {
    assert.match(reasonOf(`{"n":${number}}`), /2\^53/)
  }
  assert.deepEqual(parse('[9007199254740991,-9007199254740991,0.5,-0,1e3]'), {
    ok: true,
    value: [9007199254740991, -9007199254740991, 0.5, -0, 1000],
  })
})

test('refuses more bytes, and more bytes outside strings, than the bounds', () => {
  assert.match(reasonOf('"12345678"', { maxBytes: 9, maxDepth: 1 }), /10 bytes, more than 9/)
  const bounds = { maxBytes: 1000, maxDepth: 4, maxStructure: 10 }
  assert.ok(parse(`["${'x'.repeat(500)}"]`, bounds).ok)
  assert.match(reasonOf('[[],[],[],[]]', bounds), /outside its strings/)
})

test('refuses what is not JSON, and shows no control character of it', () => {
  for (const text of [
    '',
    ' ',
    '{',
    '{"a"}',
    '{"a":1,}',
    '[1,]',
    '01',
    'NaN',
    "{'a':1}",
    '{}{}',
    '{} x',
    '"\u001b[2J"',
    '"a',
  ]) {
    assert.doesNotMatch(reasonOf(text), /\p{Cc}/u)
  }
})
