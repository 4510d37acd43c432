// Who signed is a text in a certificate. Two texts, or one that two readers read differently, and the policy would be
// asked about one of them while the other is meant.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askUs, assertOnlyWeRefuse, FORGED, Forge, GOOD, uri } from '../../../helpers/forge.ts'
import { explicit, implicit, oid, sequence, utf8 } from '../../../helpers/sigstore/der.ts'
import { alternativeNames, extension } from '../../../helpers/sigstore/x509.ts'

const forge = new Forge()
const { usage, purpose, issuer } = GOOD
const named = (names: Buffer) => ({ extensions: [usage, purpose, names, issuer] })
const general = (...names: Buffer[]) => extension('2.5.29.17', sequence(...names), true)
const email = (value: string) => ({ kind: 'email', value }) as const
const userName = (value: string) => explicit(0, oid('1.3.6.1.4.1.57264.1.7'), explicit(0, utf8(value)))

const REFUSED: readonly [string, Buffer, RegExp][] = [
  [
    'two URIs',
    alternativeNames([uri(FORGED.identity), uri('https://example.com/mallory')]),
    /exactly one subject, names 2/,
  ],
  [
    'an address beside a URI',
    alternativeNames([email('ada@example.com'), uri(FORGED.identity)]),
    /exactly one subject/,
  ],
  [
    'a host beside a URI',
    general(implicit(6, Buffer.from(FORGED.identity)), implicit(2, Buffer.from('example.com'))),
    /exactly one/,
  ],
  ['a URI with a NUL in it', alternativeNames([uri(`${FORGED.identity}\0.example.net`)]), /visible ASCII/],
  ['a URI with a line feed', alternativeNames([uri(`${FORGED.identity}\n`)]), /visible ASCII/],
  ['a URI with a blank', alternativeNames([uri(`${FORGED.identity} `)]), /visible ASCII/],
  // The library's reader of ASCII drops the eighth bit, so that e and å are one letter to it.
  [
    'a URI with a letter beyond ASCII',
    alternativeNames([uri(FORGED.identity.replace('e', '\u00e5'))]),
    /visible ASCII/,
  ],
  ['a host alone', general(implicit(2, Buffer.from('example.com'))), /neither by e-mail address nor by URI/],
  ['nobody', general(), /exactly one subject, names 0/],
  ['a name of another kind', general(explicit(0, oid('1.2.3'), explicit(0, utf8('ada')))), /unknown type/],
]
for (const [title, names, message] of REFUSED) {
  test(`refuses a certificate that names ${title}`, async () => {
    await assertOnlyWeRefuse(forge.sign(undefined, named(names)), forge.trustedRoot, {
      code: 'CERTIFICATE_INVALID',
      message,
    })
  })
}

test('refuses a certificate without any name, and with its names twice', async () => {
  const none = forge.sign(undefined, { extensions: [usage, purpose, issuer] })
  await assertOnlyWeRefuse(none, forge.trustedRoot, { code: 'CERTIFICATE_INVALID', message: /names nobody/ })
  const twice = forge.sign(undefined, {
    extensions: [usage, purpose, GOOD.names, alternativeNames([uri('https://example.com/mallory')]), issuer],
  })
  // OpenSSL reads it; RFC 5280 §4.2 forbids it.
  await assertOnlyWeRefuse(twice, forge.trustedRoot, { code: 'CERTIFICATE_INVALID', message: /2\.5\.29\.17 twice/ })
})

const legacy = (text: string) => extension('1.3.6.1.4.1.57264.1.1', Buffer.from(text))

test('refuses a certificate whose two issuer extensions differ, or that has none', async () => {
  const names = GOOD.names
  const two = forge.sign(undefined, { extensions: [usage, purpose, names, legacy('https://other.example'), issuer] })
  await assertOnlyWeRefuse(two, forge.trustedRoot, { code: 'CERTIFICATE_INVALID', message: /two different issuers/ })
  const none = forge.sign(undefined, { extensions: [usage, purpose, names] })
  await assertOnlyWeRefuse(none, forge.trustedRoot, { code: 'CERTIFICATE_INVALID', message: /which identity provider/ })
})

test('reads addresses, user names, and the old issuer extension', async () => {
  const address = forge.sign(undefined, named(alternativeNames([email('ada@example.com')])))
  assert.equal((await askUs(address, forge.trustedRoot)).identity.identity, 'ada@example.com')
  const user = forge.sign(undefined, named(general(userName('ada!example'))))
  assert.equal((await askUs(user, forge.trustedRoot)).identity.identity, 'ada!example')
  const old = forge.sign(undefined, { extensions: [usage, purpose, GOOD.names, legacy(FORGED.issuer)] })
  const { identity } = await askUs(old, forge.trustedRoot)
  assert.deepEqual(identity, { ...FORGED, repositoryId: null, ownerId: null })
})

test('reads the numeric ids of a repository and its owner', async () => {
  const ids = [15, 17].map((n) => extension(`1.3.6.1.4.1.57264.1.${n}`, utf8(`${n}00`)))
  const document = forge.sign(undefined, { extensions: [...Object.values(GOOD), ...ids] })
  const { identity } = await askUs(document, forge.trustedRoot)
  assert.deepEqual(identity, { ...FORGED, repositoryId: '1500', ownerId: '1700' })
})
