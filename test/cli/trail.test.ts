import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { HELLO } from '../manager/household.ts'
import { shell } from './cli.ts'

const HEAD = /^(\d+):([0-9a-f]{64})\n$/

test('audit --head prints the head that audit --verify --head proves', async (t) => {
  const own = await shell(t)
  own.plugins(['install', own.publish(), '--yes'])
  const { stdout, code } = own.plugins(['audit', '--head'])
  assert.equal(code, 0)
  const [, count, head] = HEAD.exec(stdout) ?? []
  assert.deepEqual(own.json(['audit', '--head']).value, { count: Number(count), head })
  own.plugins(['disable', HELLO])
  const kept = stdout.trim()
  const proven = own.plugins(['audit', '--verify', '--head', kept])
  assert.equal(proven.code, 0, proven.stderr)
  assert.match(proven.stdout, new RegExp(`it still holds ${kept}`))
  const wrong = own.plugins(['audit', '--verify', '--head', `${count}:${'a'.repeat(64)}`])
  assert.equal(wrong.code, 3)
  assert.match(wrong.stderr, /^plugins: cannot trust the audit trail: expected /)
  const longer = own.json(['audit', '--verify', '--head', `${Number(count) + 9}:${head}`])
  assert.equal(longer.code, 3)
  assert.equal((longer.value as { error: { code: string } }).error.code, 'AUDIT_BROKEN')
})

test('options of audit that make no sense together are a mistake, never ignored', async (t) => {
  const own = await shell(t)
  const head = `0:${'0'.repeat(64)}`
  for (const args of [
    ['--verify', '--head'],
    ['--head', head],
    ['--syslog'],
    ['--verify', '--syslog'],
    ['--verify', '--head', head, '--syslog'],
    [HELLO, '--verify'],
    [HELLO, '--head'],
    ['--verify', '--head', 'x'],
  ]) {
    const { value, code } = own.json(['audit', ...args])
    assert.equal(code, 2, args.join(' '))
    assert.equal((value as { error: { code: string } }).error.code, 'USAGE')
  }
})

const hasSyslog = existsSync('/dev/log') && 'this host has a syslog, which must not be written to by a test'
if (hasSyslog !== false) console.log(`skipped: ${hasSyslog}`)

test('audit --head --syslog on a host without syslog fails and prints no head', { skip: hasSyslog }, async (t) => {
  const own = await shell(t)
  const { code, stdout, stderr } = own.plugins(['audit', '--head', '--syslog'])
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /^plugins: cannot send the head of the audit trail to syslog: /)
  const { value } = own.json(['audit', '--head', '--syslog'])
  assert.equal((value as { error: { code: string } }).error.code, 'SYSLOG_FAILED')
})

test('info --signers shows all that is installed or one plugin, as a table and as JSON; info alone needs a name', async (t) => {
  const own = await shell(t)
  assert.deepEqual(own.json(['info', '--signers']).value, [])
  own.plugins(['install', own.publish(), '--yes'])
  own.plugins(['install', own.publish({ name: 'acme/other' }), '--yes'])
  const { value } = own.json(['info', '--signers'])
  assert.deepEqual(
    (value as { name: string }[]).map(({ name }) => name),
    ['acme/hello', 'acme/other'],
  )
  const [one] = own.json(['info', HELLO, '--signers']).value as { signers: { id: string; kind: string }[] }[]
  assert.deepEqual([one?.signers[0]?.id, one?.signers[0]?.kind], [own.publisher.keyId, 'keyed'])
  const { stdout } = own.plugins(['info', '--signers'])
  assert.match(stdout, new RegExp(`^NAME .*\\nacme/hello +1\\.0\\.0 +installed .*${own.publisher.keyId}\\n`))
  assert.equal(own.json(['info']).code, 2)
  assert.equal(own.json(['info', 'acme/none', '--signers']).code, 4)
})

test('verify --explain ends with what has changed since the install', async (t) => {
  const own = await shell(t)
  own.plugins(['install', own.publish(), '--yes'])
  assert.match(own.plugins(['verify', HELLO, '--explain']).stdout, /since it was installed: nothing .* has changed\n$/)
  own.plugins(['trust', 'revoke', own.publisher.keyId, '--reason', 'stolen'])
  const { stdout, code } = own.plugins(['verify', HELLO, '--explain'])
  assert.equal(code, 3)
  assert.match(stdout, /since it was installed, this has changed:\n {4}ed25519:\S+ was revoked at \S+ \(stolen\)\n$/)
  const { value } = own.json(['verify', HELLO])
  const { since } = value as { since: { what: string; before: unknown }[] }
  assert.deepEqual(
    since.map(({ what, before }) => [what, before]),
    [['revocation', null]],
  )
})

test('trust clock shows the clock; a reset needs its reason and is in the trail', async (t) => {
  const own = await shell(t)
  own.plugins(['install', own.publish(), '--yes'])
  assert.match(own.plugins(['trust', 'clock']).stdout, /^now +20\S+Z\nlatest seen +20\S+Z\n$/)
  assert.equal(own.json(['trust', 'clock', '--reset']).code, 2)
  assert.equal(own.json(['trust', 'clock', '--reason', 'x']).code, 2)
  const { value } = own.json(['trust', 'clock', '--reset', '--reason', 'was wrong'])
  assert.equal((value as { isBehind: boolean }).isBehind, false)
  assert.match(own.plugins(['audit', 'clock']).stdout, /clock-reset .*reason=was wrong/)
})
