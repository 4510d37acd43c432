// Signing without a key, against a Sigstore on loopback.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { PluginError } from '../../src/index.ts'
import { chooseServices } from '../../src/verify/signing/services.ts'
import { workflow } from '../helpers/sigstore/issuer.ts'
import { keylessLine } from '../helpers/sigstore/keyless.ts'
import { desk } from './desk.ts'
import { given, keyless, sigstore, stamped, TARBALL, verified } from './keyless-desk.ts'

describe('signing keyless', () => {
  test('makes one bundle of version 0.3 that Sigstore verifies: Rekor v1', async (t) => {
    const own = desk(t)
    const signed = await keyless(own)
    assert.deepEqual(signed.identity, { issuer: sigstore.urls.issuer, identity: 'ada@example.com' })
    assert.deepEqual([signed.keyId, signed.timestamp, signed.signatures], [null, null, 1])
    assert.equal(signed.log?.url, sigstore.urls.rekor1)
    assert.equal(signed.log?.isPublic, false)
    assert.deepEqual(own.files(), [TARBALL, `${TARBALL}.sigstore.json`])
    const [bundle] = own.bundles()
    assert.equal(verified(bundle?.json).identity?.subjectAlternativeName, 'ada@example.com')
    assert.equal(JSON.parse(`${bundle?.payload}`).subject[0].name, 'acme/hello@1.0.0')
  })

  test('with Rekor v2 and a timestamp, and with Rekor v1 and one', async (t) => {
    for (const rekorVersion of [1, 2] as const) {
      const own = desk(t)
      const signed = await keyless(own, { rekorVersion }, stamped())
      assert.ok(Math.abs(Date.parse(signed.timestamp ?? '') - Date.now()) < 60_000)
      verified(own.bundles()[0]?.json)
    }
  })

  test('with Rekor v2 and no timestamp is refused before anybody is asked: nothing would tell the time', async (t) => {
    const own = desk(t)
    const asked = sigstore.requests('fulcio').length
    await assert.rejects(keyless(own, { rekorVersion: 2 }), { code: 'USAGE', message: /tells no time/ })
    assert.equal(sigstore.requests('fulcio').length, asked)
    assert.deepEqual(own.files(), [TARBALL])
  })

  test('joins a signature with a key, as one signer more of the same statement', async (t) => {
    const own = desk(t)
    await own.key('bob')
    await own.sign('bob')
    const signed = await keyless(own)
    assert.equal(signed.signatures, 2)
    const [keyed, other] = own.bundles()
    assert.deepEqual(keyed?.payload, other?.payload)
    await assert.rejects(keyless(own), { code: 'ALREADY_SIGNED', message: /ada@example\.com/ })
    assert.equal((await keyless(own, {}, { replace: true })).replaced, true)
    assert.equal((await keyless(own, { identityToken: given(workflow('acme/plugins')) })).signatures, 3)
  })

  test('can countersign', async (t) => {
    const own = desk(t)
    await own.key('bob')
    await own.sign('bob')
    const signed = await keyless(own, {}, { countersign: { note: 'reviewed' } })
    assert.equal(signed.kind, 'countersignature')
    verified(own.bundles()[1]?.json)
  })

  test('takes either everything from the public Sigstore or nothing', async (t) => {
    const own = desk(t)
    for (const half of [{ fulcioUrl: undefined }, { rekorUrl: undefined }]) {
      await assert.rejects(keyless(own, half), { code: 'USAGE', message: /would be the public one/ })
    }
    await assert.rejects(own.market.sign(own.tarball, {}), { code: 'USAGE', message: /either a key or keyless/ })
    await assert.rejects(own.market.sign(own.tarball, { key: own.at('x.key'), keyless: { environment: {} } }), {
      code: 'USAGE',
    })
  })

  test('asks the public services by their addresses, and with Rekor v2 their timestamp authority', () => {
    const named = ({ fulcio, rekor, timestamp, isPublic }: ReturnType<typeof chooseServices>) =>
      [fulcio.url, rekor.url, timestamp?.url ?? null, isPublic] as const
    const fulcioUrl = 'https://fulcio.sigstore.dev'
    const stamp = 'https://timestamp.sigstore.dev/api/v1/timestamp'
    assert.deepEqual(named(chooseServices({})), [fulcioUrl, 'https://rekor.sigstore.dev', null, true])
    assert.deepEqual(named(chooseServices({ rekorVersion: 2 })), [
      fulcioUrl,
      'https://log2025-1.rekor.sigstore.dev',
      stamp,
      true,
    ])
    const newer = 'https://log2026-1.rekor.sigstore.dev'
    const choice = { fulcioUrl: `${fulcioUrl}/`, rekorUrl: newer, rekorVersion: 2 } as const
    assert.deepEqual(named(chooseServices(choice)), [fulcioUrl, newer, stamp, true])
  })

  test("keeps the line of another tool's statement", async (t) => {
    const own = desk(t)
    await own.key('bob')
    const statement = {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [],
      predicateType: 'https://slsa.dev/provenance/v1',
    }
    const line = await keylessLine(sigstore, Buffer.from(JSON.stringify(statement)))
    writeFileSync(own.at(`${TARBALL}.sigstore.json`), line)
    assert.equal((await own.sign('bob')).signatures, 2)
    assert.deepEqual(own.bundles()[0]?.json, JSON.parse(`${line}`))
    verified(own.bundles()[0]?.json)
  })

  const addresses = [
    'http://fulcio.example.com',
    'http://127.0.0.1.example.com',
    'http://localhost.example.com',
    'ftp://127.0.0.1',
    'https://user:secret@fulcio.example.com',
    'https://fulcio.example.com/?x=1',
    'file:///etc/passwd',
    'fulcio.example.com',
    '',
  ]
  for (const address of addresses) {
    test(`does not send a token to ${address || 'nowhere'}`, async (t) => {
      const own = desk(t)
      await assert.rejects(keyless(own, { fulcioUrl: address }), (error: PluginError) => {
        assert.deepEqual([error.code, error.exitCode], ['USAGE', 2])
        assert.match(error.message, /--fulcio-url/)
        return true
      })
    })
  }
})
