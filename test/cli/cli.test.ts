import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { authority } from '../helpers/authority.ts'
import { compile } from '../helpers/compile.ts'
import { manifestOf, rewrite, writeRelease } from '../manager/household.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { BIN, onTerminal, shell } from './cli.ts'

interface ErrorDocument {
  readonly error: { readonly code: string; readonly message: string; readonly hint: string | null }
}

/** Exit codes of the design, by what a person does wrong. */
const WRONG: readonly [readonly string[], string, number][] = [
  [[], 'USAGE', 2],
  [['instal', 'x.tgz'], 'USAGE', 2],
  [['install'], 'USAGE', 2],
  [['install', 'acme/hello@what is this'], 'USAGE', 2],
  [['install', 'acme/hello'], 'REGISTRY_NOT_FOUND', 4],
  [['update'], 'USAGE', 2],
  [['update', 'acme/none'], 'NOT_INSTALLED', 4],
  [['update', 'acme/a', 'acme/b', '--to', '1'], 'USAGE', 2],
  [['rollback', 'acme/none'], 'NOT_INSTALLED', 4],
  [['list', '--colour'], 'USAGE', 2],
  [['trust'], 'USAGE', 2],
  [['trust', 'ad'], 'USAGE', 2],
  [['verify'], 'USAGE', 2],
  [['verify', 'a/b', '--all'], 'USAGE', 2],
  [['info', 'hello'], 'USAGE', 2],
  [['history', '--limit', '0'], 'USAGE', 2],
  [['run'], 'USAGE', 2],
  [['run', 'acme/hello', '--report'], 'USAGE', 2],
  [['run', 'acme/hello', 'Ada'], 'USAGE', 2],
  [['run', '--walls', 'acme/hello'], 'USAGE', 2],
  [['install', 'none.tgz'], 'FILE_UNREADABLE', 1],
  [['verify', 'none.tgz'], 'FILE_UNREADABLE', 1],
  [['trust', 'add', 'none.pub', '--for', 'acme/*'], 'FILE_UNREADABLE', 1],
  [['pack', 'none'], 'FILE_UNREADABLE', 1],
  [['validate', '.'], 'MANIFEST_MISSING', 1],
  [['keygen', '--out', 'k'], 'PASSPHRASE_NEEDED', 2],
  [['keygen', '--out', 'k', '--passphrase-file', 'none'], 'FILE_UNREADABLE', 1],
  [['info', 'acme/none'], 'NOT_INSTALLED', 4],
  [['verify', 'acme/none'], 'NOT_INSTALLED', 4],
  [['remove', 'acme/none'], 'NOT_INSTALLED', 4],
  [['enable', 'acme/none'], 'NOT_INSTALLED', 4],
  [['trust', 'remove', 'nobody'], 'PRINCIPAL_NOT_FOUND', 4],
]

test('every mistake has its code, one sentence that begins with "cannot", and one JSON document on request', async (t) => {
  const own = await shell(t)
  for (const [args, code, exit] of WRONG) {
    const said = own.plugins(args)
    const line = args.join(' ')
    assert.equal(said.code, exit, `${line}: ${said.stderr}`)
    assert.equal(said.stdout, '', `${line} prints data`)
    assert.match(said.stderr, /^plugins: cannot [^\n]+\n/, line)
    const { code: exitWithJson, value, stderr } = own.json(args)
    const { error } = value as ErrorDocument
    assert.deepEqual([exitWithJson, error.code, stderr], [exit, code, ''], line)
    assert.match(error.message, /^cannot /, line)
    assert.ok('hint' in error, line)
  }
})

test('a word that is nearly a command is answered with the command', async (t) => {
  const own = await shell(t)
  assert.match(own.plugins(['instal', 'x.tgz']).stderr, /unknown command 'instal'.*Did you mean install\?/)
  assert.match(own.plugins(['trust', 'lst']).stderr, /Did you mean list\?/)
  assert.match(own.plugins(['list', '--quite']).stderr, /unknown option '--quite'/)
})

test('help and version are data, and go to stdout', async (t) => {
  const own = await shell(t)
  for (const args of [
    ['--help'],
    ['help'],
    ['help', 'install'],
    ['install', '--help'],
    ['run', '--help'],
    ['trust', '--help'],
  ]) {
    const { code, stdout, stderr } = own.plugins(args)
    assert.deepEqual([code, stderr], [0, ''], args.join(' '))
    assert.match(stdout, /^Usage: plugins/, args.join(' '))
  }
  assert.match(own.plugins(['--version']).stdout, /^\d+\.\d+\.\d+\n$/)
})

