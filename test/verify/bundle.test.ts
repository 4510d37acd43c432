import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BUNDLE_MAX_BYTES, BUNDLE_MEDIA_TYPE, parseBundles } from '../../src/verify/bundle.ts'
import { authority } from '../helpers/authority.ts'
import { edited, type Json, places } from '../helpers/edited.ts'

const publisher = await authority()
const { bundle } = publisher.publish()

const MATERIAL = ['verificationMaterial']
const ENVELOPE = ['dsseEnvelope']
const SIGNATURE = ['dsseEnvelope', 'signatures', 0]

function refused(bytes: Uint8Array, reason: RegExp): void {
  assert.throws(() => parseBundles(bytes), { code: 'BUNDLE_MALFORMED', message: reason })
}
const change = (path: readonly (string | number)[], value: Json | undefined): Buffer => edited(bundle, path, value)

test('reads back what it wrote', () => {
  const [read, ...others] = parseBundles(bundle)
  assert.equal(others.length, 0)
  assert.deepEqual(read?.material, { kind: 'key', hint: publisher.keyId })
  assert.equal(read?.payloadType, 'application/vnd.in-toto+json')
  assert.equal(JSON.parse(read?.payload.toString() ?? '').subject[0].name, 'acme/hello@1.0.0')
  assert.equal(read?.signature.length, 64)
})

test('accepts what other writers of the format leave in: indentation, empty lists, no keyid', () => {
  const good: readonly Buffer[] = [
    Buffer.from(JSON.stringify(JSON.parse(bundle.toString()), null, 2)),
    Buffer.from(JSON.stringify(JSON.parse(bundle.toString()), null, '\t').replaceAll('\n', '\r\n')),
    change([...MATERIAL, 'tlogEntries'], []),
    change([...MATERIAL, 'timestampVerificationData'], {}),
    change([...MATERIAL, 'timestampVerificationData'], { rfc3161Timestamps: [] }),
    change([...SIGNATURE, 'keyid'], ''),
    change([...SIGNATURE, 'keyid'], undefined),
    bundle.subarray(0, -1),
  ]
  for (const bytes of good) assert.equal(parseBundles(bytes).length, 1)
})

test('reads one bundle a line', () => {
  assert.equal(parseBundles(Buffer.concat([bundle, bundle])).length, 2)
  assert.equal(parseBundles(Buffer.concat([bundle, bundle]).subarray(0, -1)).length, 2)
})

test('refuses lines that are not bundles, empty lines, and too many', () => {
  refused(Buffer.concat([bundle, Buffer.from('\n'), bundle]), /not JSON/)
  refused(Buffer.concat([bundle, Buffer.from('\n')]), /not JSON/)
  refused(Buffer.concat([bundle, Buffer.from('{}\n')]), /line 2: mediaType/)
  refused(Buffer.concat([bundle, Buffer.from('garbage\n')]), /not JSON/)
  refused(Buffer.concat([Buffer.from(' '), bundle, bundle]), /not JSON/)
  refused(Buffer.concat(Array.from({ length: 17 }, () => bundle)), /more than 16 bundles/)
})

test('refuses bytes around the document', () => {
  refused(Buffer.alloc(0), /not JSON/)
  refused(Buffer.concat([bundle, Buffer.from('x')]), /not JSON/)
  refused(Buffer.concat([bundle, Buffer.from([0])]), /not JSON/)
  refused(Buffer.concat([Buffer.from('\ufeff'), bundle]), /not JSON/)
  refused(Buffer.concat([bundle.subarray(0, -2), Buffer.from([0xff]), bundle.subarray(-2)]), /UTF-8/)
})

test('refuses more than 16 MiB, and a heap of values in less', () => {
  refused(Buffer.alloc(BUNDLE_MAX_BYTES + 1, 0x20), /more than 16777216/)
  refused(Buffer.from(`{"mediaType":[${'[],'.repeat(5_000_000)}[]]}`), /outside its strings/)
})

test('refuses every media type but the one of version 0.3', () => {
  for (const type of [
    'application/vnd.dev.sigstore.bundle.v9.9+json',
    'application/vnd.dev.sigstore.bundle+json;version=0.3',
    'application/vnd.dev.sigstore.bundle.v0.2+json',
    `${BUNDLE_MEDIA_TYPE} `,
    BUNDLE_MEDIA_TYPE.toUpperCase(),
    '',
    null,
    3,
    undefined,
  ]) {
    refused(change(['mediaType'], type), /mediaType/)
  }
})

