// A timestamp decides whether a certificate of ten minutes was alive, and whether a signature is older than a leak of its
// key. So it has to be one that was granted, by an authority made for it, and nothing in it may be left unsigned.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBundles } from '../../../../src/verify/bundle.ts'
import { verifyTimestamps } from '../../../../src/verify/keyless/keyless.ts'
import { parseTrustedRoot } from '../../../../src/verify/keyless/trusted-root.ts'
import { authority } from '../../../helpers/authority.ts'
import { changed, edited } from '../../../helpers/edited.ts'
import { askUs, assertOnlyWeRefuse, Forge } from '../../../helpers/forge.ts'
import { explicit, integer, oid, readNodes, sequence, setOf, tlv, utf8 } from '../../../helpers/sigstore/der.ts'

const forge = new Forge()
const stranger = new Forge()
const rootOf = (from: Forge, name = 'forged') => parseTrustedRoot(Buffer.from(JSON.stringify(from.trustedRoot)), name)

/** The response, taken apart: its status, and the SignedData within the token. */
function partsOf(response: Buffer) {
  const [outer] = readNodes(response)
  const [status, token] = readNodes(outer?.content ?? response)
  const [type, holder] = readNodes(token?.content ?? response)
  const [data] = readNodes(holder?.content ?? response)
  const whole = (node?: { tag: number; content: Buffer }) => tlv(node?.tag ?? 0, node?.content ?? Buffer.alloc(0))
  const inner = readNodes(data?.content ?? response).map(whole)
  const response2 = (parts: readonly Buffer[], head = whole(status)) =>
    sequence(head, sequence(whole(type), explicit(0, sequence(...parts))))
  return { inner, build: response2 }
}

const REFUSED: readonly [string, (response: Buffer) => Buffer, RegExp][] = [
  ['that says it was rejected', (r) => partsOf(r).build(partsOf(r).inner, sequence(integer(2))), /none was granted/],
  [
    'with a remark that nobody signed',
    (r) => partsOf(r).build(partsOf(r).inner, sequence(integer(0), sequence(utf8('trust me')))),
    /nobody signed/,
  ],
  [
    "with a certificate that is not the trusted root's",
    (r) => {
      const { inner, build } = partsOf(r)
      const [certificate = Buffer.alloc(0)] = stranger.clock.chain
      return build(inner.map((part) => (part[0] === 0xa0 ? explicit(0, certificate) : part)))
    },
    /no authority/,
  ],
  [
    'with attributes that nobody signed',
    (r) => {
      const { inner, build } = partsOf(r)
      const signers = inner.at(-1) ?? Buffer.alloc(0)
      const [signer] = readNodes(readNodes(signers)[0]?.content ?? signers)
      const unsigned = explicit(1, sequence(oid('1.2.3'), setOf(utf8('trust me'))))
      return build([...inner.slice(0, -1), setOf(sequence(signer?.content ?? Buffer.alloc(0), unsigned))])
    },
    /nobody signed/,
  ],
]
for (const [title, change, message] of REFUSED) {
  test(`refuses a timestamp ${title}`, async () => {
    const document = forge.sign(undefined, { timestamps: (signature) => [change(forge.stamp(signature))] })
    await assertOnlyWeRefuse(document, forge.trustedRoot, { code: 'TIMESTAMP_INVALID', message })
  })
}

test('refuses a trusted root whose timestamp authority is made for something else', async () => {
  // The signing certificates' authority in place of the clock's: any key below it could tell the time.
  const chain = { certificates: forge.chain.map((der) => ({ rawBytes: der.toString('base64') })) }
  const root = changed(forge.trustedRoot, ['timestampAuthorities', 0, 'certChain'], chain)
  await assert.rejects(askUs(forge.sign(), root), { code: 'ROOT_INVALID', message: /not made for timestamps/ })
})

const alice = await authority()
const { bundle: plain } = alice.publish()
const signature = Buffer.from(JSON.parse(plain.toString()).dsseEnvelope.signatures[0].sig as string, 'base64')
const stamped = (...stamps: readonly Buffer[]) => {
  const rfc3161Timestamps = stamps.map((stamp) => ({ signedTimestamp: stamp.toString('base64') }))
  const [bundle] = parseBundles(
    edited(plain, ['verificationMaterial', 'timestampVerificationData'], { rfc3161Timestamps }),
  )
  assert.ok(bundle)
  return bundle
}

test('reads the time of a keyed bundle by any of the roots', async () => {
  const [time, ...more] = await verifyTimestamps(stamped(forge.stamp(signature)), [rootOf(stranger), rootOf(forge)])
  assert.equal(more.length, 0)
  assert.equal(time?.source, 'timestamp authority https://clock.forge.test')
  assert.ok(Math.abs((time?.atMs ?? 0) - Date.now()) < 60_000)
  assert.deepEqual(await verifyTimestamps(stamped(), []), [])
})

test('refuses a keyed bundle with a timestamp of a stranger, of another signature, twice, or of no form', async () => {
  const good = forge.stamp(signature)
  const cases: readonly [Buffer[], RegExp][] = [
    [[stranger.stamp(signature)], /no authority in forged was there/],
    [[forge.stamp(Buffer.from('another signature'))], /not one that its authority made over this signature/],
    [[good, stranger.stamp(signature)], /no authority/],
    [[good, good], /twice/],
    [[Buffer.from('30030201', 'hex')], /is cut off/],
    [[Buffer.concat([good, Buffer.from([0])])], /bytes behind its end/],
    [[Buffer.from('not DER at all')], /TIMESTAMP|timestamp/],
  ]
  for (const [stamps, message] of cases) {
    const expected = { code: 'TIMESTAMP_INVALID', message }
    await assert.rejects(verifyTimestamps(stamped(...stamps), [rootOf(forge)]), expected)
  }
  await assert.rejects(verifyTimestamps(stamped(good), []), { code: 'TIMESTAMP_INVALID', message: /any trusted root/ })
})

test('refuses a keyed bundle in whose timestamp any byte is another', async () => {
  const good = forge.stamp(signature)
  const root = rootOf(forge)
  for (let at = 0; at < good.length; at++) {
    const bad = Buffer.from(good)
    bad[at] = (bad[at] ?? 0) ^ 1
    const expected = { code: 'TIMESTAMP_INVALID', message: /^cannot rely on the time/ }
    await assert.rejects(verifyTimestamps(stamped(bad), [root]), expected, `byte ${at}`)
  }
})
