// No file, no prompt and no flag turns an invalid signature into an accepted one; and "unsigned" is a verdict, not what is
// said of a file that could not be read.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sha256 } from '../../../src/core/digest.ts'
import { fileListOf, packageOf } from '../../../src/core/layout.ts'
import { grant, TrustFile } from '../../../src/verify/index.ts'
import { authority, packed } from '../../helpers/authority.ts'
import { DAY, HELLO, UnsignedHome } from '../../helpers/unsigned-home.ts'

const trustFileOf = (home: UnsignedHome) => new TrustFile(home.layout.trustFile, process.geteuid?.() ?? 0)
const isRoot = process.geteuid?.() === 0

test('a bundle that is there decides, however bad it is', async (t) => {
  const mallory = await authority()
  const good = mallory.publish()
  const text = good.bundle.toString()
  const bundles: readonly [string, Buffer | string, string][] = [
    ['empty', '', 'BUNDLE_MALFORMED'],
    ['no JSON', 'unsigned', 'BUNDLE_MALFORMED'],
    ['an empty object', '{}\n', 'BUNDLE_MALFORMED'],
    ['a stranger', good.bundle, 'SIGNER_NOT_TRUSTED'],
    ['a stranger, damaged', text.replace(/"sig":"[^"]{86}==/, `"sig":"${'A'.repeat(86)}==`), 'SIGNER_NOT_TRUSTED'],
  ]
  for (const [what, bytes, code] of bundles) {
    for (const suffix of ['.sigstore.json', '.sigstore.jsonl']) {
      const home = new UnsignedHome(t)
      const path = home.tarball()
      writeFileSync(`${path}${suffix}`, bytes)
      await assert.rejects(home.install(path), { code }, `${what}, ${suffix}`)
      assert.ok(await home.isUntouched(), what)
    }
  }
})

test('a known signer whose signature is invalid is not waved through, nor with a rule for another name', async (t) => {
  const home = new UnsignedHome(t)
  const publisher = await authority()
  const { publicKey } = publisher.key
  await trustFileOf(home).edit((document) => grant(document, { credential: { publicKey }, pattern: 'other/*' }))
  const text = publisher.publish().bundle.toString()
  const path = home.tarball()
  writeFileSync(`${path}.sigstore.json`, text.replace(/"sig":"[^"]{86}==/, `"sig":"${'A'.repeat(86)}==`))
  await assert.rejects(home.install(path), { code: /^(?:SIGNATURE_INVALID|SIGNER_NOT_TRUSTED)$/ })
  assert.ok(await home.isUntouched())
})

test('a bundle that cannot be read is not one that is missing', async (t) => {
  const things: Readonly<Record<string, (path: string) => void>> = {
    'a dangling link': (path) => symlinkSync('/nonexistent/bundle', path),
    'a link to itself': (path) => symlinkSync(path, path),
    'a link to a good file': (path) => symlinkSync('/dev/null', path),
    'a FIFO': (path) => void execFileSync('mkfifo', [path]),
    'a folder': (path) => mkdirSync(path),
    ...(isRoot
      ? {}
      : {
          'a file that may not be read': (path: string) => {
            writeFileSync(path, '{}')
            chmodSync(path, 0)
          },
        }),
  }
  for (const [what, make] of Object.entries(things)) {
    for (const suffix of ['.sigstore.json', '.sigstore.jsonl']) {
      const home = new UnsignedHome(t)
      const path = home.tarball()
      make(`${path}${suffix}`)
      await assert.rejects(home.install(path), { code: 'FILE_UNREADABLE' }, `${what}, ${suffix}`)
      assert.ok(await home.isUntouched(), what)
    }
  }
})

test('a name that is not the one that was allowed is refused, by whatever it resembles it', async (t) => {
  for (const name of ['acme/hell0', 'acme/hello2', 'acme/hell', 'acne/hello', 'other/hello']) {
    const home = new UnsignedHome(t)
    const path = home.tarball({ name })
    await assert.rejects(home.install(path), { code: 'SUBJECT_MISMATCH' }, name)
    assert.ok(await home.isUntouched())
  }
  const home = new UnsignedHome(t)
  for (const name of ['acme/*', '*/*', 'acme/hello ', 'Acme/hello', 'hello', ''])
    await assert.rejects(home.install(undefined, { name, until: '1d' }), { code: 'USAGE' }, name)
})