test('refuses unknown keys and second spellings everywhere', () => {
  for (const path of [
    ['extra'],
    ['media_type'],
    [...MATERIAL, 'extra'],
    [...MATERIAL, 'public_key'],
    [...MATERIAL, 'publicKey', 'rawBytes'],
    [...ENVELOPE, 'payload_type'],
    [...SIGNATURE, 'cert'],
  ]) {
    refused(change(path, 'x'), /is not a known key/)
  }
})

test('refuses null, and every other type, in every place', () => {
  const places = [
    MATERIAL,
    [...MATERIAL, 'publicKey'],
    [...MATERIAL, 'publicKey', 'hint'],
    ENVELOPE,
    [...ENVELOPE, 'payload'],
    [...ENVELOPE, 'payloadType'],
    [...ENVELOPE, 'signatures'],
    SIGNATURE,
    [...SIGNATURE, 'sig'],
  ]
  for (const place of places) {
    for (const value of [null, 0, 1.5, true, 'ä', [], [null], {}, { length: 1 }, undefined]) {
      // An empty list or object where one is expected lacks what must be in it, and a payload type is any text here.
      if (value === 'ä' && (place.at(-1) === 'payloadType' || place.at(-1) === 'hint')) continue
      refused(change(place, value), /./)
    }
  }
})

test('refuses a second or a missing verification material', () => {
  refused(change([...MATERIAL, 'publicKey'], undefined), /exactly one of publicKey, certificate/)
  refused(change([...MATERIAL, 'certificate'], { rawBytes: 'AAAA' }), /exactly one .* found 2/)
  refused(change([...MATERIAL, 'x509CertificateChain'], { certificates: [] }), /exactly one .* found 2/)
})

test('refuses log entries beside a key: nobody here would check them', () => {
  refused(change([...MATERIAL, 'tlogEntries'], [ENTRY]), /come with keyless signing/)
  refused(change([...MATERIAL, 'tlogEntries'], [{}]), /tlogEntries\[0\]\.logId is missing/)
})

test('reads timestamps, beside a key too', () => {
  const stamps = (...texts: Json[]) =>
    change([...MATERIAL, 'timestampVerificationData'], {
      rfc3161Timestamps: texts.map((signedTimestamp) => ({ signedTimestamp })),
    })
  assert.deepEqual(parseBundles(stamps('AAAA', 'AAAB'))[0]?.timestamps, [Buffer.alloc(3), Buffer.from([0, 0, 1])])
  refused(stamps(''), /signedTimestamp is empty/)
  refused(stamps('AAA'), /canonical base64/)
  refused(stamps(1), /must be a string/)
  refused(stamps(...Array.from({ length: 9 }, () => 'AAAA')), /9 items, more than 8/)
  refused(stamps(Buffer.alloc(2 ** 15 + 1).toString('base64')), /32769 bytes, more than 32768/)
  refused(change([...MATERIAL, 'timestampVerificationData'], { other: [] }), /is not a known key/)
})

const HASH = Buffer.alloc(32, 7).toString('base64')
const ENTRY = {
  logIndex: '7',
  logId: { keyId: HASH },
  kindVersion: { kind: 'dsse', version: '0.0.1' },
  integratedTime: '1700000000',
  inclusionPromise: { signedEntryTimestamp: 'AAAA' },
  inclusionProof: {
    logIndex: '3',
    rootHash: HASH,
    treeSize: '9',
    hashes: [HASH, HASH],
    checkpoint: { envelope: 'a note' },
  },
  canonicalizedBody: 'AAAA',
}

/** A bundle with a certificate in place of the key, and one log entry. */
const keyless = [
  [[...MATERIAL, 'publicKey'], undefined],
  [[...MATERIAL, 'certificate'], { rawBytes: 'AQID' }],
  [[...MATERIAL, 'tlogEntries'], [ENTRY]],
  [[...SIGNATURE, 'keyid'], undefined],
].reduce((bytes, [path, value]) => edited(bytes, path as (string | number)[], value as Json | undefined), bundle)
const entryWith = (path: readonly (string | number)[], value: Json | undefined): Buffer =>
  edited(keyless, [...MATERIAL, 'tlogEntries', 0, ...path], value)

test('reads a certificate and the whole log entry, and decides nothing about them', () => {
  const [read] = parseBundles(keyless)
  assert.deepEqual(read?.material, { kind: 'certificate', der: Buffer.from([1, 2, 3]) })
  assert.deepEqual(read?.entries, [
    {
      index: 7n,
      logId: Buffer.alloc(32, 7),
      kind: 'dsse',
      version: '0.0.1',
      integratedTime: 1_700_000_000n,
      promise: Buffer.alloc(3),
      proof: {
        index: 3n,
        treeSize: 9n,
        rootHash: Buffer.alloc(32, 7),
        hashes: [Buffer.alloc(32, 7), Buffer.alloc(32, 7)],
        checkpoint: 'a note',
      },
      body: Buffer.alloc(3),
    },
  ])
  assert.deepEqual(read?.json, JSON.parse(keyless.toString()))
})

