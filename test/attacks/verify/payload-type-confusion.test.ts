import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBundles } from '../../../src/verify/bundle.ts'
import { preAuthEncoding } from '../../../src/verify/dsse.ts'
import { verifySignature } from '../../../src/verify/ed25519.ts'
import { authority, staged, trusting } from '../../helpers/authority.ts'
import { edited } from '../../helpers/edited.ts'
import { verdictOf } from '../../helpers/examine.ts'

test('a statement signed as another type of document is no statement', async () => {
  const alice = await authority()
  const { bundle, tarball } = alice.publish()
  const payload = parseBundles(bundle)[0]?.payload ?? Buffer.alloc(0)
  // A good signature of a trusted key over the very same bytes: only the type says that it is, say, a test fixture.
  const other = alice.sign(payload, 'application/vnd.acme.fixture+json')
  const [read] = parseBundles(other)
  assert.ok(read && verifySignature(alice.key.publicKey, preAuthEncoding(read.payloadType, payload), read.signature))
  assert.equal(await verdictOf(trusting([alice]), staged(tarball, other)), 'STATEMENT_INVALID')

  // Calling it a statement afterwards breaks the signature, since the type is signed as well.
  const renamed = edited(other, ['dsseEnvelope', 'payloadType'], 'application/vnd.in-toto+json')
  assert.equal(await verdictOf(trusting([alice]), staged(tarball, renamed)), 'SIGNATURE_INVALID')
})

test('bytes cannot move between type and payload', () => {
  const pairs = [
    ['a b', 'c'],
    ['a', 'b c'],
    ['a 1 b', ''],
    ['', 'a'],
    ['a', ''],
  ] as const
  const encodings = pairs.map(([type, payload]) => preAuthEncoding(type, Buffer.from(payload)).toString('hex'))
  assert.equal(new Set(encodings).size, pairs.length)
  assert.equal(
    preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world')).toString(),
    'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
  )
  assert.ok(preAuthEncoding('ü', Buffer.from('é')).toString().startsWith('DSSEv1 2 ü 2 '))
})
