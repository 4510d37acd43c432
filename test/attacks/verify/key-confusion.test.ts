import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildStatement } from '../../../src/verify/statement.ts'
import { authority, staged, trusting } from '../../helpers/authority.ts'
import { edited } from '../../helpers/edited.ts'
import { verdictOf, verifierFor } from '../../helpers/examine.ts'
import { keylessLine } from '../../helpers/sigstore/keyless.ts'
import { startSigstore } from '../../helpers/sigstore/sigstore.ts'

const alice = await authority()
const mallory = await authority()
const { bundle, tarball, statement } = alice.publish()
const HINT = ['verificationMaterial', 'publicKey', 'hint']
const KEYID = ['dsseEnvelope', 'signatures', 0, 'keyid']

test('a hint is a name to look up, and never a way into an object', async () => {
  // A plain object as key store answers these with functions and prototypes.
  const store: Record<string, unknown> = {}
  for (const hint of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    assert.notEqual(store[hint], undefined)
    const changed = edited(edited(bundle, HINT, hint), KEYID, hint)
    assert.equal(await verdictOf(trusting([alice]), staged(tarball, changed)), 'SIGNER_NOT_TRUSTED')
  }
})

test('a bundle signed by a stranger that names a trusted key is refused', async () => {
  const forged = mallory.publish().bundle.toString().replaceAll(mallory.keyId, alice.keyId)
  assert.equal(await verdictOf(trusting([alice]), staged(tarball, Buffer.from(forged))), 'SIGNATURE_INVALID')
})

test('a bundle cannot bring its own key', async () => {
  const raw = mallory.key.publicKey.raw.toString('base64')
  const changed = edited(mallory.publish().bundle, ['verificationMaterial', 'publicKey', 'rawBytes'], raw)
  assert.equal(await verdictOf(trusting([alice]), staged(tarball, changed)), 'BUNDLE_MALFORMED')
})

test('a certificate where the policy knows keys is refused, and says whose it is', async () => {
  await using sigstore = await startSigstore()
  const certified = await keylessLine(sigstore, buildStatement(statement))
  const { verdict } = await verifierFor(trusting([alice])).examine(staged(tarball, certified))
  assert.ok(!verdict.ok && verdict.error.code === 'SIGNER_NOT_TRUSTED')
  assert.match(
    verdict.error.message,
    /a certificate that says .*release\.yml@refs\/heads\/main, by http:\/\/127\.0\.0\.1:\d+ \(not verified\)/,
  )
  assert.match(verdict.error.hint ?? '', /plugins trust add --keyless --issuer .* --identity .* --for 'NAMESPACE/)
})

test('hint and keyid cannot name two keys', async () => {
  const policy = trusting([alice, mallory])
  assert.equal(await verdictOf(policy, staged(tarball, edited(bundle, KEYID, mallory.keyId))), 'BUNDLE_MALFORMED')
})
