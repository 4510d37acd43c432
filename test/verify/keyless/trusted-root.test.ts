import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { parseTrustedRoot, ROOT_MAX_BYTES } from '../../../src/verify/keyless/trusted-root.ts'
import { edited, type Json, places } from '../../helpers/edited.ts'
import { askLibrary, askUs, Forge } from '../../helpers/forge.ts'
import { spkiOf } from '../../helpers/sigstore/x509.ts'

const packaged = readFileSync(new URL('../../../keys/public-good.trusted_root.json', import.meta.url))
const forge = new Forge()
const bytes = Buffer.from(JSON.stringify(forge.trustedRoot))
const KEY = ['tlogs', 0, 'publicKey'] as const

function refused(root: Uint8Array, message: RegExp): void {
  assert.throws(() => parseTrustedRoot(root, 'local'), { code: 'ROOT_INVALID', message })
}

test('the packaged root is, byte for byte, the one that the Sigstore libraries ship', () => {
  const seeds = createRequire(import.meta.url)('@sigstore/tuf/seeds.json') as Record<
    string,
    { targets: Record<string, string> }
  >
  const target = seeds['https://tuf-repo-cdn.sigstore.dev']?.targets['trusted_root.json'] ?? ''
  assert.ok(packaged.equals(Buffer.from(target, 'base64')), 'node scripts/trusted-root.mjs writes it anew')
})

test('reads the public-good root: two logs, one of them of Rekor v2, and a timestamp authority', () => {
  const root = parseTrustedRoot(packaged, 'public-good')
  assert.deepEqual(
    root.logs.map(({ host }) => host),
    ['rekor.sigstore.dev', 'log2025-1.rekor.sigstore.dev'],
  )
  assert.equal(root.certificateAuthorities.length, 2)
  assert.equal(root.certificateLogs.length, 2)
  assert.equal(root.timestampAuthorities.length, 1)
  assert.equal(root.digest, createHash('sha256').update(packaged).digest('hex'))
})

test('no field of a root may be of another type, and none may be unknown', () => {
  for (const place of places(JSON.parse(bytes.toString()))) {
    for (const value of [null, 0, true, [[]], { a: 1 }, '\u0000', ''] as const) {
      refused(edited(bytes, place, value), /^cannot use the trusted root local: /)
    }
    if (typeof place.at(-1) === 'string')
      refused(edited(bytes, [...place.slice(0, -1), 'extra'], 'x'), /not a known key/)
  }
})

test('every field that is there is needed, but for names', () => {
  for (const place of places(JSON.parse(bytes.toString()))) {
    const optional = ['subject', 'organization', 'commonName', 'uri'].includes(String(place.at(-1)))
    // Without its timestamp authorities it is a root that knows no timestamps.
    if (optional || place[0] === 'timestampAuthorities') continue
    if (typeof place.at(-1) === 'number' && place.includes('certChain')) continue
    refused(edited(bytes, place, undefined), /^cannot use/)
  }
})

test('refuses keys that are weak, of another kind than they say, or in another form', () => {
  const rsa = (bits: number) =>
    generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ type: 'pkcs1', format: 'der' })
  const key = (rawBytes: Buffer, keyDetails: string): Json => ({
    rawBytes: rawBytes.toString('base64'),
    keyDetails,
    validFor: { start: '2026-01-01T00:00:00Z' },
  })
  const p384 = spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)
  const p256 = spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)
  // The library does not look: it reads this root and trusts the key.
  const weak = edited(bytes, ['tlogs', 1], {
    ...forge.trustedRoot.tlogs[0],
    publicKey: key(rsa(1024), 'PKCS1_RSA_PKCS1V5'),
    logId: { keyId: Buffer.alloc(32).toString('base64') },
  } as Json)
  askLibrary(forge.sign(), JSON.parse(weak.toString()))
  refused(weak, /RSA key of 1024 bits/)
  refused(edited(bytes, KEY, key(p384, 'PKIX_ECDSA_P256_SHA_256')), /another kind than keyDetails says/)
  refused(edited(bytes, KEY, key(p256, 'PKIX_ED25519')), /another kind/)
  refused(edited(bytes, KEY, key(p384, 'PKIX_ECDSA_P384_SHA_384')), /must be one of/)
  refused(edited(bytes, KEY, key(p256, 'PKIX_RSA_PSS')), /must be one of/)
  refused(edited(bytes, KEY, key(Buffer.concat([p256, Buffer.from([0])]), 'PKIX_ECDSA_P256_SHA_256')), /no public key/)
  refused(edited(bytes, KEY, key(Buffer.from('x'), 'PKIX_ED25519')), /no public key/)
  parseTrustedRoot(edited(bytes, KEY, key(rsa(2048), 'PKCS1_RSA_PKCS1V5')), 'local')
})

