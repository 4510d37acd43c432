// Mutual TLS that was asked for is mutual TLS with the one who announced itself, or no connection.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeCertificate } from '../../../src/runtime/go-plugin/certificate.ts'
import { exchange, ping, pythonHouse, withoutPython } from '../../grpc/house.ts'
import { certificateAuthority } from '../../helpers/certificate.ts'
import { attackedHouse, skip } from './attacked.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

const own = () => {
  const { certificate, key } = makeCertificate(Date.now())
  return { cert: certificate.toString(), key: key.toString() }
}

test('a plugin that gives no certificate, or none that can be read, is not spoken with', { skip }, async (t) => {
  const house = await attackedHouse(t)
  for (const field of ['', '|', `|${'A'.repeat(60)}`, `|${'?'.repeat(60)}`]) {
    const line = `1|3|unix|/tmp/x|grpc${field}\n`
    await assert.rejects(house.load({ autoMtls: true, args: ['line', line] }), { code: 'GRPC_MTLS_REFUSED' }, field)
  }
})

test('another certificate than the announced one is refused', { skip }, async (t) => {
  const [announced, shown] = [own(), own()]
  const house = await attackedHouse(t, {
    'announced.pem': announced.cert,
    'shown.pem': shown.cert,
    'shown.key': shown.key,
  })
  await assert.rejects(house.load({ autoMtls: true, args: ['impostor'] }), { code: 'GRPC_MTLS_REFUSED' })
})

test('nor is one that the announced one has signed, which TLS alone would take', { skip }, async (t) => {
  const authority = certificateAuthority()
  const shown = authority.issue('localhost')
  const house = await attackedHouse(t, {
    'announced.pem': authority.certificate,
    'shown.pem': shown.cert,
    'shown.key': shown.key,
  })
  await assert.rejects(house.load({ autoMtls: true, args: ['impostor'] }), {
    code: 'GRPC_MTLS_REFUSED',
    message: /another certificate than it announced/,
  })
})

test('a certificate that nobody asked for is no handshake', { skip }, async (t) => {
  const house = await attackedHouse(t, { 'announced.pem': own().cert, 'shown.pem': '', 'shown.key': '' })
  const field = Buffer.from(own().cert.replace(/-----[^-]+-----|\n/g, ''), 'base64').toString('base64')
  const loading = house.load({ args: ['line', `1|3|unix|/tmp/x|grpc|${field}\n`] })
  await assert.rejects(loading, { code: 'GRPC_HANDSHAKE_INVALID' })
})

test('a server of the host answers nobody but the one who announced itself', { skip: withoutPython }, async (t) => {
  const house = await pythonHouse(t)
  for (const caller of ['nobody', 'stranger']) {
    await using kv = await house.load({ autoMtls: true, args: [caller] })
    await assert.rejects(exchange(kv, 'a secret'), { code: 'CALL_FAILED' }, caller)
  }
  await using kv = await house.load({ autoMtls: true })
  assert.equal(await ping(kv, await exchange(kv, 'no secret')), 'heard: no secret')
})
