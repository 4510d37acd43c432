import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeCertificate } from '../../../src/runtime/go-plugin/certificate.ts'

const HOUR = 3_600_000

test('a certificate is self-signed, for localhost, for both ends, and for a day', () => {
  const now = Date.now()
  const { certificate, key } = makeCertificate(now)
  const read = new X509Certificate(certificate)
  assert.ok(read.verify(read.publicKey) && read.checkIssued(read) && read.ca)
  assert.ok(read.checkPrivateKey(createPrivateKey(key)))
  assert.equal(read.checkHost('localhost'), 'localhost')
  assert.equal(read.checkHost('example.com'), undefined)
  assert.deepEqual(read.keyUsage, ['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1'])
  assert.equal(read.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
  assert.match(read.serialNumber, /^[4-7][0-9A-F]{31}$/)
  const valid = Date.parse(read.validTo) - Date.parse(read.validFrom)
  assert.ok(Date.parse(read.validFrom) <= now && valid > 23 * HOUR && valid < 25 * HOUR)
})

test('no two are the same, and a year beyond 2049 is written as one', () => {
  const [one, other] = [makeCertificate(0), makeCertificate(0)]
  assert.notDeepEqual(one.key, other.key)
  assert.notEqual(
    new X509Certificate(one.certificate).serialNumber,
    new X509Certificate(other.certificate).serialNumber,
  )
  assert.match(new X509Certificate(makeCertificate(Date.UTC(2050, 5, 1)).certificate).validTo, /2050/)
})

const openssl = existsSync('/usr/bin/openssl')
if (!openssl) console.log('skipped: no openssl on this host')

test('openssl reads it and verifies it in both roles', { skip: openssl ? false : 'no openssl' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-certificate-'))
  try {
    const file = join(folder, 'certificate.pem')
    writeFileSync(file, makeCertificate(Date.now()).certificate)
    for (const purpose of ['sslserver', 'sslclient']) {
      const args = [
        'verify',
        '-x509_strict',
        '-purpose',
        purpose,
        '-verify_hostname',
        'localhost',
        '-CAfile',
        file,
        file,
      ]
      assert.match(execFileSync('/usr/bin/openssl', args, { encoding: 'utf8' }), /: OK/)
    }
    const text = execFileSync('/usr/bin/openssl', ['x509', '-in', file, '-noout', '-text'], { encoding: 'utf8' })
    assert.match(text, /Digital Signature, Key Encipherment, Key Agreement, Certificate Sign/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
