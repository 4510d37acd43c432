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
