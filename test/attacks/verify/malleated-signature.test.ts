import assert from 'node:assert/strict'
import { test } from 'node:test'
import nacl from 'tweetnacl'
import { parseBundles } from '../../../src/verify/bundle.ts'
import { preAuthEncoding } from '../../../src/verify/dsse.ts'
import { authority, staged, trusting } from '../../helpers/authority.ts'
import { GROUP_ORDER, littleEndian } from '../../helpers/curve.ts'
import { edited } from '../../helpers/edited.ts'
import { verdictOf } from '../../helpers/examine.ts'

test('a signature with S + L in place of S, which tweetnacl accepts, is refused', async () => {
  const alice = await authority()
  const { bundle, tarball } = alice.publish()
  const [signed] = parseBundles(bundle)
  assert.ok(signed)
  const s = BigInt(`0x${Buffer.from(signed.signature.subarray(32)).reverse().toString('hex')}`)
  const malleated = Buffer.concat([signed.signature.subarray(0, 32), littleEndian(s + GROUP_ORDER)])

  const message = preAuthEncoding(signed.payloadType, signed.payload)
  assert.ok(nacl.sign.detached.verify(message, malleated, alice.key.publicKey.raw), 'the hole is gone from tweetnacl')

  const second = edited(bundle, ['dsseEnvelope', 'signatures', 0, 'sig'], malleated.toString('base64'))
  assert.equal(await verdictOf(trusting([alice]), staged(tarball, second)), 'SIGNATURE_INVALID')
})
