import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, describe, test } from 'node:test'
import type { ErrorCode } from '../../../src/core/error-codes.ts'
import { parseBundles } from '../../../src/verify/bundle.ts'
import { readIdentity } from '../../../src/verify/keyless/identity.ts'
import { type KeylessProof, verifyKeyless } from '../../../src/verify/keyless/keyless.ts'
import { parseTrustedRoot } from '../../../src/verify/keyless/trusted-root.ts'
import { authority } from '../../helpers/authority.ts'
import { edited } from '../../helpers/edited.ts'
import { person, workflow } from '../../helpers/sigstore/issuer.ts'
import { type KeylessOptions, keylessLine } from '../../helpers/sigstore/keyless.ts'
import type { Misbehaviour } from '../../helpers/sigstore/misbehaviour.ts'
import { type Sigstore, startSigstore } from '../../helpers/sigstore/sigstore.ts'

const PAYLOAD = Buffer.from('{"_type":"https://in-toto.io/Statement/v1"}')
const IDENTITY = 'https://github.com/acme/plugins/.github/workflows/release.yml@refs/heads/main'

const sigstore = await startSigstore()
after(() => sigstore.close())

async function verdict(line: Buffer, from: Sigstore = sigstore): Promise<KeylessProof> {
  const [bundle] = parseBundles(line)
  assert.ok(bundle)
  return verifyKeyless(bundle, parseTrustedRoot(from.trustedRootBytes, 'local'))
}