test('the path of an author, then of a host, in text', async (t) => {
  const own = await shell(t)
  const ok = (...args: string[]) => {
    const said = own.plugins(args)
    assert.equal(said.code, 0, `${args.join(' ')}: ${said.stderr}`)
    return said
  }
  const id = ok('keygen', '--out', 'acme', '--no-passphrase').stdout.trim()
  assert.match(id, /^ed25519:[0-9a-f]{64}$/)
  assert.equal(statSync(join(own.folder, 'acme.key')).mode & 0o777, 0o600)
  assert.match(
    own.plugins(['keygen', '--out', 'none/k', '--no-passphrase']).stderr,
    /its folder is not there\n\nhint: mkdir -p \S*none\n$/,
  )
  ok('init', 'hello', '--name', 'acme/hello', '--runtime', 'node')
  assert.match(ok('validate', 'hello').stdout, /^valid: acme\/hello 1\.0\.0/)
  const [tarball = '', digest = ''] = ok('pack', 'hello', '--out', 'dist').stdout.split('\n')
  assert.match(digest, /^sha256:[0-9a-f]{64}$/)
  ok('sign', tarball, '--key', 'acme.key')
  assert.equal(own.plugins(['verify', tarball]).code, 3, 'nobody trusts this key yet')
  ok('trust', 'add', 'acme.pub', '--for', 'acme/*')
  const rows = ok('verify', tarball, '--explain').stdout.trim().split('\n')
  assert.ok(rows.length > 8 && rows.slice(1).every((row) => /^ {2}\S+ +(pass|-) /.test(row)), rows.join('\n'))
  assert.match(ok('install', tarball, '--yes').stdout, /^installed acme\/hello 1\.0\.0\n$/)
  assert.match(ok('list').stdout, /acme\/hello +1\.0\.0 +installed/)
  assert.match(ok('info', 'acme/hello').stdout, /^user id +\d+$/m)
  assert.match(ok('verify', '--all').stdout, /verified/)
  ok('disable', 'acme/hello')
  ok('enable', 'acme/hello')
  assert.match(ok('audit', '--verify').stdout, /^\d+ events, none changed/)
  assert.match(ok('trust', 'list', 'acme/hello').stdout, new RegExp(id), 'nothing is cut where there is no terminal')
  ok('remove', 'acme/hello')
  assert.equal(ok('list').stdout, '')
})

test('every command that shows something shows it as one JSON document', async (t) => {
  const own = await shell(t)
  own.plugins(['install', own.publish(), '--yes'])
  for (const args of [
    ['list'],
    ['info', 'acme/hello'],
    ['history'],
    ['verify', 'acme/hello'],
    ['verify', '--all'],
    ['trust', 'list'],
    ['audit'],
    ['audit', '--verify'],
    ['disable', 'acme/hello'],
    ['enable', 'acme/hello'],
    ['schema'],
    ['remove', 'acme/hello'],
  ]) {
    const { code, value, stderr } = own.json(args)
    assert.equal(code, 0, args.join(' '))
    assert.equal(typeof value, 'object')
    assert.equal(stderr, '', args.join(' '))
  }
  const report = own.json(['install', own.publish({ version: '2.0.0' }), '--yes'])
  assert.equal((report.value as { version: string }).version, '2.0.0')
})

test('a refusal is exit 3 with its verdict, as text and as JSON, and leaves nothing', async (t) => {
  const own = await shell(t)
  const { tarball, bundle } = own.publisher.publish()
  const flipped = Buffer.from(tarball)
  flipped.writeUInt8(flipped.readUInt8(100) ^ 1, 100)
  const path = writeRelease(join(own.folder, 'flipped'), flipped, bundle)
  for (const args of [
    ['install', path, '--yes'],
    ['verify', path],
  ]) {
    const said = own.plugins(args)
    assert.equal(said.code, 3)
    assert.match(said.stderr, /^plugins: cannot trust .*sha256/m)
  }
  const { code, value } = own.json(['install', path, '--yes'])
  assert.deepEqual([code, (value as ErrorDocument).error.code], [3, 'DIGEST_MISMATCH'])
  const verified = own.json(['verify', path])
  assert.deepEqual([verified.code, (verified.value as { ok: boolean }).ok], [3, false])
  assert.match(own.plugins(['verify', path, '--explain']).stdout, /integrity +FAIL/)
  assert.deepEqual(own.json(['list']).value, [])
})

