import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { makeCertificate } from '../../../src/runtime/go-plugin/certificate.ts'
import { LINE_MAX_BYTES, readFirstLine } from '../../../src/runtime/go-plugin/first-line.ts'
import { parseHandshake } from '../../../src/runtime/go-plugin/handshake.ts'

const terms = { name: 'acme/kv', protocolVersions: [1, 3], autoMtls: false }
const der = new X509Certificate(makeCertificate(Date.now()).certificate).raw
const unpadded = der.toString('base64').replace(/=+$/, '')

test('a handshake says version, address and certificate', () => {
  const plain = { protocolVersion: 3, address: '/tmp/plugin1', certificate: null }
  for (const line of [
    '1|3|unix|/tmp/plugin1|grpc',
    '1|3|unix|/tmp/plugin1|grpc|',
    ' 1|3|unix|/tmp/plugin1|grpc|\r',
    '1|3|unix|/tmp/plugin1|grpc||false',
  ]) {
    assert.deepEqual(parseHandshake(line, terms), plain, line)
  }
  for (const field of [unpadded, der.toString('base64')]) {
    const found = parseHandshake(`1|1|unix|/tmp/plugin1|grpc|${field}`, { ...terms, autoMtls: true })
    assert.deepEqual(found.certificate, der)
  }
})

test('each fault of a handshake has its own code', () => {
  for (const [line, code] of [
    ['', 'GRPC_HANDSHAKE_INVALID'],
    ['1|3|unix', 'GRPC_HANDSHAKE_INVALID'],
    ['1|3|unix|/tmp/x|grpc||false|more', 'GRPC_HANDSHAKE_INVALID'],
    ['1|three|unix|/tmp/x|grpc', 'GRPC_HANDSHAKE_INVALID'],
    ['1|03|unix|/tmp/x|grpc', 'GRPC_HANDSHAKE_INVALID'],
    ['1|-1|unix|/tmp/x|grpc', 'GRPC_HANDSHAKE_INVALID'],
    ['1|3|unix|/tmp/x|grpc||true', 'GRPC_HANDSHAKE_INVALID'],
    [`1|3|unix|/tmp/x|grpc|${unpadded}`, 'GRPC_HANDSHAKE_INVALID'],
    ['2|3|unix|/tmp/x|grpc', 'GRPC_VERSION_UNSUPPORTED'],
    ['01|3|unix|/tmp/x|grpc', 'GRPC_VERSION_UNSUPPORTED'],
    ['1|2|unix|/tmp/x|grpc', 'GRPC_VERSION_UNSUPPORTED'],
    ['1|9999999999|unix|/tmp/x|grpc', 'GRPC_VERSION_UNSUPPORTED'],
    ['1|3|unix|/tmp/x', 'GRPC_PROTOCOL_UNSUPPORTED'],
    ['1|3|unix|/tmp/x|netrpc', 'GRPC_PROTOCOL_UNSUPPORTED'],
    ['1|3|unix|/tmp/x|http', 'GRPC_PROTOCOL_UNSUPPORTED'],
    ['1|3|tcp|127.0.0.1:1|grpc', 'GRPC_PROTOCOL_UNSUPPORTED'],
    ['1|3|vsock|2:1|grpc', 'GRPC_PROTOCOL_UNSUPPORTED'],
  ] as const) {
    assert.throws(() => parseHandshake(line, terms), { code }, line)
  }
  const mutual = { ...terms, autoMtls: true }
  const trailing = Buffer.concat([der, Buffer.from('more')]).toString('base64')
  for (const field of ['', 'short', '!'.repeat(80), 'A'.repeat(80), trailing, unpadded.slice(0, -20)]) {
    const line = `1|3|unix|/tmp/x|grpc|${field}`
    assert.throws(() => parseHandshake(line, mutual), { code: 'GRPC_MTLS_REFUSED' }, field.slice(0, 20))
  }
})

test('the first line is read however it comes, and what follows is thrown away', async () => {
  const whole = Readable.from([Buffer.from('1|3'), Buffer.from('|x\nmore'), Buffer.from('and more')])
  assert.deepEqual(await readFirstLine(whole), { kind: 'line', text: '1|3|x' })
  const cut = Readable.from([Buffer.from('1|3')])
  assert.deepEqual(await readFirstLine(cut), { kind: 'ended', head: '1|3' })
  const longest = Readable.from([Buffer.from(`${'a'.repeat(LINE_MAX_BYTES)}\n`)])
  assert.equal((await readFirstLine(longest)).kind, 'line')
  const endless = Readable.from([Buffer.alloc(LINE_MAX_BYTES, 'a'), Buffer.from('a\n')])
  assert.equal((await readFirstLine(endless)).kind, 'endless')
})
