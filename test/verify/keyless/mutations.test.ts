import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_CODES, type ErrorCode } from '../../../src/core/error-codes.ts'
import { parseBundles } from '../../../src/verify/bundle.ts'
import { refusalOf } from '../../../src/verify/check-log.ts'
import { verifyKeyless } from '../../../src/verify/keyless/keyless.ts'
import { parseTrustedRoot } from '../../../src/verify/keyless/trusted-root.ts'
import { edited, type Json, places } from '../../helpers/edited.ts'
import { type KeylessOptions, keylessLine } from '../../helpers/sigstore/keyless.ts'
import { startSigstore } from '../../helpers/sigstore/sigstore.ts'

await using sigstore = await startSigstore()
const root = parseTrustedRoot(sigstore.trustedRootBytes, 'local')
const payload = Buffer.from('{"_type":"https://in-toto.io/Statement/v1"}')

const VERDICTS: readonly ErrorCode[] = [
  'BUNDLE_MALFORMED',
  'CERTIFICATE_INVALID',
  'LOG_INVALID',
  'TIMESTAMP_INVALID',
  'SIGNATURE_INVALID',
]

async function verdictOf(line: Buffer): Promise<ErrorCode | 'OK'> {
  try {
    const [bundle] = parseBundles(line)
    assert.ok(bundle)
    await verifyKeyless(bundle, root)
    return 'OK'
  } catch (error) {
    const { code, message } = refusalOf(error, 'a bundle')
    assert.equal(ERROR_CODES[code].exitCode, 3)
    assert.match(message, /^cannot /)
    assert.doesNotMatch(message, /\p{Cc}/u)
    return code
  }
}

/** Never accepted, never a crash, always a code that fits. */
async function assertRefused(line: Buffer, what: string): Promise<void> {
  const code = await verdictOf(line)
  assert.ok((VERDICTS as readonly string[]).includes(code), `${what}: ${code}`)
}

const FORMS: readonly [string, KeylessOptions][] = [
  ['Rekor v1', { rekor: [1] }],
  ["npm's kind of entry", { rekor: [1], entryType: 'intoto' }],
  ['Rekor v2 and a timestamp', { rekor: [2] }],
  ['both logs', { rekor: [1, 2], timestamps: 1 }],
]
// Entries for the tree to be more than one leaf, so that each proof holds hashes.
for (let turn = 0; turn < 3; turn++) await keylessLine(sigstore, payload, { rekor: [1, 2] })
const other = await keylessLine(sigstore, Buffer.from('{"other":true}'), { rekor: [2] })
const lines = await Promise.all(
  FORMS.map(async ([title, options]) => {
    return [title, await keylessLine(sigstore, payload, options)] as const
  }),
)

/** Two spellings of one value: protobuf-JSON leaves a zero out, or writes a number for its text; keyid may be empty. */
function isSameValue(place: readonly (string | number)[], before: unknown, value: unknown): boolean {
  const key = place.at(-1)
  if (key === 'keyid') return value === '' || value === undefined
  const isNumber = ['logIndex', 'integratedTime', 'treeSize'].includes(String(key))
  return (
    isNumber &&
    (value === undefined ? 0n : typeof value === 'number' && value >= 0 ? BigInt(Math.trunc(value)) : null) ===
      BigInt(String(before))
  )
}

/**
 * Evidence that was left out while other evidence is enough: a timestamp beside a promise, with its holders. What is left is
 * a good bundle that says less.
 */
function isLessEvidence(document: unknown, place: readonly (string | number)[], value: unknown): boolean {
  const isTimed = JSON.stringify(document).includes('signedEntryTimestamp')
  const isEmpty = value === undefined || ['[]', '{}'].includes(JSON.stringify(value))
  const isHolder = ['timestampVerificationData', 'rfc3161Timestamps'].includes(String(place.at(-1)))
  const isStamp = place.at(-2) === 'rfc3161Timestamps' && value === undefined
  return isTimed && ((isEmpty && isHolder) || isStamp)
}

const STRANGE: readonly (Json | undefined)[] = [
  undefined,
  null,
  true,
  0,
  -1,
  1,
  1e308,
  '',
  'x',
  '0',
  'AAAA',
  '\u0000',
  '__proto__',
  Buffer.alloc(32).toString('base64'),
  [],
  [[]],
  {},
  { a: 1 },
]

function valueAt(document: unknown, place: readonly (string | number)[]): unknown {
  return place.reduce<unknown>((at, key) => (at as Record<string | number, unknown>)[key], document)
}

for (const [title, line] of lines) {
  test(`${title}: the bundle itself is good`, async () => {
    assert.equal(await verdictOf(line), 'OK')
  })

  test(`${title}: every field replaced or taken away is refused`, async () => {
    const document = JSON.parse(line.toString()) as unknown
    let count = 0
    for (const place of places(document)) {
      const before = valueAt(document, place)
      for (const value of STRANGE) {
        if (JSON.stringify(before) === JSON.stringify(value) || isSameValue(place, before, value)) continue
        if (isLessEvidence(document, place, value)) continue
        await assertRefused(edited(line, place, value), `${place.join('.')} = ${JSON.stringify(value)}`)
        count++
      }
    }
    assert.ok(count > 500)
  })

  // Both logs together are the two forms above in one, at twice the cost.
  if (title === 'both logs') continue
  test(`${title}: every text with one character changed is refused`, async () => {
    const document = JSON.parse(line.toString()) as unknown
    for (const place of places(document)) {
      const text = valueAt(document, place)
      if (typeof text !== 'string') continue
      const step = Math.max(1, Math.floor(text.length / 24))
      for (let at = 0; at < text.length; at += step) {
        const other = text[at] === 'A' ? 'B' : 'A'
        const value = text.slice(0, at) + other + text.slice(at + 1)
        await assertRefused(edited(line, place, value), `${place.join('.')}: character ${at}`)
      }
    }
  })
}

test('every byte of the certificate, the timestamp and the signature, and one in seven of the entry, inverted: refused', async () => {
  const [, , both] = lines
  const line = both?.[1] ?? Buffer.alloc(0)
  const material = ['verificationMaterial']
  for (const place of [
    [...material, 'certificate', 'rawBytes'],
    [...material, 'tlogEntries', 0, 'canonicalizedBody'],
    [...material, 'timestampVerificationData', 'rfc3161Timestamps', 0, 'signedTimestamp'],
    ['dsseEnvelope', 'signatures', 0, 'sig'],
  ]) {
    const step = place.at(-1) === 'canonicalizedBody' ? 7 : 1
    const bytes = Buffer.from(valueAt(JSON.parse(line.toString()), place) as string, 'base64')
    for (let at = 0; at < bytes.length; at += step) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 0xff
      await assertRefused(edited(line, place, changed.toString('base64')), `${place.join('.')}: byte ${at}`)
    }
  }
})

test('parts of one good bundle in another: refused', async () => {
  const [, , form] = lines
  const line = form?.[1] ?? Buffer.alloc(0)
  for (const place of [
    ['dsseEnvelope'],
    ['dsseEnvelope', 'payload'],
    ['dsseEnvelope', 'signatures'],
    ['verificationMaterial'],
    ['verificationMaterial', 'certificate'],
    ['verificationMaterial', 'tlogEntries'],
    ['verificationMaterial', 'tlogEntries', 0, 'inclusionProof'],
    ['verificationMaterial', 'timestampVerificationData'],
  ]) {
    await assertRefused(edited(line, place, valueAt(JSON.parse(other.toString()), place) as Json), place.join('.'))
  }
})