test('reads int64 as protobuf-JSON writes it, and in no third way', () => {
  const read = (value: Json | undefined) => parseBundles(entryWith(['logIndex'], value))[0]?.entries[0]?.index
  for (const [value, number] of [
    [undefined, 0n],
    ['0', 0n],
    [12, 12n],
    ['9223372036854775807', 2n ** 63n - 1n],
  ] as const) {
    assert.equal(read(value), number)
  }
  for (const value of ['-1', '01', '1.0', '1e3', ' 1', '', '0x1', '9223372036854775808', -1, 1.5, null, true, [], {}]) {
    refused(entryWith(['logIndex'], value), /logIndex must be a whole number/)
    refused(entryWith(['inclusionProof', 'treeSize'], value), /treeSize must be a whole number/)
    refused(entryWith(['integratedTime'], value), /integratedTime must be a whole number/)
  }
})

test('refuses hashes of another length, and more of anything than there can be', () => {
  const short = Buffer.alloc(31).toString('base64')
  refused(entryWith(['logId', 'keyId'], short), /must be 32 bytes, found 31/)
  refused(entryWith(['inclusionProof', 'rootHash'], short), /must be 32 bytes/)
  refused(entryWith(['inclusionProof', 'hashes', 1], short), /hashes\[1\] must be 32 bytes/)
  const many = Array.from({ length: 65 }, () => HASH)
  refused(entryWith(['inclusionProof', 'hashes'], many), /65 items, more than 64/)
  refused(entryWith(['inclusionProof', 'checkpoint', 'envelope'], 'x'.repeat(2 ** 14 + 1)), /1 to 16384 characters/)
  refused(entryWith(['inclusionPromise', 'signedEntryTimestamp'], 'AAAA'.repeat(400)), /more than 1024/)
  refused(entryWith(['kindVersion', 'kind'], 'x'.repeat(65)), /1 to 64 characters/)
  const entries = Array.from({ length: 9 }, () => ENTRY)
  refused(edited(keyless, [...MATERIAL, 'tlogEntries'], entries), /9 items, more than 8/)
  const certificate = Buffer.alloc(2 ** 14 + 1).toString('base64')
  refused(edited(keyless, [...MATERIAL, 'certificate', 'rawBytes'], certificate), /more than 16384/)
})

test('refuses null, unknown keys and second spellings in a log entry', () => {
  for (const place of places(ENTRY)) {
    refused(entryWith(place, null), /./)
    if (typeof place.at(-1) === 'string')
      refused(entryWith([...place.slice(0, -1), 'extra'], 'x'), /is not a known key/)
  }
  refused(entryWith(['log_index'], '1'), /is not a known key/)
})

test('demands what each version of the format promises', () => {
  const versions = {
    '0.1': 'application/vnd.dev.sigstore.bundle+json;version=0.1',
    '0.2': 'application/vnd.dev.sigstore.bundle+json;version=0.2',
    '0.3': 'application/vnd.dev.sigstore.bundle+json;version=0.3',
  }
  const chain = (count: number) => ({ certificates: Array.from({ length: count }, () => ({ rawBytes: 'AQID' })) })
  const old = (version: keyof typeof versions, count = 1, entry: Json = ENTRY) =>
    [
      [['mediaType'], versions[version]],
      [[...MATERIAL, 'certificate'], undefined],
      [[...MATERIAL, 'x509CertificateChain'], chain(count)],
      [[...MATERIAL, 'tlogEntries'], [entry]],
    ].reduce((bytes, [path, value]) => edited(bytes, path as (string | number)[], value as Json | undefined), keyless)
  const { inclusionProof, inclusionPromise, ...bare } = ENTRY

  assert.equal(parseBundles(edited(keyless, ['mediaType'], versions['0.3'])).length, 1)
  assert.equal(parseBundles(old('0.2'))[0]?.material.kind, 'certificate')
  assert.equal(parseBundles(old('0.2', 1, { ...bare, inclusionProof }))[0]?.entries[0]?.promise, null)
  assert.equal(parseBundles(old('0.1', 1, { ...bare, inclusionPromise }))[0]?.entries[0]?.proof, null)
  refused(old('0.1', 1, { ...bare, inclusionProof }), /inclusionPromise is missing/)
  refused(old('0.2', 1, { ...bare, inclusionPromise }), /inclusionProof is missing/)
  refused(entryWith(['inclusionProof'], undefined), /inclusionProof is missing/)
  refused(entryWith(['inclusionProof', 'checkpoint'], undefined), /checkpoint is missing/)
  refused(old('0.3'), /x509CertificateChain is not of version 0\.3/)
  refused(edited(keyless, ['mediaType'], versions['0.2']), /certificate is not of version 0\.2/)
  for (const count of [0, 2, 3]) {
    refused(old('0.2', count), new RegExp(`exactly one certificate, that of the signer, found ${count}`))
  }
})

