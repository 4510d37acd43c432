// What was found valid once is remembered in a process; nothing that is like it may be taken for it.

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { publicKeyOf, verifySignature } from '../../../src/verify/ed25519.ts'

function newKey() {
  const pair = generateKeyPairSync('ed25519')
  const key = publicKeyOf(pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32))
  assert.ok(key)
  return { key, signed: (message: Uint8Array) => sign(null, message, pair.privateKey) }
}

const flipped = (bytes: Uint8Array, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy.writeUInt8(copy.readUInt8(at) ^ 1, at)
  return copy
}

test('another message, signature or key is not valid because one like it was', () => {
  const { key, signed } = newKey()
  const message = Buffer.from('acme/hello 1.0.0')
  const signature = signed(message)
  for (const time of ['first', 'second']) assert.ok(verifySignature(key, message, signature), time)
  for (let at = 0; at < message.length; at++) assert.ok(!verifySignature(key, flipped(message, at), signature), `${at}`)
  for (let at = 0; at < signature.length; at++)
    assert.ok(!verifySignature(key, message, flipped(signature, at)), `${at}`)
  assert.ok(!verifySignature(newKey().key, message, signature))
})

test('bytes do not pass from one part into the next', () => {
  const { key, signed } = newKey()
  const message = Buffer.from('acme/hello 1.0.0')
  const signature = signed(message)
  assert.ok(verifySignature(key, message, signature))
  assert.ok(!verifySignature(key, Buffer.concat([signature.subarray(32), message]), signature.subarray(0, 32)))
  assert.ok(!verifySignature(key, message.subarray(1), Buffer.concat([signature, message.subarray(0, 1)])))
  assert.ok(!verifySignature(key, Buffer.concat([signature, message]), signature))
})

test('a buffer that is written anew is looked at anew', () => {
  const { key, signed } = newKey()
  const message = Buffer.from('acme/hello 1.0.0')
  const signature = signed(message)
  assert.ok(verifySignature(key, message, signature))
  message.write('evil')
  assert.ok(!verifySignature(key, message, signature))
})

test('what was refused is asked again, and many of them cost no memory', () => {
  const { key, signed } = newKey()
  const message = Buffer.from('acme/hello 1.0.0')
  for (let index = 0; index < 2_000; index++)
    assert.ok(!verifySignature(key, Buffer.from(`${index}`), signed(message)), `${index}`)
  for (let index = 0; index < 2_000; index++) {
    const other = Buffer.from(`plugin ${index}`)
    assert.ok(verifySignature(key, other, signed(other)), `${index}`)
  }
  assert.ok(verifySignature(key, message, signed(message)))
})