describe('a bundle that a whole Sigstore signed', () => {
  const ACCEPTED: readonly [string, KeylessOptions, readonly RegExp[]][] = [
    ['Rekor v1', { rekor: [1] }, [/^log /]],
    ['Rekor v1 and a timestamp', { rekor: [1], timestamps: 1 }, [/^timestamp authority /, /^log /]],
    ["npm's kind of entry", { rekor: [1], entryType: 'intoto' }, [/^log /]],
    ['Rekor v2 and a timestamp', { rekor: [2] }, [/^timestamp authority /]],
    ['both logs', { rekor: [1, 2] }, [/^log /]],
    ['both logs and a timestamp', { rekor: [1, 2], timestamps: 1 }, [/^timestamp authority /, /^log /]],
  ]
  for (const [title, options, sources] of ACCEPTED) {
    test(`says who signed, when, and where that stands: ${title}`, async () => {
      const line = await keylessLine(sigstore, PAYLOAD, options)
      const { identity, times, log } = await verdict(line)
      assert.equal(identity.issuer, sigstore.urls.issuer)
      assert.equal(identity.identity, IDENTITY)
      assert.equal(times.length, sources.length)
      for (const [index, { atMs, source }] of times.entries()) {
        assert.match(source, sources[index] ?? /./)
        assert.ok(Math.abs(atMs - Date.now()) < 60_000)
      }
      assert.match(log, /^entry \d+ of 127\.0\.0\.1:\d+, proven in a tree of \d+(?:; entry .*)?$/)
    })
  }

  test('names the numeric ids of a repository, and of a person nothing but the address', async () => {
    const job = workflow('acme/plugins', { repositoryId: '77', ownerId: '88' })
    const { identity } = await verdict(await keylessLine(sigstore, PAYLOAD, { identity: job }))
    assert.deepEqual([identity.repositoryId, identity.ownerId], ['77', '88'])
    const ada = await verdict(await keylessLine(sigstore, PAYLOAD, { identity: person('ada@example.com') }))
    const { issuer } = sigstore.urls
    assert.deepEqual(ada.identity, { issuer, identity: 'ada@example.com', repositoryId: null, ownerId: null })
  })

  test('is read without being verified in order to find its principal', async () => {
    const [bundle] = parseBundles(await keylessLine(sigstore, PAYLOAD))
    assert.ok(bundle?.material.kind === 'certificate')
    assert.equal(readIdentity(bundle.material.der).identity, IDENTITY)
    assert.throws(() => readIdentity(Buffer.from('no certificate')), { code: 'CERTIFICATE_INVALID' })
  })

  test('verifies with Rekor v2 under an ECDSA key as well', async () => {
    await using other = await startSigstore({ rekor2Key: 'ecdsa' })
    await verdict(await keylessLine(other, PAYLOAD, { rekor: [2] }), other)
  })

  test('verifies years later, and says nothing of today', async () => {
    await using old = await startSigstore({ now: () => new Date('2023-04-05T06:07:08Z') })
    const { times } = await verdict(await keylessLine(old, PAYLOAD, { rekor: [2] }), old)
    assert.deepEqual(
      times.map(({ atMs }) => new Date(atMs).toISOString()),
      ['2023-04-05T06:07:08.000Z'],
    )
  })

  test('is refused under the root of another Sigstore, the public-good one among them', async () => {
    await using other = await startSigstore()
    const line = await keylessLine(sigstore, PAYLOAD)
    await assert.rejects(verdict(line, other), { code: 'LOG_INVALID', message: /names no log with the id/ })
    const [bundle] = parseBundles(line)
    assert.ok(bundle)
    const bytes = readFileSync(new URL('../../../keys/public-good.trusted_root.json', import.meta.url))
    await assert.rejects(verifyKeyless(bundle, parseTrustedRoot(bytes, 'public-good')), { code: 'LOG_INVALID' })
  })

  test('is refused without a log entry, and with Rekor v2 alone for want of a time', async () => {
    const line = await keylessLine(sigstore, PAYLOAD, { timestamps: 1 })
    const unlogged = edited(line, ['verificationMaterial', 'tlogEntries'], [])
    await assert.rejects(verdict(unlogged), { code: 'LOG_INVALID', message: /holds no log entry/ })
    const timeless = await keylessLine(sigstore, PAYLOAD, { rekor: [2], timestamps: 0 })
    await assert.rejects(verdict(timeless), { code: 'TIMESTAMP_INVALID', message: /states one/ })
  })

  test('is refused when the same entry or the same timestamp is there twice', async () => {
    const line = await keylessLine(sigstore, PAYLOAD, { timestamps: 1 })
    const { tlogEntries, timestampVerificationData } = JSON.parse(line.toString()).verificationMaterial
    const [stamp] = timestampVerificationData.rfc3161Timestamps
    const entries = edited(line, ['verificationMaterial', 'tlogEntries'], [tlogEntries[0], tlogEntries[0]])
    await assert.rejects(verdict(entries), (error: { code?: ErrorCode }) => {
      return error.code === 'LOG_INVALID' || error.code === 'TIMESTAMP_INVALID'
    })
    const path = ['verificationMaterial', 'timestampVerificationData', 'rfc3161Timestamps']
    await assert.rejects(verdict(edited(line, path, [stamp, stamp])), { code: 'TIMESTAMP_INVALID', message: /twice/ })
  })

  test('is refused where a key is meant', async () => {
    const publisher = await authority()
    const [bundle] = parseBundles(publisher.publish().bundle)
    assert.ok(bundle)
    const root = parseTrustedRoot(sigstore.trustedRootBytes, 'local')
    await assert.rejects(verifyKeyless(bundle, root), { code: 'CERTIFICATE_INVALID', message: /found a key/ })
  })

  test('is refused when its payload, its type or its signature is another', async () => {
    const line = await keylessLine(sigstore, PAYLOAD)
    for (const [path, value] of [
      [['dsseEnvelope', 'payload'], Buffer.from('{}').toString('base64')],
      [['dsseEnvelope', 'payloadType'], 'text/plain'],
      [['dsseEnvelope', 'signatures', 0, 'sig'], 'AAAA'],
    ] as const) {
      await assert.rejects(verdict(edited(line, path, value)), { code: 'SIGNATURE_INVALID' })
    }
  })
})

