// DER has one form for each value, BER has many: a length may be written in more bytes than it takes. OpenSSL reads BER,
// the library does not: a certificate that only one of the two can read is refused for what it is, by our own reader.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBundle, parseBundles } from '../../../../src/verify/bundle.ts'
import { readIdentity } from '../../../../src/verify/keyless/identity.ts'
import { verifyTimestamps } from '../../../../src/verify/keyless/keyless.ts'
import { parseTrustedRoot } from '../../../../src/verify/keyless/trusted-root.ts'
import { Forge } from '../../../helpers/forge.ts'
import { type Node, readNodes, tlv } from '../../../helpers/sigstore/der.ts'

const CONSTRUCTED = 0x20

/** The same value, once for each of its elements that no octet string hides, with a longer length there. */
function* respelled(der: Buffer): Generator<Buffer> {
  for (let target = 0, count = 1; target < count; target++) {
    let seen = 0
    const write = ({ tag, content }: Node): Buffer => {
      const isTarget = seen++ === target
      const inner = (tag & CONSTRUCTED) === 0 ? content : Buffer.concat(readNodes(content).map(write))
      return isTarget ? longer(tag, inner) : tlv(tag, inner)
    }
    const bytes = Buffer.concat(readNodes(der).map(write))
    count = seen
    yield bytes
  }
}

const longer = (tag: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from([tag, 0x84]), Buffer.from(content.length.toString(16).padStart(8, '0'), 'hex'), content])

const forge = new Forge()

test('refuses a timestamp that is spelled otherwise anywhere', async () => {
  const root = parseTrustedRoot(Buffer.from(JSON.stringify(forge.trustedRoot)), 'forged')
  const signature = Buffer.from('a signature')
  const line = formatBundle({ payloadType: 'x', payload: Buffer.from('x'), keyId: 'k' as never, signature })
  const stamped = (stamp: Buffer) => {
    const document = JSON.parse(line.toString())
    const rfc3161Timestamps = [{ signedTimestamp: stamp.toString('base64') }]
    document.verificationMaterial.timestampVerificationData = { rfc3161Timestamps }
    const [bundle] = parseBundles(Buffer.from(JSON.stringify(document)))
    assert.ok(bundle)
    return bundle
  }
  const good = forge.stamp(signature)
  assert.equal((await verifyTimestamps(stamped(good), [root])).length, 1)
  let count = 0
  for (const bad of respelled(good)) {
    const expected = { code: 'TIMESTAMP_INVALID', message: /DER/ }
    await assert.rejects(verifyTimestamps(stamped(bad), [root]), expected, `element ${count++}`)
  }
  assert.ok(count > 40)
})

test('refuses a certificate that is spelled otherwise anywhere', () => {
  const good = Buffer.from(forge.sign().verificationMaterial.certificate.rawBytes, 'base64')
  readIdentity(good)
  let count = 0
  for (const bad of respelled(good)) {
    assert.throws(() => readIdentity(bad), { code: 'CERTIFICATE_INVALID' }, `element ${count++}`)
  }
  assert.ok(count > 40)
})