test('refuses certificate chains out of order, cut off, or of a weak key', () => {
  const chain = ['certificateAuthorities', 0, 'certChain', 'certificates']
  const [intermediate, root] = forge.chain.map((der) => ({ rawBytes: der.toString('base64') }))
  assert.ok(intermediate && root)
  refused(edited(bytes, chain, [root, intermediate]), /not issued by the next one/)
  refused(edited(bytes, chain, [intermediate]), /not issued by the next one \(the last one/)
  refused(edited(bytes, chain, []), /is empty/)
  const { rawBytes = '' } = forge.trustedRoot.timestampAuthorities[0]?.certChain.certificates[0] ?? {}
  refused(edited(bytes, chain, [{ rawBytes }]), /not that of a certificate authority/)
  refused(edited(bytes, [...chain, 0, 'rawBytes'], `${'A'.repeat(4)}`), /certificate|cut off|DER/)
})

test('refuses a log that is there twice, times that are no times, and periods that end before they begin', () => {
  const [log] = forge.trustedRoot.tlogs
  refused(edited(bytes, ['tlogs', 1], log as Json), /tlogs\[1\]\.logId is there twice/)
  for (const start of ['2026-02-31T00:00:00Z', '2026-01-01', '2026-01-01T00:00:00+01:00', 'yesterday', '']) {
    refused(edited(bytes, [...KEY, 'validFor', 'start'], start), /must be a time in UTC/)
  }
  const period = { start: '2026-01-02T00:00:00Z', end: '2026-01-01T00:00:00.000Z' }
  refused(edited(bytes, [...KEY, 'validFor'], period), /ends before it begins/)
})

test("knows a log by the id of its checkpoints' key where that is another, as the library does", async () => {
  const [log] = forge.trustedRoot.tlogs
  const other = { ...log, logId: { keyId: Buffer.alloc(32, 1).toString('base64') }, checkpointKeyId: log?.logId }
  const root = edited(bytes, ['tlogs', 0], other as Json)
  askLibrary(forge.sign(), JSON.parse(root.toString()))
  await askUs(forge.sign(), JSON.parse(root.toString()))
  refused(edited(root, ['tlogs', 0, 'checkpointKeyId', 'keyId'], 'AAAA'), /checkpointKeyId\.keyId must be 32 bytes/)
})

test('refuses a root that could verify nothing, and takes one that tells the time alone', () => {
  for (const part of ['tlogs', 'ctlogs', 'certificateAuthorities']) {
    refused(edited(bytes, [part], []), /at least one of each/)
    refused(edited(bytes, [part], undefined), /at least one of each/)
  }
  const { mediaType, timestampAuthorities } = forge.trustedRoot
  const clock = parseTrustedRoot(Buffer.from(JSON.stringify({ mediaType, timestampAuthorities })), 'clock')
  assert.equal(clock.timestampAuthorities.length, 1)
  refused(Buffer.from(JSON.stringify({ mediaType })), /at least one of each/)
})

test('refuses what is no JSON, too large, or has two readings', () => {
  refused(Buffer.from('nonsense'), /is not JSON/)
  refused(Buffer.alloc(ROOT_MAX_BYTES + 1, 0x20), /more than 1048576/)
  refused(Buffer.from(bytes.toString().replace('{', '{"tlogs":[],')), /"tlogs" twice/)
  refused(edited(bytes, ['mediaType'], 'application/json'), /mediaType must be/)
})