test('without a terminal nothing is asked: the error names the flag', async (t) => {
  const own = await shell(t)
  const tarball = own.publish()
  const said = own.plugins(['install', tarball], { input: 'y\n' })
  assert.equal(said.code, 2)
  assert.match(said.stderr, /hint: --yes/)
  const { value } = own.json(['install', tarball])
  assert.equal((value as ErrorDocument).error.code, 'CONSENT_NEEDED')
  assert.deepEqual(own.json(['list']).value, [])
  own.plugins(['install', tarball, '--yes'])
  assert.equal((own.json(['remove', 'acme/hello', '--purge']).value as ErrorDocument).error.code, 'CONSENT_NEEDED')
  assert.equal(own.plugins(['remove', 'acme/hello', '--purge', '--yes']).code, 0)
})

const noScript = spawnSync('script', ['--version']).status === 0 ? false : 'there is no script(1) of util-linux'

test('on a terminal it shows what is asked for, and takes yes and no for an answer', { skip: noScript }, async (t) => {
  const own = await shell(t)
  const permissions = { env: ['TOKEN'], read: ['/usr/share/zoneinfo'] }
  const tarball = own.publish({ files: { 'plugin.json': manifestOf({ permissions }) } })
  for (const answer of ['n', '', 'maybe', '\u0004']) {
    const said = await onTerminal(own, `install ${tarball}`, [answer])
    assert.equal(said.code, 1, said.stdout)
    assert.match(said.stdout, /reads +\/usr\/share\/zoneinfo[\s\S]*Install acme\/hello 1\.0\.0\? \[y\/N\]/)
    assert.match(said.stdout, /declined/)
  }
  assert.deepEqual(own.json(['list']).value, [])
  assert.equal((await onTerminal(own, `install ${tarball}`, ['y'])).code, 0)

  const wider = manifestOf({ version: '2.0.0', permissions: { ...permissions, env: ['TOKEN', 'KEY'] } })
  const update = own.publish({ files: { 'plugin.json': wider } })
  for (const flags of ['', '--quiet ', '--json ']) {
    const said = await onTerminal(own, `${flags}install ${update}`, ['n'])
    assert.match(
      said.stdout,
      /new since 1\.0\.0:\r?\n\+ environment +KEY/,
      `${flags}: nobody agrees to what is not shown`,
    )
  }
  assert.match(
    (await onTerminal(own, 'remove acme/hello --purge', ['n'])).stdout,
    /Delete acme\/hello and all its data\? \[y\/N\]/,
  )
  assert.equal((own.json(['list']).value as unknown[]).length, 1)
  assert.equal((await onTerminal(own, 'remove acme/hello --purge', ['yes'])).code, 0)
})

test('a passphrase is asked for twice and never shown', { skip: noScript }, async (t) => {
  const own = await shell(t)
  const said = await onTerminal(own, 'keygen --out secret', ['open sesame', 'open sesame'])
  assert.equal(said.code, 0, said.stdout)
  assert.doesNotMatch(said.stdout, /sesame/)
  assert.equal((await onTerminal(own, 'keygen --out other', ['one', 'two'])).code, 2)
  const given = await onTerminal(own, 'keygen --out other', ['\u0004'])
  assert.equal(given.code, 2, given.stdout)
  assert.match(given.stdout, /cannot go on: no passphrase was given/)
  assert.equal(existsSync(join(own.folder, 'other.key')), false)
})

test('colour is for terminals, and not where NO_COLOR or --no-color says so', { skip: noScript }, async (t) => {
  const own = await shell(t)
  const tarball = own.publish()
  const colour = '\u001b['
  assert.ok((await onTerminal(own, `verify ${tarball}`)).stdout.includes(colour))
  assert.ok(!(await onTerminal(own, `verify ${tarball}`, [], { NO_COLOR: '1' })).stdout.includes(colour))
  assert.ok(!(await onTerminal(own, `--no-color verify ${tarball}`)).stdout.includes(colour))
  assert.ok(!own.plugins(['verify', tarball]).stdout.includes(colour))
})

