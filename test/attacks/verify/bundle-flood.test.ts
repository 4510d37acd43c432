// A bundle is read before anybody knows who signed it: what it costs to refuse one is what a mirror can make a host pay.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUNDLE_MAX_BYTES, parseBundles } from '../../../src/verify/index.ts'
import { readIdentity } from '../../../src/verify/keyless/identity.ts'
import { Forge, GOOD } from '../../helpers/forge.ts'
import { octets, sequence, tlv } from '../../helpers/sigstore/der.ts'

test('a file of millions of empty lines costs no more than one of seventeen', () => {
  const flood = Buffer.from('{}\n'.repeat(Math.floor(BUNDLE_MAX_BYTES / 3)))
  const before = process.cpuUsage()
  assert.throws(() => parseBundles(flood), { code: 'BUNDLE_MALFORMED', message: /more than 16 bundles/ })
  const { user, system } = process.cpuUsage(before)
  // It was eight seconds and 700 MiB.
  assert.ok(user + system < 1_000_000, `${(user + system) / 1000} ms`)
})

test('seventeen bundles are too many, whatever stands behind them', () => {
  const lines = (count: number, behind: string) => Buffer.from(`${'{}\n'.repeat(count)}${behind}`)
  assert.throws(() => parseBundles(lines(17, '')), { message: /more than 16 bundles/ })
  assert.throws(() => parseBundles(lines(17, 'no line of a bundle')), { code: 'BUNDLE_MALFORMED' })
  assert.throws(() => parseBundles(lines(16, '')), { code: 'BUNDLE_MALFORMED', message: /line 1/ })
})

test('an object identifier without end is refused by its length', () => {
  const arc = Buffer.concat([Buffer.alloc(15_000, 0xff), Buffer.from([0x7f])])
  const endless = sequence(tlv(0x06, arc), octets(Buffer.alloc(1)))
  const document = new Forge().sign(undefined, { extensions: [...Object.values(GOOD), endless] })
  const der = Buffer.from(document.verificationMaterial.certificate.rawBytes, 'base64')
  assert.throws(() => readIdentity(der), { code: 'CERTIFICATE_INVALID', message: /object identifier of 15001 bytes/ })
})