test('a name that a rule decides about has no unsigned way in', async (t) => {
  for (const pattern of [HELLO, 'acme/*', '*/*']) {
    const home = new UnsignedHome(t)
    const { key } = await authority()
    await trustFileOf(home).edit((document) => grant(document, { credential: key, pattern }))
    await assert.rejects(home.install(), { code: 'UNSIGNED', message: new RegExp(pattern.replaceAll('*', '\\*')) })
    assert.ok(await home.isUntouched(), pattern)
  }
})

test('an end that is past, now, too far away, or no time at all is refused', async (t) => {
  const home = new UnsignedHome(t)
  const ends = [
    '31d',
    '721h',
    '2026-11-10',
    '2026-11-10T12:00:00Z',
    '2026-12-11',
    '9999-12-31',
    '2026-02-30',
    '0d',
    '-1d',
  ]
  for (const until of [...ends, 'never', '', '7', '1e3d', '7 d', '2026-11-12T00:00:00', '2026-11-12T00:00:00+02:00'])
    await assert.rejects(home.install(undefined, { name: HELLO, until }), { code: 'USAGE' }, until)
  assert.ok(await home.isUntouched())
  await home.install(undefined, { name: HELLO, until: '30d' })
})

test('without the flag, an unsigned tarball is refused as ever', async (t) => {
  const home = new UnsignedHome(t)
  await assert.rejects(
    home.with((manager) => manager.install(home.tarball(), { consent: () => true })),
    { code: 'UNSIGNED' },
  )
  assert.ok(await home.isUntouched())
})

test('an end that was moved in the database is found by the list, which has it too', async (t) => {
  const home = new UnsignedHome(t)
  await home.install()
  home.raw('UPDATE installations SET unsigned_until_ms = unsigned_until_ms + ?', 365 * DAY)
  await assert.rejects(home.plan(), { code: 'MODIFIED', message: /the database says 2027/ })
  home.nowMs += 8 * DAY
  await assert.rejects(home.plan(), { code: 'MODIFIED' })
})

test('a row that is made to look signed has no bundle, and does not run', async (t) => {
  const home = new UnsignedHome(t)
  await home.install()
  home.raw('UPDATE installations SET unsigned_until_ms = NULL')
  await assert.rejects(home.plan(), { code: 'MODIFIED' })
})

test('a signed plugin that is made to look unsigned in the database does not run: there is a rule for its name', async (t) => {
  const home = new UnsignedHome(t)
  const publisher = await authority()
  const { publicKey } = publisher.key
  await trustFileOf(home).edit((document) => grant(document, { credential: { publicKey }, pattern: 'acme/*' }))
  const { tarball, bundle } = publisher.publish()
  const path = home.tarball()
  writeFileSync(path, tarball)
  writeFileSync(`${path}.sigstore.json`, bundle)
  await home.with((manager) => manager.install(path, { consent: () => true }))
  const release = await home.release()
  const other = new UnsignedHome(t)
  await other.install(other.tarball({ files: { 'main.js': 'console.log("evil")\n' } }))
  const list = readFileSync(fileListOf(await other.release()))
  writeFileSync(fileListOf(release), list, { mode: 0o644 })
  writeFileSync(join(packageOf(release), 'main.js'), 'console.log("evil")\n')
  home.raw('UPDATE installations SET unsigned_until_ms = ?', Date.parse('2026-11-17T12:00:00Z'))
  home.raw('UPDATE releases SET files_sha256 = ?', sha256(list))
  await assert.rejects(home.plan(), { code: 'UNSIGNED' })
})