test('names that others chose cannot move the cursor or forge a line', async (t) => {
  const own = await shell(t)
  const evil = 'x\u001b[2J\u009b\u202e\u2028\nplugins: all is well'
  const wrong = own.plugins(['install', join(own.folder, `${evil}.tgz`), '--yes'])
  assert.equal(wrong.code, 1)
  own.plugins(['install', own.publish(), '--yes'])
  const { path } = own.json(['info', 'acme/hello']).value as { path: string }
  writeFileSync(join(path, 'root/plugin', evil), '')
  const verified = own.plugins(['verify', 'acme/hello', '--explain'])
  assert.equal(verified.code, 3)
  for (const text of [wrong.stderr, verified.stdout, verified.stderr, own.plugins(['audit']).stdout]) {
    assert.doesNotMatch(text, /^plugins: all is well/m)
    assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  }
  const description = 'nice\u009b2Jtool'
  mkdirSync(join(own.folder, 'loud'))
  writeFileSync(join(own.folder, 'loud/plugin.json'), manifestOf({ description }))
  assert.match(own.plugins(['validate', 'loud']).stderr, /^plugins: cannot use .*description: /)
})

/** For a shell. */
const COMMAND = `'${process.execPath}' '${BIN}'`

test('a reader that goes away is no failure', async (t) => {
  const own = await shell(t)
  const env = { PATH: '/usr/bin:/bin', BULKHEAD_HOME: own.layout.home }
  for (const line of [`${COMMAND} schema | true`, `${COMMAND} schema | head -c 1`, `${COMMAND} list 2>&1 | true`]) {
    const said = spawnSync('bash', ['--norc', '-c', `set -o pipefail; ${line}`], { encoding: 'utf8', env })
    assert.deepEqual([said.status, said.stderr], [0, ''], line)
  }
})

const old = ['/usr/bin/node', '/usr/local/bin/node'].find((path) =>
  /^v(1[89]|20|21)\./.test(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout ?? ''),
)
const noOld = old === undefined ? 'the Node of this system is not an old one' : false
if (noOld !== false) console.log(`skipped: ${noOld}`)

test('an answer that cannot be written is a failure', async (t) => {
  const own = await shell(t)
  const env = { PATH: '/usr/bin:/bin', BULKHEAD_HOME: own.layout.home }
  const said = spawnSync('sh', ['-c', `${COMMAND} schema > /dev/full`], { encoding: 'utf8', env })
  assert.equal(said.status, 1)
  assert.match(said.stderr, /^plugins: cannot write the answer: /)
})

test('an old Node is told which one is needed, and nothing falls over', { skip: noOld }, () => {
  const said = spawnSync(old ?? '', [BIN, 'list'], { encoding: 'utf8' })
  assert.equal(said.status, 1)
  assert.equal(said.stdout, '')
  assert.match(said.stderr, /^plugins: cannot run on Node \d+\.\d+\.\d+: it needs Node 22\.22[^\n]*\n$/)
})

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

test("run is transparent: input, output, errors, arguments and exit code are the plugin's", { skip }, async (t) => {
  const own = await shell(t)
  const program = readFileSync(
    await compile(
      `#include <stdio.h>
       #include <string.h>
       int main(int c, char **v) {
         int k; while ((k = getchar()) != EOF) putchar(k);
         for (int i = 1; i < c; i++) fprintf(stderr, "%s|", v[i]);
         return 42; }`,
      { static: true },
    ),
  )
  const tarball = own.publish({ files: { 'bin/x': program, 'plugin.json': manifestOf() }, executable: ['bin/x'] })
  assert.equal(own.plugins(['install', tarball, '--yes']).code, 0)
  const report = join(own.folder, 'report.json')
  const said = own.plugins(['run', 'acme/hello', '--report', report, '--', '--json', 'a b', ''], { input: 'in\0put\n' })
  assert.deepEqual([said.code, said.stdout, said.stderr], [42, 'in\0put\n', '--json|a b||'])
  assert.deepEqual(
    [JSON.parse(readFileSync(report, 'utf8')).outcome, JSON.parse(readFileSync(report, 'utf8')).code],
    ['exited', 42],
  )
  const [record] = own.json(['history', 'acme/hello']).value as { outcome: { code: number } }[]
  assert.equal(record?.outcome.code, 42)
  assert.match(own.plugins(['history']).stdout, /acme\/hello +exited 42/)
  assert.equal(JSON.parse(own.plugins(['run', 'acme/hello', '--dry-run']).stdout).run !== undefined, true)
})