describe('a bundle of a Sigstore that misbehaves', () => {
  const v2: KeylessOptions = { rekor: [2] }
  const REFUSED: readonly [string, Misbehaviour, KeylessOptions, ErrorCode][] = [
    ['no certificate log saw the certificate', { sct: 'missing' }, {}, 'CERTIFICATE_INVALID'],
    ['an unknown certificate log saw it', { sct: 'forged' }, {}, 'CERTIFICATE_INVALID'],
    ['the certificate had expired', { certificate: 'expired' }, {}, 'CERTIFICATE_INVALID'],
    ['the certificate had expired by a timestamp', { certificate: 'expired' }, v2, 'CERTIFICATE_INVALID'],
    ['the certificate was not valid yet', { certificate: 'future' }, {}, 'CERTIFICATE_INVALID'],
    ['another authority of the same name issued it', { certificate: 'forged' }, {}, 'CERTIFICATE_INVALID'],
    ['the certificate is for another use', { certificate: 'not-for-code' }, {}, 'CERTIFICATE_INVALID'],
    ['the certificate has two names', { certificate: 'two-names' }, {}, 'CERTIFICATE_INVALID'],
    ['the certificate has no issuer', { certificate: 'no-issuer' }, {}, 'CERTIFICATE_INVALID'],
    ['another log took the entry', { log: 'forged' }, {}, 'LOG_INVALID'],
    ['another log took the entry, v2', { log: 'forged' }, v2, 'LOG_INVALID'],
    ['the promise is not of the log', { log: 'forged-promise' }, {}, 'LOG_INVALID'],
    ['the checkpoint is not of the log', { log: 'forged-checkpoint' }, {}, 'LOG_INVALID'],
    ['the checkpoint is of another tree', { log: 'other-tree' }, {}, 'LOG_INVALID'],
    ['the checkpoint is of another tree, v2', { log: 'other-tree' }, v2, 'LOG_INVALID'],
    ['the proof is of another leaf', { log: 'other-leaf' }, {}, 'LOG_INVALID'],
    ['the entry is about another signature', { log: 'other-entry' }, {}, 'LOG_INVALID'],
    ['the entry is about another signature, v2', { log: 'other-entry' }, v2, 'LOG_INVALID'],
    ['the log saw it before the certificate began', { log: 'early' }, {}, 'CERTIFICATE_INVALID'],
    ['the timestamp is from before the certificate began', { timestamp: 'early' }, v2, 'CERTIFICATE_INVALID'],
    ['the timestamp is from after it ended', { timestamp: 'late' }, v2, 'CERTIFICATE_INVALID'],
    [
      'one of two times is from after it ended',
      { timestamp: 'late' },
      { rekor: [1], timestamps: 1 },
      'CERTIFICATE_INVALID',
    ],
    ['another authority made the timestamp', { timestamp: 'forged' }, v2, 'TIMESTAMP_INVALID'],
    ['the timestamp is over other bytes', { timestamp: 'other-data' }, v2, 'TIMESTAMP_INVALID'],
    ['the timestamp tells tenths of a second', { timestamp: 'tenths' }, v2, 'TIMESTAMP_INVALID'],
  ]
  for (const [title, misbehave, options, code] of REFUSED) {
    test(`is refused when ${title}`, async () => {
      await using amiss = await startSigstore({ misbehave })
      await keylessLine(amiss, Buffer.from('first'), options).catch(() => undefined)
      let line: Buffer
      try {
        line = await keylessLine(amiss, PAYLOAD, options)
      } catch (error) {
        // Then even the signing library noticed; nothing that could be published came out.
        assert.ok(error instanceof Error)
        return
      }
      await assert.rejects(verdict(line, amiss), { code })
    })
  }

  test('is accepted with a timestamp that tells milliseconds', async () => {
    await using amiss = await startSigstore({ misbehave: { timestamp: 'milliseconds' } })
    const { times } = await verdict(await keylessLine(amiss, PAYLOAD, v2), amiss)
    assert.equal((times[0]?.atMs ?? 0) % 1000, 125)
  })

  test('is refused by its form when the proof is missing', async () => {
    for (const [misbehave, options] of [
      [{ log: 'no-proof' }, {}],
      [{ log: 'no-proof' }, v2],
    ] as const) {
      await using amiss = await startSigstore({ misbehave })
      const made = await keylessLine(amiss, PAYLOAD, options).catch(() => null)
      if (made !== null) await assert.rejects(verdict(made, amiss), { code: 'BUNDLE_MALFORMED' })
    }
  })
})
