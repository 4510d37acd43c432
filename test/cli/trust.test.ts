// The lifecycle of trust, by the commands a person types.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatPublicKey } from '../../src/verify/index.ts'
import { type Authority, authority } from '../helpers/authority.ts'
import { rotationOf } from '../helpers/rotation.ts'
import { rewrite, writeRelease } from '../manager/household.ts'
import { onTerminal, type Ran, type Shell, shell } from './cli.ts'

const noScript = spawnSync('script', ['--version']).status === 0 ? false : 'there is no script(1) of util-linux'

function keyFile(own: Shell, who: Authority, name: string): string {
  writeFileSync(join(own.folder, name), formatPublicKey(who.key.publicKey, 'x'))
  return name
}

function releaseBy(own: Shell, who: Authority, version: string): string {
  const { tarball, bundle } = who.publish({ version })
  return writeRelease(join(own.folder, `by-${version}`), tarball, bundle)
}

function ok(said: Ran): Ran {
  assert.equal(said.code, 0, said.stderr)
  return said
}

test('a window bounds new installs only: before it, after it, and not what is installed', async (t) => {
  const own = await shell(t)
  const who = await authority()
  const pub = keyFile(own, who, 'a.pub')
  const add = (...flags: string[]) => ok(own.plugins(['trust', 'add', pub, '--for', 'acme/*', ...flags]))
  const install = (version: string) => own.json(['install', releaseBy(own, who, version), '--yes']) as { code: number }
  const code = (said: object) => (said as { value: { error: { code: string } } }).value.error?.code
  add('--from', '2099-01-01')
  assert.deepEqual([install('1.0.0').code, code(install('1.0.0'))], [3, 'KEY_EXPIRED'])
  add('--from', '2020-01-01', '--until', '2099-01-01T00:00:00Z')
  assert.equal(install('1.0.0').code, 0)
  add('--until', '2021-01-01')
  assert.deepEqual([install('1.1.0').code, code(install('1.1.0'))], [3, 'KEY_EXPIRED'])
  assert.equal(own.plugins(['verify', 'acme/hello']).code, 0)
  assert.equal(own.plugins(['run', 'acme/hello', '--dry-run']).code, 0)
  const [entry] = (own.json(['trust', 'list']).value as { id: string; keys: object[] }[]).filter(
    (one) => one.id === who.keyId,
  )
  assert.deepEqual(entry?.keys[0], {
    id: who.keyId,
    publicKey: who.key.publicKey.raw.toString('base64'),
    validFrom: '2020-01-01T00:00:00.000Z',
    validUntil: '2021-01-01T00:00:00.000Z',
  })
  for (const flags of [
    ['--until', 'soon'],
    ['--from', '2030-02-30x'],
  ])
    assert.equal(own.plugins(['trust', 'add', pub, '--for', 'acme/*', ...flags]).code, 2, flags.join(' '))
  const backwards = own.json(['trust', 'add', pub, '--for', 'acme/*', '--from', '2022-01-01', '--until', '2021-01-01'])
  assert.equal(code(backwards), 'POLICY_INVALID')
})

