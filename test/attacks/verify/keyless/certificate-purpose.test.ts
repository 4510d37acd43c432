// Any certificate below the trusted root would sign releases, if nobody asked what it is for: a server's, a timestamp
// authority's, an intermediate authority's. Sigstore's library checks only who issued it.

import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { askUs, assertOnlyWeRefuse, Forge, GOOD, purpose, usage } from '../../../helpers/forge.ts'
import { utf8 } from '../../../helpers/sigstore/der.ts'
import { basicConstraints, extension, TIME_STAMPING } from '../../../helpers/sigstore/x509.ts'

const forge = new Forge()
const { issuer, names } = GOOD
const payload = Buffer.from('{}')

test('what the forge signs is good as it is', async () => {
  await askUs(forge.sign(payload), forge.trustedRoot)
})

const WRONG: readonly [string, readonly Buffer[], RegExp][] = [
  ['a timestamp authority', [GOOD.usage, purpose(TIME_STAMPING), names, issuer], /not made for code signing/],
  ['a web server', [GOOD.usage, purpose('1.3.6.1.5.5.7.3.1'), names, issuer], /not made for code signing/],
  ['every purpose there is', [GOOD.usage, purpose('2.5.29.37.0'), names, issuer], /not made for code signing/],
  ['no purpose', [GOOD.usage, names, issuer], /not made for code signing/],
  ['key agreement', [usage(0x08), GOOD.purpose, names, issuer], /not made for digital signatures/],
  ['a use that is not said', [GOOD.purpose, names, issuer], /not made for digital signatures/],
  ['an authority', [...Object.values(GOOD), basicConstraints(0)], /belongs to a certificate authority/],
  [
    'something we do not know and must not overlook',
    [...Object.values(GOOD), extension('1.2.3.4', utf8('only on Mondays'), true)],
    /critical extension 1\.2\.3\.4/,
  ],
]
for (const [title, extensions, message] of WRONG) {
  test(`refuses a certificate made for ${title}`, async () => {
    const document = forge.sign(payload, { extensions })
    await assertOnlyWeRefuse(document, forge.trustedRoot, { code: 'CERTIFICATE_INVALID', message })
  })
}

const WEAK = [
  ['RSA of 1024 bits', generateKeyPairSync('rsa', { modulusLength: 1024 }), /RSA key of 1024 bits/],
  ['the curve P-224', generateKeyPairSync('ec', { namedCurve: 'secp224r1' }), /curve secp224r1/],
  ['the curve secp256k1', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }), /curve secp256k1/],
] as const
for (const [title, key, message] of WEAK) {
  test(`refuses a certificate over ${title}`, async () => {
    const document = forge.sign(payload, { key })
    await assertOnlyWeRefuse(document, forge.trustedRoot, { code: 'CERTIFICATE_INVALID', message })
  })
}

const STRONG = [
  ['Ed25519', generateKeyPairSync('ed25519')],
  ['RSA of 2048 bits', generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ['P-384, which goes with SHA-384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
] as const
for (const [title, key] of STRONG) {
  test(`accepts a certificate over ${title}`, async () => {
    await askUs(forge.sign(payload, { key }), forge.trustedRoot)
  })
}