test('a run that never started exits with 125, and the report tells the real code', { skip }, async (t) => {
  const own = await shell(t)
  const report = join(own.folder, 'report.json')
  const refused = (code: string, ...flags: string[]) => {
    const said = own.plugins(['run', 'acme/hello', '--report', report, ...flags])
    assert.equal(said.code, 125, said.stderr)
    assert.match(said.stderr, /^plugins: cannot /)
    const outcome = JSON.parse(readFileSync(report, 'utf8'))
    assert.deepEqual([outcome.outcome, outcome.error], ['refused', code])
    const document = own.json(['run', 'acme/hello']) as { code: number; value: ErrorDocument }
    assert.deepEqual([document.code, document.value.error.code], [125, code])
  }
  refused('NOT_INSTALLED')
  const tarball = own.publish({ files: { 'plugin.json': manifestOf(), 'bin/x': '#!/bin/sh\n' }, executable: ['bin/x'] })
  own.plugins(['install', tarball, '--yes'])
  own.plugins(['disable', 'acme/hello'])
  refused('WRONG_STATE')
  own.plugins(['enable', 'acme/hello'])
  const { path } = own.json(['info', 'acme/hello']).value as { path: string }
  rewrite(join(path, 'root/plugin/bin/x'), '#!/bin/sh\necho changed\n')
  refused('MODIFIED')
  assert.match(own.plugins(['verify', 'acme/hello']).stderr, /modified: bin\/x/)
  assert.equal(own.plugins(['verify', '--all']).code, 3)
  own.plugins(['trust', 'revoke', own.publisher.keyId, '--reason', 'stolen'])
  refused('WRONG_STATE')
  assert.match(own.plugins(['run', 'acme/hello']).stderr, /it is quarantined since .*stolen/)

  const unwritable = own.plugins(['run', 'acme/hello', '--report', join(own.folder, 'none', 'report.json')])
  assert.equal(unwritable.code, 1)
  assert.match(unwritable.stderr, /cannot write the report/)
})

test('a report that cannot be written is an error of its own', { skip }, async (t) => {
  const own = await shell(t)
  const { code, value } = own.json(['run', 'acme/none', '--report', join(own.folder, 'none', 'report.json')])
  assert.deepEqual([code, (value as ErrorDocument).error.code], [1, 'FILE_UNWRITABLE'])
})

test('an audit trail that was changed is refused', async (t) => {
  const own = await shell(t)
  own.plugins(['install', own.publish(), '--yes'])
  const { default: Database } = await import('better-sqlite3')
  const db = new Database(own.layout.database)
  db.exec("DROP TRIGGER events_append_only_update; UPDATE events SET subject = 'acme/other' WHERE id = 1")
  db.close()
  const { code, value } = own.json(['audit', '--verify'])
  assert.deepEqual([code, (value as ErrorDocument).error.code], [3, 'AUDIT_BROKEN'])
})

test('a home that cannot be made, or belongs to somebody else, is named', async (t) => {
  const own = await shell(t)
  writeFileSync(join(own.folder, 'file'), '')
  const said = own.plugins(['--home', join(own.folder, 'file', 'home'), 'list'])
  assert.equal(said.code, 1)
  assert.match(said.stderr, /cannot make .*hint: --home/s)
})

test('a signal reaches the plugin, and ends the command as it would end the plugin', { skip }, async (t) => {
  const own = await shell(t)
  const program = readFileSync(
    await compile(
      '#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("up"); fflush(stdout); for (;;) pause(); }',
      { static: true },
    ),
  )
  own.plugins([
    'install',
    own.publish({ files: { 'bin/x': program, 'plugin.json': manifestOf() }, executable: ['bin/x'] }),
    '--yes',
  ])
  const child = spawn(process.execPath, [BIN, 'run', 'acme/hello'], {
    env: { PATH: '/usr/bin:/bin', BULKHEAD_HOME: own.layout.home },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  const [code, signal] = await once(child, 'exit')
  assert.ok(code === 143 || signal === 'SIGTERM', `${code} ${signal}`)
})

test("a stranger's key is told as one", async (t) => {
  const own = await shell(t)
  const { tarball, bundle } = (await authority()).publish()
  const { code, value } = own.json(['install', writeRelease(join(own.folder, 'strange'), tarball, bundle), '--yes'])
  assert.deepEqual([code, (value as ErrorDocument).error.code], [3, 'SIGNER_NOT_TRUSTED'])
})