test('a revocation says what it stops and puts away; list and info show it; remove takes it away', async (t) => {
  const own = await shell(t)
  own.plugins(['install', own.publish(), '--yes'])
  own.plugins(['install', own.publish({ name: 'acme/other' }), '--yes'])
  const revoked = ok(own.plugins(['trust', 'revoke', 'acme/hello@<2', '--reason', 'leaks keys']))
  assert.match(revoked.stdout, /^revoked acme\/hello@<2: leaks keys$/m)
  assert.match(
    revoked.stderr,
    /will not run any more: acme\/hello 1\.0\.0\nquarantined, with their data kept: acme\/hello 1\.0\.0/,
  )
  const list = ok(own.plugins(['list']))
  assert.match(list.stdout, /acme\/hello +1\.0\.0 +quarantined \d{4}-\d\d-\d\d/)
  assert.match(list.stderr, /acme\/hello 1\.0\.0 is in quarantine: .*leaks keys/)
  const info = ok(own.plugins(['info', 'acme/hello'])).stdout
  assert.match(
    info,
    /^state +quarantined\nquarantined +\d{4}-.*\nbecause +cannot accept acme\/hello 1\.0\.0: .*leaks keys/m,
  )
  const [row] = own.json(['list']).value as { quarantine: { code: string; sinceMs: number } }[]
  assert.equal(row?.quarantine.code, 'RELEASE_REVOKED')
  const run = own.plugins(['run', 'acme/hello'])
  assert.equal(run.code, 125)
  assert.match(
    run.stderr,
    /cannot run acme\/hello 1\.0\.0: it is quarantined since .*\n\nhint: plugins enable acme\/hello/,
  )
  const refusals: [string[], string, number][] = [
    [['enable', 'acme/hello'], 'RELEASE_REVOKED', 3],
    [['disable', 'acme/hello'], 'WRONG_STATE', 4],
    [['enable', 'acme/other'], 'WRONG_STATE', 4],
  ]
  for (const [args, code, exit] of refusals) {
    const said = own.json(args) as { code: number; value: { error: { code: string } } }
    assert.deepEqual([said.code, said.value.error.code], [exit, code], args.join(' '))
  }
  const json = own.json(['trust', 'revoke', 'acme/hello@1.0.0', '--reason', 'again']).value as { affected: string[] }
  assert.deepEqual(json.affected, ['acme/hello 1.0.0'])
  ok(own.plugins(['remove', 'acme/hello']))
  assert.match(ok(own.plugins(['list'])).stdout, /acme\/other +1\.0\.0 +installed/)
})

test('verify --all --quarantine has the worst exit code, and each plugin its line', async (t) => {
  const own = await shell(t)
  for (const name of ['acme/hello', 'acme/other']) own.plugins(['install', own.publish({ name }), '--yes'])
  ok(own.plugins(['verify', '--all', '--quarantine']))
  const { path } = own.json(['info', 'acme/hello']).value as { path: string }
  rewrite(join(path, 'root/plugin/main.js'), 'changed')
  const said = own.plugins(['verify', '--all', '--quarantine'])
  assert.equal(said.code, 3)
  assert.match(
    said.stdout,
    /^acme\/hello 1\.0\.0: refused \(MODIFIED\); quarantined now\nacme\/other 1\.0\.0: verified/,
  )
  const again = own.json(['verify', '--all', '--quarantine']) as {
    code: number
    value: { ok: boolean; quarantine?: { isNew: boolean } }[]
  }
  assert.equal(again.code, 3)
  assert.deepEqual(
    (again.value as { quarantine?: { isNew: boolean } }[]).map(({ quarantine }) => quarantine?.isNew),
    [false, undefined],
  )
  rewrite(join(path, 'root/plugin/main.js'), 'console.log("hello")\n')
  assert.match(
    ok(own.plugins(['verify', '--all'])).stdout,
    /verified, .*; in quarantine since .*plugins enable acme\/hello/,
  )
  ok(own.plugins(['enable', 'acme/hello']))
  assert.equal(own.plugins(['verify', 'acme/hello', '--quarantine']).code, 2)
})

