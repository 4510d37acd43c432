import assert from 'node:assert/strict'
import { test } from 'node:test'
import nacl from 'tweetnacl'
import { keyIdOf } from '../../../src/verify/ed25519.ts'
import { parsePublicKey } from '../../../src/verify/keyfile.ts'
import { formatPolicy, parsePolicy } from '../../../src/verify/policy.ts'
import { allSmallOrderEncodings, littleEndian } from '../../helpers/curve.ts'

/** R a point of small order, S = 0: valid whenever h·A = -R, which for eight points takes a few tries. */
function forge(raw: Buffer): boolean {
  for (const r of allSmallOrderEncodings()) {
    const signature = Buffer.concat([r, littleEndian(0n)])
    for (let n = 0; n < 40; n++)
      if (nacl.sign.detached.verify(Buffer.from(`any message ${n}`), signature, raw)) return true
  }
  return false
}

test('a key under which anybody can sign never enters a trust policy', () => {
  const encodings = allSmallOrderEncodings()
  const forgeable = encodings.filter(forge)
  assert.ok(forgeable.length >= 8, `tweetnacl accepts forgeries under ${forgeable.length} of them; the hole was wider`)
  for (const raw of encodings) {
    const publicKey = raw.toString('base64')
    const id = keyIdOf(raw)
    assert.throws(() => parsePublicKey(Buffer.from(`ed25519 ${publicKey} x\n`), 'x.pub'), { code: 'KEY_FILE_INVALID' })
    const principals = [{ id, keys: [{ id, publicKey }], identities: [] }]
    const rules = [{ pattern: 'acme/*', principals: [id], threshold: 1 }]
    const bytes = formatPolicy({ version: 1, principals, rules, revocations: [] })
    assert.throws(() => parsePolicy(bytes, 'trust.json'), { code: 'POLICY_INVALID' })
  }
})
