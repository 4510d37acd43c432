import assert from 'node:assert/strict'
import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  keyFault,
  keyIdOf,
  type PublicKey,
  publicKeyOf,
  verifySignature,
  verifyThoroughly,
} from '../../src/verify/ed25519.ts'
import { allSmallOrderEncodings, GROUP_ORDER, littleEndian, PRIME } from '../helpers/curve.ts'

function newKey(): { publicKey: PublicKey; sign: (message: Uint8Array) => Buffer } {
  const pair = generateKeyPairSync('ed25519')
  const raw = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  const publicKey = publicKeyOf(raw)
  assert.ok(publicKey)
  return { publicKey, sign: (message) => sign(null, message, pair.privateKey) }
}

test('names a key by the sha256 of its raw bytes', () => {
  const raw = Buffer.alloc(32, 9)
  assert.equal(keyIdOf(raw), `ed25519:${createHash('sha256').update(raw).digest('hex')}`)
})

test('accepts good keys and their signatures, in both modes', async () => {
  const { publicKey, sign } = newKey()
  const message = Buffer.from('a plugin')
  assert.ok(verifySignature(publicKey, message, sign(message)))
  assert.ok(await verifyThoroughly(publicKey, message, sign(message)))
})

test('accepts the test vectors of RFC 8032, section 7.1', async () => {
  const vectors = [
    [
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
  ].map((row) => row.map((hex) => Buffer.from(hex, 'hex')))
  for (const [raw, message, signature] of vectors) {
    assert.ok(raw && message && signature)
    const publicKey = publicKeyOf(raw)
    assert.ok(publicKey)
    assert.ok(verifySignature(publicKey, message, signature))
    assert.ok(await verifyThoroughly(publicKey, message, signature))
  }
})

test('refuses a signature with any one bit turned over', () => {
  const { publicKey, sign } = newKey()
  const message = Buffer.from('a plugin')
  const signature = sign(message)
  for (let bit = 0; bit < 512; bit++) {
    const turned = Buffer.from(signature)
    turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(verifySignature(publicKey, message, turned), false, `bit ${bit}`)
  }
})

test('refuses signatures of any other length', async () => {
  const { publicKey, sign } = newKey()
  const message = Buffer.from('a plugin')
  for (const signature of [
    Buffer.alloc(0),
    sign(message).subarray(0, 63),
    Buffer.concat([sign(message), Buffer.alloc(1)]),
  ]) {
    assert.equal(verifySignature(publicKey, message, signature), false)
    assert.equal(await verifyThoroughly(publicKey, message, signature), false)
  }
})

test('refuses S + k·L for every k that fits, in both modes', async () => {
  const { publicKey, sign } = newKey()
  const message = Buffer.from('a plugin')
  const signature = sign(message)
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`)
  for (let k = 1n; s + k * GROUP_ORDER < 2n ** 256n; k++) {
    const malleated = Buffer.concat([signature.subarray(0, 32), littleEndian(s + k * GROUP_ORDER)])
    assert.equal(verifySignature(publicKey, message, malleated), false)
    assert.equal(await verifyThoroughly(publicKey, message, malleated), false)
  }
})

test('refuses every encoding of every point of small order', () => {
  const encodings = allSmallOrderEncodings()
  assert.equal(encodings.length, 14)
  for (const raw of encodings) {
    assert.match(keyFault(raw) ?? 'accepted', /small order|canonical/, raw.toString('hex'))
    assert.equal(publicKeyOf(raw), null)
  }
})

test('refuses every key whose y is not below the prime, with either sign', () => {
  for (let y = PRIME; y < 2n ** 255n; y++) {
    for (const sign of [0n, 1n]) {
      assert.match(keyFault(littleEndian(y + (sign << 255n))) ?? 'accepted', /canonical/)
    }
  }
})

test('refuses keys of another length', () => {
  for (const length of [0, 31, 33, 64]) assert.match(keyFault(Buffer.alloc(length, 7)) ?? 'accepted', /bytes, not 32/)
})

test('no input makes it throw, and both modes say the same', async () => {
  const { publicKey, sign } = newKey()
  const real = sign(Buffer.from('m'))
  const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
  const signatures = fc.oneof(bytes(64), bytes(63), fc.constant(real))
  const keys = fc.oneof(fc.constant(publicKey.raw), bytes(32))
  await fc.assert(
    fc.asyncProperty(keys, fc.uint8Array({ maxLength: 40 }), signatures, async (raw, message, signature) => {
      const key = publicKeyOf(raw)
      if (key === null) return
      assert.equal(verifySignature(key, message, signature), await verifyThoroughly(key, message, signature))
    }),
    { numRuns: 60 },
  )
})

test('refuses, as an error of its own, when two verifiers disagree', async () => {
  const { publicKey, sign } = newKey()
  const message = Buffer.from('a plugin')
  const lying = async () => () => false
  await assert.rejects(verifyThoroughly(publicKey, message, sign(message), lying), { code: 'VERIFIER_ERROR' })
  const gullible = async () => () => true
  await assert.rejects(verifyThoroughly(publicKey, Buffer.from('other'), sign(message), gullible), {
    code: 'VERIFIER_ERROR',
  })
})

test('the key that is checked is the key that node:crypto is given', () => {
  const { publicKey } = newKey()
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey.raw])
  const jwk = createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ format: 'jwk' })
  assert.equal(jwk.x, publicKey.raw.toString('base64url'))
})
