import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PluginName } from '../../../src/core/name.ts'
import { authority, staged, trusting } from '../../helpers/authority.ts'
import { edited } from '../../helpers/edited.ts'
import { verifierFor } from '../../helpers/examine.ts'

const EVIL = '\u001b]0;owned\u0007\u001b[2J\r\n\u202eok\u2028\u009b31m'

test('no text of a stranger reaches a terminal as it is', async () => {
  const alice = await authority()
  const { bundle, tarball } = alice.publish()
  const hint = edited(
    edited(bundle, ['verificationMaterial', 'publicKey', 'hint'], EVIL),
    ['dsseEnvelope', 'signatures', 0, 'keyid'],
    EVIL,
  )
  const bundles = [
    hint,
    edited(bundle, ['mediaType'], EVIL),
    edited(bundle, [EVIL], 1),
    alice.sign({ _type: EVIL }),
    alice.sign(JSON.stringify({ _type: 'https://in-toto.io/Statement/v1', predicateType: EVIL })),
    alice.sign('{}', EVIL),
    Buffer.from(EVIL),
  ]
  for (const changed of bundles) {
    const examined = await verifierFor(trusting([alice])).examine(staged(tarball, changed, `x${EVIL}.tgz`), {
      name: `a${EVIL}` as PluginName,
    })
    assert.ok(!examined.verdict.ok)
    const { message, hint: remedy, details } = examined.verdict.error
    for (const text of [message, remedy ?? '', ...examined.checks.map(({ detail }) => detail)]) {
      assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    }
    assert.doesNotMatch(JSON.stringify(details), /[\p{Cc}\p{Cf}]/u)
  }
})
