import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_CODES } from '../../src/core/error-codes.ts'
import type { PluginName } from '../../src/core/name.ts'
import { authority, staged, trusting } from '../helpers/authority.ts'
import { edited, type Json, places } from '../helpers/edited.ts'
import { verdictOf, verifierFor } from '../helpers/examine.ts'

const alice = await authority()
const { bundle, tarball } = alice.publish({ files: { 'lib/a.js': 'a' } })
const policy = trusting([alice])
const verifier = verifierFor(policy)
const installed = { name: 'acme/hello' as PluginName, version: '1.0.0' }

const VERDICTS = ['BUNDLE_MALFORMED', 'SIGNER_NOT_TRUSTED', 'SIGNATURE_INVALID']

function turned(bytes: Buffer, at: number, mask: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ mask
  return copy
}

/** Never accepted, never a crash, always one of the codes that fit what is wrong. */
async function assertRefused(changed: Buffer, what: string): Promise<void> {
  const { verdict } = await verifier.reexamine(changed, installed, { thorough: false })
  assert.ok(!verdict.ok, `accepted ${what}`)
  assert.ok(VERDICTS.includes(verdict.error.code), `${what}: ${verdict.error.code} ${verdict.error.message}`)
  assert.equal(ERROR_CODES[verdict.error.code].exitCode, 3)
  assert.doesNotMatch(verdict.error.message, /\p{Cc}/u)
}

test('the bundle itself is good', async () => {
  assert.equal(await verdictOf(policy, staged(tarball, bundle)), 'OK')
  assert.ok((await verifier.reexamine(bundle, installed)).verdict.ok)
})

test('every bit of a valid bundle, turned over: refused', async () => {
  for (let at = 0; at < bundle.length; at++) {
    for (let bit = 0; bit < 8; bit++) await assertRefused(turned(bundle, at, 1 << bit), `bit ${bit} of byte ${at}`)
  }
})

test('every byte of a valid bundle, inverted, taken away, doubled or made a blank: refused', async () => {
  // The last byte is the line feed that ends the file; it may be missing.
  for (let at = 0; at < bundle.length - 1; at++) {
    const around = [bundle.subarray(0, at), bundle.subarray(at + 1)] as const
    const byte = bundle.subarray(at, at + 1)
    await assertRefused(turned(bundle, at, 0xff), `byte ${at} inverted`)
    await assertRefused(Buffer.concat(around), `byte ${at} taken away`)
    await assertRefused(Buffer.concat([around[0], byte, byte, around[1]]), `byte ${at} doubled`)
    await assertRefused(Buffer.concat([around[0], Buffer.from([0x20]), around[1]]), `byte ${at} a blank`)
    await assertRefused(bundle.subarray(0, at), `cut at byte ${at}`)
  }
})

test('the same at an install, by both verifiers, for a byte in eleven', async () => {
  for (let at = 0; at < bundle.length; at += 11) {
    const code = await verdictOf(policy, staged(tarball, turned(bundle, at, 1)))
    assert.ok(VERDICTS.includes(code), `byte ${at}: ${code}`)
  }
})

test('every field of a valid bundle, replaced or taken away: refused', async () => {
  const strange: readonly Json[] = [null, true, 0, -1, 1e308, '', 'x', '\u0000', '__proto__', [], [[]], {}, { a: 1 }]
  for (const place of places(JSON.parse(bundle.toString()))) {
    for (const value of [...strange, undefined]) {
      // DSSE makes keyid optional, and nothing is decided by it.
      if (place.at(-1) === 'keyid' && (value === '' || value === undefined)) continue
      await assertRefused(edited(bundle, place, value), `${place.join('.')} = ${JSON.stringify(value)}`)
    }
  }
})

test('every byte of a tarball, turned over: refused before it is decompressed', async () => {
  const readArchive = () => assert.fail('decompressed')
  for (let at = 0; at < tarball.length; at += 17) {
    const code = await verdictOf(policy, staged(turned(tarball, at, 1), bundle), {}, { readArchive })
    assert.equal(code, 'DIGEST_MISMATCH')
  }
})

test('a bundle cut and pasted from two good ones: refused', async () => {
  const other = alice.publish({ version: '2.0.0' }).bundle
  for (const path of [
    ['dsseEnvelope', 'payload'],
    ['dsseEnvelope', 'signatures'],
  ]) {
    const part = path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], JSON.parse(other.toString()))
    await assertRefused(edited(bundle, path, part as Json), path.join('.'))
  }
})