test('a rotation is shown before it is agreed to, and said when there is nothing to do', async (t) => {
  const own = await shell(t)
  const next = await authority()
  const file = 'acme.rotation.json'
  writeFileSync(join(own.folder, file), rotationOf(own.publisher, next, { oldValidUntil: '2099-01-01T00:00:00Z' }))
  const asked = own.json(['trust', 'rotate', file]) as {
    code: number
    value: { error: { code: string; hint: string } }
  }
  assert.deepEqual([asked.code, asked.value.error.code], [2, 'CONSENT_NEEDED'])
  assert.equal(own.plugins(['install', releaseBy(own, next, '1.0.0'), '--yes']).code, 3)
  const said = ok(own.plugins(['trust', 'rotate', file, '--yes']))
  assert.match(
    said.stderr,
    new RegExp(`old key +${own.publisher.keyId}\\n +ends +2099-01-01T00:00:00Z\\n +new key +${next.keyId}`),
  )
  assert.match(said.stdout, new RegExp(`^${next.keyId} signs for ${own.publisher.keyId} now`))
  ok(own.plugins(['install', releaseBy(own, next, '1.0.0'), '--yes']))
  assert.match(ok(own.plugins(['trust', 'rotate', file])).stdout, /^nothing to change/)
  assert.match(ok(own.plugins(['audit', next.keyId])).stdout, /trust-rotated/)
  ok(own.plugins(['trust', 'revoke', own.publisher.keyId, '--reason', 'retired']))
  assert.match(ok(own.plugins(['list'])).stdout, /acme\/hello +1\.0\.0 +installed/)
  ok(own.plugins(['trust', 'remove', next.keyId]))
  const back = own.json(['trust', 'rotate', file, '--yes']) as { code: number; value: { error: { code: string } } }
  assert.deepEqual([back.code, back.value.error.code], [3, 'KEY_REVOKED'])
})

test('on a terminal a rotation is asked about, and no means no', { skip: noScript }, async (t) => {
  const own = await shell(t)
  writeFileSync(join(own.folder, 'r.json'), rotationOf(own.publisher, await authority()))
  const before = readFileSync(own.layout.trustFile)
  const said = await onTerminal(own, 'trust rotate r.json', ['n'])
  assert.equal(said.code, 1, said.stdout)
  assert.match(said.stdout, /a new key for [\s\S]*acme\/\*[\s\S]*Let the new key sign\? \[y\/N\]/)
  assert.deepEqual(readFileSync(own.layout.trustFile), before)
  assert.equal((await onTerminal(own, 'trust rotate r.json', ['y'])).code, 0)
})

test('a change is simulated before it is made: exit 0, and nothing is written', async (t) => {
  const own = await shell(t)
  own.plugins(['install', own.publish(), '--yes'])
  const before = readFileSync(own.layout.trustFile)
  const said = ok(own.plugins(['trust', 'simulate', '--revoke', own.publisher.keyId, '--since', '2026-01-01']))
  assert.match(
    said.stdout,
    /^acme\/hello 1\.0\.0: good -> refused \(KEY_REVOKED\)\n {2}cannot trust .*compromised since 2026-01-01/,
  )
  assert.match(said.stdout, /^acme\/\*: nothing new can be installed, since it needs 1 signer/m)
  assert.match(said.stderr, /1 of 1 installed plugins would change; nothing was written/)
  assert.match(ok(own.plugins(['trust', 'simulate', '--remove', own.publisher.keyId])).stdout, /SIGNER_NOT_TRUSTED/)
  assert.match(ok(own.plugins(['trust', 'simulate', own.layout.trustFile])).stdout, /1\.0\.0: good, as before/)
  const { value } = own.json(['trust', 'simulate', '--revoke', 'acme/hello@1.0.0'])
  const { plugins, closed } = value as { plugins: { before: { ok: boolean }; after: { code: string } }[]; closed: [] }
  assert.deepEqual([plugins[0]?.before.ok, plugins[0]?.after.code, closed], [true, 'RELEASE_REVOKED', []])
  assert.deepEqual(readFileSync(own.layout.trustFile), before)
  assert.equal(own.plugins(['run', 'acme/hello', '--dry-run']).code, 0)
  for (const args of [
    [],
    ['x.json', '--revoke', 'acme'],
    ['--remove', 'acme', '--since', '2026-01-01'],
    ['x.json', '--for', 'acme/*'],
    ['--revoke', 'acme/hello'],
  ])
    assert.equal(own.plugins(['trust', 'simulate', ...args]).code, 2, args.join(' '))
  assert.equal(own.plugins(['trust', 'simulate', 'none.json']).code, 1)
})