test('refuses a keyid beside a certificate', () => {
  refused(edited(keyless, [...SIGNATURE, 'keyid'], 'x'), /must be empty beside a certificate/)
  assert.equal(parseBundles(edited(keyless, [...SIGNATURE, 'keyid'], '')).length, 1)
})

test('refuses a message signature, alone or beside the envelope', () => {
  const message = { messageDigest: { algorithm: 'SHA2_256', digest: 'AAAA' }, signature: 'AAAA' }
  refused(change(['messageSignature'], message), /messageSignature/)
  refused(edited(change(ENVELOPE, undefined), ['messageSignature'], message), /messageSignature/)
})

test('refuses none and two signatures in one envelope', () => {
  refused(change([...ENVELOPE, 'signatures'], []), /exactly one signature, found 0/)
  const two = [{ sig: 'AAAA' }, { sig: 'AAAA' }]
  refused(change([...ENVELOPE, 'signatures'], two), /exactly one signature, found 2/)
})

test('refuses a keyid that points elsewhere than the hint', () => {
  refused(change([...SIGNATURE, 'keyid'], `ed25519:${'0'.repeat(64)}`), /names another key/)
})

test('refuses base64 in any form but the one that encoders write', () => {
  const sig = JSON.parse(bundle.toString()).dsseEnvelope.signatures[0].sig as string
  assert.ok(sig.endsWith('=='))
  // 64 bytes leave four bits over in the last digit: set, they are ignored by decoders.
  const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const digit = last[last.indexOf(sig.at(-3) ?? '') + 1]
  const forms = [sig.slice(0, -1), sig.slice(0, -2), `${sig}=`, ` ${sig}`, `${sig}\n`, `${sig.slice(0, -3)}${digit}==`]
  for (const form of [
    ...forms,
    sig.replace(/^./, '-'),
    sig.replace(/^./, '_'),
    `${sig.slice(0, 4)}\n${sig.slice(4)}`,
  ]) {
    refused(change([...SIGNATURE, 'sig'], form), /canonical base64/)
    refused(change([...ENVELOPE, 'payload'], form), /canonical base64/)
  }
})

test('refuses duplicate and __proto__ keys, and depth', () => {
  const text = bundle.toString()
  refused(Buffer.from(text.replace('{"mediaType"', '{"mediaType":"x","mediaType"')), /"mediaType" twice/)
  refused(Buffer.from(text.replace('"keyid"', '"sig":"AAAA","keyid"')), /"sig" twice/)
  refused(Buffer.from(text.replace('{"mediaType"', '{"__proto__":{},"mediaType"')), /__proto__/)
  refused(Buffer.from(text.replace('{"mediaType"', `{"x":${'['.repeat(20)}${']'.repeat(20)},"mediaType"`)), /too deep/)
})

test('bounds the hint', () => {
  refused(change([...MATERIAL, 'publicKey', 'hint'], ''), /1 to 1024/)
  refused(change([...MATERIAL, 'publicKey', 'hint'], 'x'.repeat(1025)), /1 to 1024/)
})

test('tells every fault at once', () => {
  const bad = edited(edited(bundle, ['mediaType'], 'x'), [...SIGNATURE, 'sig'], '!')
  refused(bad, /mediaType .*; dsseEnvelope\.signatures\[0\]\.sig is not canonical/)
})

test('shows no control character of a hostile bundle', () => {
  for (const bytes of [change(['\u001b[2J\u202e'], 1), change(['mediaType'], '\u001b]0;x\u0007\n')]) {
    assert.throws(
      () => parseBundles(bytes),
      (error: Error) => !/[\p{Cc}\p{Cf}]/u.test(error.message),
    )
  }
})

test('nothing but BUNDLE_MALFORMED comes out of any bytes', () => {
  const text = bundle.toString()
  const mutated = fc
    .tuple(fc.nat(text.length - 1), fc.nat(40), fc.string({ maxLength: 12 }))
    .map(([at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut))
  fc.assert(
    fc.property(fc.oneof(mutated, fc.string(), fc.json()), (input) => {
      try {
        parseBundles(Buffer.from(input))
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'BUNDLE_MALFORMED')
      }
    }),
    { numRuns: 1000 },
  )
})