test('a list that was changed, with the tree or without, is not believed', async (t) => {
  const home = new UnsignedHome(t)
  await home.install()
  const release = await home.release()
  const list = fileListOf(release)
  const honest = readFileSync(list)
  const evil = 'console.log("evil")\n'
  const forged = honest
    .toString()
    .replace(sha256('console.log("hello")\n'), sha256(evil))
    .replace('"size":21', `"size":${evil.length}`)
  assert.notEqual(forged, honest.toString())
  writeFileSync(list, forged)
  await assert.rejects(home.plan(), { code: 'MODIFIED', message: /files\.json is not the one/ })
  writeFileSync(join(packageOf(release), 'main.js'), evil)
  await assert.rejects(home.plan(), { code: 'MODIFIED' })
  await home.with(async (manager) => assert.equal((await manager.verify(HELLO)).error?.code, 'MODIFIED'))
  writeFileSync(list, honest)
  await assert.rejects(home.plan(), { code: 'MODIFIED', message: /modified: main\.js/ })
})

test('a list that is gone, a link, a FIFO or a folder is refused', async (t) => {
  const things: Readonly<Record<string, (path: string) => void>> = {
    gone: () => {},
    'a link to itself kept elsewhere': (path) => symlinkSync(`${path}.kept`, path),
    'a FIFO': (path) => void execFileSync('mkfifo', [path]),
    'a folder': (path) => mkdirSync(path),
  }
  for (const [what, make] of Object.entries(things)) {
    const home = new UnsignedHome(t)
    await home.install()
    const list = fileListOf(await home.release())
    writeFileSync(`${list}.kept`, readFileSync(list))
    rmSync(list)
    make(list)
    await assert.rejects(home.plan(), { code: 'MODIFIED' }, what)
  }
})

test('a tree that was changed is found, by the name of the file', async (t) => {
  const changes: Readonly<Record<string, (folder: string) => void>> = {
    'modified: main.js': (folder) => writeFileSync(join(folder, 'main.js'), 'console.log("HELLO")\n'),
    'extra: more.js': (folder) => writeFileSync(join(folder, 'more.js'), ''),
    'missing: main.js': (folder) => rmSync(join(folder, 'main.js')),
  }
  for (const [message, change] of Object.entries(changes)) {
    const home = new UnsignedHome(t)
    await home.install()
    change(packageOf(await home.release()))
    await assert.rejects(home.plan(), { code: 'MODIFIED', message: new RegExp(message) })
  }
})

test('a bundle, a list and a statement inside the tarball are files like any other', async (t) => {
  const home = new UnsignedHome(t)
  const mallory = await authority()
  const { bundle, statement } = mallory.publish()
  const files = {
    'files.json': JSON.stringify(statement),
    'bundle.sigstore.jsonl': bundle,
    'release.tgz.sigstore.json': bundle,
    'statement.json': JSON.stringify(statement),
  }
  const report = await home.install(home.tarball({ files }))
  assert.deepEqual([report.signers, report.sha256], [[], sha256(packed({ files }))])
  await home.plan()
  const list = JSON.parse(readFileSync(fileListOf(await home.release()), 'utf8'))
  assert.equal(list.subject[0].digest.sha256, report.sha256)
  assert.ok(list.predicate.files.some(({ path }: { path: string }) => path === 'files.json'))
})

test('an archive that breaks a rule is refused before anything is written', async (t) => {
  const { gzipSync } = await import('node:zlib')
  const { bare, tarOf } = await import('../../helpers/hostile-archive.ts')
  for (const [bytes, code] of [
    [gzipSync(tarOf({ name: '../escape', body: 'x' })), 'ARCHIVE_UNSAFE'],
    [Buffer.from('no gzip'), 'ARCHIVE_MALFORMED'],
    [gzipSync(bare({ name: 'main.js', body: 'x' }, Buffer.alloc(1024))), 'ARCHIVE_MALFORMED'],
    [packed({ files: { 'plugin.json': '{' } }), 'MANIFEST_INVALID'],
  ] as const) {
    const home = new UnsignedHome(t)
    const path = home.tarball()
    writeFileSync(path, bytes)
    await assert.rejects(home.install(path), { code })
    assert.ok(await home.isUntouched(), code)
  }
})
