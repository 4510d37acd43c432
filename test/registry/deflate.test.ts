import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { deflateRawSync, gunzipSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { sha256 } from '../../src/core/digest.ts'
import { deflate } from '../../src/registry/deflate.ts'
import { gzip } from '../../src/registry/gzip.ts'
import { canonicalCodes, codeLengths } from '../../src/registry/huffman.ts'

/** The same on every machine: multiplicative congruence instead of a random generator. */
function noise(length: number, alphabet: number): Buffer {
  let state = 1
  return Buffer.from(
    Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      return (state >>> 16) % alphabet
    }),
  )
}

const SAMPLES: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  'one byte': Buffer.from('a'),
  'one byte often': Buffer.alloc(1_000_000, 7),
  'every byte once': Buffer.from(Array.from({ length: 256 }, (_, at) => at)),
  noise: noise(300_000, 256),
  'little noise': noise(300_000, 4),
  'the longest distance': Buffer.concat([
    Buffer.from('needle in a haystack'),
    noise(32_000, 256),
    Buffer.from('needle in a haystack'),
  ]),
  'source code': Buffer.from(readFileSync('node_modules/commander/lib/command.js', 'utf8').repeat(3)),
}

for (const [name, bytes] of Object.entries(SAMPLES)) {
  test(`zlib inflates what was deflated: ${name}`, () => {
    assert.ok(inflateRawSync(deflate(bytes)).equals(bytes))
    assert.ok(gunzipSync(gzip(bytes)).equals(bytes))
  })
}

test('zlib inflates whatever was deflated', () => {
  const repeated = fc
    .tuple(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 40 }), fc.uint8Array({ maxLength: 50 }))
    .map(([bytes, times, more]) => Buffer.concat([...Array.from({ length: times }, () => bytes), more]))
  fc.assert(
    fc.property(fc.oneof(repeated, fc.uint8Array({ maxLength: 2000 }).map(Buffer.from)), (bytes) => {
      assert.ok(inflateRawSync(deflate(bytes)).equals(bytes))
    }),
    { numRuns: 1500 },
  )
})

test('the bytes never change: a package made today can be rebuilt in ten years', () => {
  assert.equal(sha256(gzip(noise(200_000, 20))), '1d62f893bb0e276e9c6234f9faee1a04e75685dc87d139a6b6fa43257ee88159')
  assert.equal(
    sha256(gzip(Buffer.from('hello, world\n'.repeat(10_000)))),
    '083a20b4c5b6cb9dacf8eb24d648e1de1c1caea8fa49c6a4dfb7d0d33e6f15cb',
  )
})

test('is about as tight as zlib', () => {
  const bytes = SAMPLES['source code'] ?? Buffer.alloc(0)
  assert.ok(deflate(bytes).length < deflateRawSync(bytes, { level: 6 }).length * 1.05)
})

test('stores what does not compress, at a cost of five bytes a block', () => {
  const bytes = noise(1_000_000, 256)
  assert.ok(deflate(bytes).length < bytes.length + 200)
})

test('codes are complete, prefix-free and no longer than asked, whatever the counts', () => {
  const counts = fc.array(fc.oneof(fc.constant(0), fc.nat(5), fc.nat(1_000_000)), { minLength: 2, maxLength: 286 })
  fc.assert(
    fc.property(counts, fc.constantFrom(9, 15), (list, longest) => {
      const lengths = codeLengths(Uint32Array.from(list), longest)
      const kraft = lengths.reduce((sum, length) => sum + (length === 0 ? 0 : 2 ** -length), 0)
      assert.equal(kraft, 1)
      assert.ok(lengths.every((length) => length <= longest))
      assert.ok(list.every((times, symbol) => times === 0 || (lengths[symbol] ?? 0) > 0))
      const used = [...canonicalCodes(lengths)]
        .map((code, at) => `${lengths[at]}:${code}`)
        .filter((_, at) => lengths[at])
      assert.equal(new Set(used).size, used.length)
    }),
  )
})
