// The services that take part in signing, when they fail or lie; and timestamps beside a key.

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { RFC3161Timestamp } from '@sigstore/core'
import type { PluginError } from '../../src/index.ts'
import type { Answer, Misbehaviour, ServiceName } from '../helpers/sigstore/misbehaviour.ts'
import { startSigstore } from '../helpers/sigstore/sigstore.ts'
import { desk } from './desk.ts'
import { ADA, assertSilent, given, keyless, sigstore, stamped, TARBALL } from './keyless-desk.ts'

describe('a service that fails', () => {
  const names: readonly [ServiceName, RegExp][] = [
    ['fulcio', /certificate authority/],
    ['rekor1', /transparency log/],
    ['rekor2', /transparency log/],
    ['timestamp', /timestamp authority/],
  ]
  const answers: readonly Answer[] = ['error', 'garbage', 'other-json', 'cut', 'silence']
  for (const [name, said] of names) {
    for (const answer of answers) {
      test(`${name} with ${answer}: is named with its address, and nothing is left behind`, async (t) => {
        const own = desk(t)
        sigstore.misbehave = { answers: { [name]: answer } }
        const token = given()
        const attempt = keyless(
          own,
          { identityToken: token, rekorVersion: name === 'rekor2' ? 2 : 1 },
          stamped({ timeoutMs: 300 }),
        )
        await assert.rejects(attempt, (error: PluginError) => {
          assert.deepEqual([error.code, error.exitCode], ['SIGNING_FAILED', 1], inspect(error))
          assert.match(error.message, said)
          assert.ok(error.message.includes(sigstore.urls[name]), error.message)
          assertSilent(error, token.text)
          return true
        })
        assert.deepEqual(own.files(), [TARBALL])
      })
    }
  }

  test('is asked three times at most, and not again when it refuses', async (t) => {
    const own = desk(t)
    const asked = () => sigstore.requests('fulcio').length
    let before = asked()
    sigstore.misbehave = { answers: { fulcio: 'error' } }
    await assert.rejects(keyless(own), { message: /answered 500: out of order/ })
    assert.equal(asked() - before, 3)
    sigstore.misbehave = {}
    before = asked()
    await assert.rejects(keyless(own, { identityToken: given(ADA, { forged: true }) }))
    assert.equal(asked() - before, 1)
  })

  test('that nobody runs is a refused connection', async (t) => {
    const own = desk(t)
    const gone = await startSigstore()
    const { fulcio, timestamp } = gone.urls
    await gone.close()
    await assert.rejects(keyless(own, { fulcioUrl: fulcio }), { message: /refused the connection/ })
    await assert.rejects(keyless(own, {}, { timestampUrl: timestamp }), { message: /refused the connection/ })
    assert.deepEqual(own.files(), [TARBALL])
  })

  test('by answering without an end costs no memory', async (t) => {
    const own = desk(t)
    await own.key('bob')
    sigstore.misbehave = { answers: { timestamp: 'endless' } }
    await assert.rejects(own.sign('bob', stamped()), { code: 'SIGNING_FAILED', message: /more than 32768 bytes/ })
  })

  const wrong: readonly [Misbehaviour, 1 | 2, RegExp][] = [
    [{ log: 'no-proof' }, 1, /transparency log/],
    [{ log: 'no-promise' }, 1, /no promise/],
    [{ log: 'no-proof' }, 2, /transparency log/],
    [{ timestamp: 'other-data' }, 2, /timestamp of something else/],
    [{ timestamp: 'tenths' }, 2, /timestamp that cannot be read/],
    [{ certificate: 'other-key' }, 1, /certificate for another key/],
    [{ certificate: 'two-names' }, 1, /certificate authority/],
    [{ certificate: 'no-issuer' }, 1, /certificate authority/],
  ]
  for (const [misbehave, rekorVersion, message] of wrong) {
    test(`by giving what nobody could verify is found out: ${JSON.stringify(misbehave)}, Rekor v${rekorVersion}`, async (t) => {
      const own = desk(t)
      sigstore.misbehave = misbehave
      const options = rekorVersion === 2 ? stamped() : {}
      await assert.rejects(keyless(own, { rekorVersion }, options), { code: 'SIGNING_FAILED', message })
      assert.deepEqual(own.files(), [TARBALL])
    })
  }
})

describe('a timestamp beside a key', () => {
  test('is over the signature, and verifies', async (t) => {
    const own = desk(t)
    const bob = await own.key('bob')
    const signed = await own.sign('bob', stamped())
    assert.deepEqual([signed.keyId, signed.log], [bob, null])
    assert.ok(Math.abs(Date.parse(signed.timestamp ?? '') - Date.now()) < 60_000)
    const [bundle] = own.bundles()
    assert.equal(bundle?.timestamps.length, 1)
    const { publicKey } = new X509Certificate(sigstore.timestampAuthority.chain[0] ?? '')
    const stamp = RFC3161Timestamp.parse(Buffer.from(bundle?.timestamps[0] ?? ''))
    stamp.verify(bundle?.signature ?? Buffer.alloc(0), publicKey)
    assert.throws(() => stamp.verify(bundle?.payload ?? Buffer.alloc(0), publicKey))
  })

  test('of an authority that answers at a path of its own is asked for there', async (t) => {
    const own = desk(t)
    await own.key('bob')
    await own.sign('bob', { timestampUrl: `${sigstore.urls.timestamp}/api/v1/timestamp` })
    await assert.rejects(own.sign('bob', { timestampUrl: `${sigstore.urls.timestamp}/tsr`, replace: true }), {
      code: 'SIGNING_FAILED',
      message: /answered 404/,
    })
  })

  test('that was kept from an earlier question is not taken', async (t) => {
    // Ed25519 signs the same statement with the same signature, so only the nonce tells the old answer from a new one.
    const own = desk(t, {}, () => new Date('2026-11-21T12:00:00Z'))
    await own.key('bob')
    let kept: Buffer | undefined
    const proxy = createServer(async (request, response) => {
      kept ??= await relay(Uint8Array.from(await buffer(request)))
      response.end(kept)
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    t.after(() => proxy.close())
    const options = stamped({ timestampUrl: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` })
    await own.sign('bob', options)
    await assert.rejects(own.sign('bob', { ...options, replace: true }), {
      code: 'SIGNING_FAILED',
      message: /timestamp of another question/,
    })
  })
})

async function relay(body: Uint8Array<ArrayBuffer>): Promise<Buffer> {
  const headers = { 'content-type': 'application/timestamp-query' }
  const response = await fetch(`${sigstore.urls.timestamp}/api/v1/timestamp`, { method: 'POST', headers, body })
  return Buffer.from(await response.arrayBuffer())
}
