import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBundles } from '../../../src/verify/bundle.ts'
import { authority, packed, staged, trusting } from '../../helpers/authority.ts'
import { verdictOf } from '../../helpers/examine.ts'

const alice = await authority()
const { bundle, tarball } = alice.publish()
const payload = parseBundles(bundle)[0]?.payload.toString() ?? ''
const policy = trusting([alice])

test('a key that is there twice: JSON.parse takes the last, another reader the first', async () => {
  const digest = /"digest":\{[^}]*\}/.exec(payload)?.[0] ?? ''
  const evil = digest.replaceAll(/[0-9a-f]{64,}/g, (hex) => '0'.repeat(hex.length))
  const text = payload.replace(digest, `${evil},${digest}`)
  assert.equal(JSON.stringify(JSON.parse(text)), payload)
  assert.equal(await verdictOf(policy, staged(tarball, alice.sign(text))), 'STATEMENT_INVALID')
  const doubled = bundle.toString().replace('{"mediaType"', '{"dsseEnvelope":{},"mediaType"')
  assert.deepEqual(Object.keys(JSON.parse(doubled)).length, 3)
  assert.equal(await verdictOf(policy, staged(tarball, Buffer.from(doubled))), 'BUNDLE_MALFORMED')
})

test('a __proto__ key: copied by hand it becomes what the object inherits from', async () => {
  const text = payload.replace('"executable":false', '"__proto__":{"executable":true},"executable":false')
  assert.ok(Object.assign({}, JSON.parse('{"__proto__":{"x":1}}')).x === 1)
  assert.equal(await verdictOf(policy, staged(tarball, alice.sign(text))), 'STATEMENT_INVALID')
})

test('base64 with bits to spare: decoders ignore them, so one signature has sixteen spellings', async () => {
  const sig = /"sig":"([^"]*)"/.exec(bundle.toString())?.[1] ?? ''
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const last = digits.indexOf(sig.at(-3) ?? '')
  for (let spare = 1; spare < 16; spare++) {
    const other = `${sig.slice(0, -3)}${digits[last + spare]}==`
    assert.deepEqual(Buffer.from(other, 'base64'), Buffer.from(sig, 'base64'))
    const changed = Buffer.from(bundle.toString().replace(sig, other))
    assert.equal(await verdictOf(policy, staged(tarball, changed)), 'BUNDLE_MALFORMED')
  }
})

test('bytes that are not UTF-8: lenient decoders make replacement characters of them all', async () => {
  const bytes = Buffer.from(payload.replace('"predicate":{', '"predicate":{"x":"\u0000",').replace('\u0000', '?'))
  bytes[bytes.indexOf('?')] = 0xff
  assert.ok(JSON.parse(bytes.toString('utf8')))
  assert.equal(await verdictOf(policy, staged(tarball, alice.sign(bytes))), 'STATEMENT_INVALID')
})

test('a byte order mark: some readers skip it', async () => {
  assert.ok(JSON.parse(new TextDecoder().decode(Buffer.from(`\ufeff${payload}`))))
  assert.equal(await verdictOf(policy, staged(tarball, alice.sign(`\ufeff${payload}`))), 'STATEMENT_INVALID')
})

test('numbers beyond 2^53: two of them are one double', async () => {
  const text = payload.replace('"sequence":1', '"sequence":9007199254740993')
  assert.equal(JSON.parse(text).predicate.sequence, 9007199254740992)
  assert.equal(await verdictOf(policy, staged(tarball, alice.sign(text))), 'STATEMENT_INVALID')
})

test('a second digest that matches nothing is not outvoted by the first', async () => {
  const other = packed({ files: { 'evil.js': '' } })
  const mixed = alice.publish({ misstate: (statement) => ({ ...statement, sha512: staged(other, null).sha512 }) })
  assert.equal(await verdictOf(policy, staged(mixed.tarball, mixed.bundle)), 'DIGEST_MISMATCH')
  assert.equal(await verdictOf(policy, staged(other, mixed.bundle)), 'DIGEST_MISMATCH')
})

test('nesting: a megabyte of brackets costs neither the stack nor the verdict', async () => {
  const deep = payload.replace('"predicate":{', `"predicate":{"x":${'['.repeat(500_000)}${']'.repeat(500_000)},`)
  assert.equal(await verdictOf(policy, staged(tarball, alice.sign(deep))), 'STATEMENT_INVALID')
})
