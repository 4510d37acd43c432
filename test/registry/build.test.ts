import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { PluginError } from '../../src/core/errors.ts'
import { Marketplace } from '../../src/marketplace.ts'
import { HELLO, LISTED_AT, type Shelf, shelf } from './shelf.ts'

const files = (folder: string): string[] =>
  (readdirSync(folder, { recursive: true }) as string[])
    .filter((path) => !path.startsWith('linked') && statSync(join(folder, path)).isFile())
    .sort()

async function faultsOf(work: Promise<unknown>): Promise<string[]> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof PluginError && error.code === 'REGISTRY_INVALID', String(error))
  return (error.details.faults as { path: string; message: string }[]).map(({ path, message }) => `${path}: ${message}`)
}

test('the index of a folder is made of what its tarballs say, wherever they lie', async (t) => {
  const own = await shelf(t)
  own.put({ at: 'deep/er/any-name.tgz' })
  own.put({ version: '1.10.0' })
  own.put({ version: '1.9.0' })
  own.put({ name: 'acme/other', version: '2.0.0-beta.1' })
  const report = await own.marketplace.buildRegistry(own.folder)
  assert.deepEqual([report.plugins, report.releases, report.added.length, report.written], [2, 4, 4, 3])
  const { releases } = JSON.parse(own.read('index/acme/hello.json'))
  assert.deepEqual(
    releases.map(({ version, tarball }: { version: string; tarball: string }) => `${version} ${tarball}`),
    ['1.0.0 deep/er/any-name.tgz', '1.9.0 acme-hello-1.9.0.tgz', '1.10.0 acme-hello-1.10.0.tgz'],
  )
  assert.deepEqual(JSON.parse(own.read('index.json')).plugins, [
    { name: 'acme/hello', version: '1.10.0' },
    { name: 'acme/other', version: '2.0.0-beta.1' },
  ])
  assert.ok(!files(own.folder).some((path) => /tmp|lock/.test(path)))
})

test('the same tarballs give the same index, and what is right is not written again', async (t) => {
  const one = await shelf(t)
  one.put({ version: '1.1.0' })
  one.put()
  await one.build()
  const index = one.read('index/acme/hello.json')
  const later = new Marketplace(() => new Date(LISTED_AT.getTime() + 999_000))
  const { mtimeMs } = statSync(join(one.folder, 'index.json'))
  assert.equal((await later.buildRegistry(one.folder)).written, 0)
  assert.equal(statSync(join(one.folder, 'index.json')).mtimeMs, mtimeMs)
  rmSync(join(one.folder, 'index'), { recursive: true })
  await one.build()
  assert.equal(one.read('index/acme/hello.json'), index)
  one.put({ version: '1.2.0' })
  const report = await later.buildRegistry(one.folder)
  assert.deepEqual(report.added, [{ name: HELLO, version: '1.2.0' }])
  const dates = JSON.parse(one.read('index/acme/hello.json')).releases.map(
    ({ listedAt }: { listedAt: string }) => listedAt,
  )
  assert.deepEqual(dates, ['2026-11-02T10:00:00Z', '2026-11-02T10:00:00Z', '2026-11-02T10:16:39Z'])
})

test('everything that is wrong with a folder is said at once, and nothing is written', async (t) => {
  const own = await shelf(t)
  own.put()
  own.put({ at: 'copy.tgz' })
  own.put({ version: '1.1.0', at: 'unsigned.tgz' })
  rmSync(join(own.folder, 'unsigned.tgz.sigstore.json'))
  own.write('broken.tgz', 'no gzip')
  own.write('empty.tgz', '')
  const foreign = own.put({ version: '1.4.0' })
  own.write('acme-hello-1.5.0.tgz', own.publisher.publish({ version: '1.5.0' }).tarball)
  own.write('acme-hello-1.5.0.tgz.sigstore.json', foreign.bundle)
  own.write('garbled.tgz', own.publisher.publish({ version: '1.6.0' }).tarball)
  own.write('garbled.tgz.sigstore.json', '{}')
  own.write('a b.tgz', '')
  symlinkSync('/etc/passwd', join(own.folder, 'link.tgz'))
  symlinkSync('/etc', join(own.folder, 'linked'))
  execFileSync('mkfifo', [join(own.folder, 'pipe.tgz')])
  const before = files(own.folder)
  const faults = await faultsOf(own.build())
  const expected = [
    /^a b\.tgz: .*letters, digits/,
    /^acme-hello-1\.5\.0\.tgz: .*bundle is about acme\/hello 1\.4\.0/,
    /^broken\.tgz: /,
    /^empty\.tgz: /,
    /^copy\.tgz: .*is in acme-hello-1\.0\.0\.tgz too|^acme-hello-1\.0\.0\.tgz: .*too/,
    /^garbled\.tgz: /,
    /^link\.tgz: .*symbolic link/,
    /^linked: .*symbolic link/,
    /^pipe\.tgz: .*not a regular file/,
    /^unsigned\.tgz: .*nobody signed it/,
  ]
  for (const pattern of expected)
    assert.ok(
      faults.some((fault) => pattern.test(fault)),
      `${pattern}\n${faults.join('\n')}`,
    )
  assert.deepEqual(files(own.folder), before)
})

test('a version that is listed never gets other bytes', async (t) => {
  const own = await shelf(t, {})
  const index = own.read('index/acme/hello.json')
  own.put({ files: { 'more.txt': 'more' } })
  assert.match((await faultsOf(own.build())).join(), /listed with other bytes/)
  assert.equal(own.read('index/acme/hello.json'), index)
})

test('a tarball that is gone takes nothing off the list unless that is asked for', async (t) => {
  const own = await shelf(t, {}, { version: '1.1.0' }, { name: 'acme/other' })
  for (const path of ['acme-hello-1.0.0.tgz', 'acme-other-1.0.0.tgz']) rmSync(join(own.folder, path))
  const faults = await faultsOf(own.build())
  assert.deepEqual(
    faults.map((fault) => fault.slice(0, 20)),
    ['acme-hello-1.0.0.tgz', 'acme-other-1.0.0.tgz'],
  )
  const report = await own.marketplace.buildRegistry(own.folder, { prune: true })
  assert.deepEqual(
    report.removed.map(({ name, version }) => `${name} ${version}`),
    ['acme/hello 1.0.0', 'acme/other 1.0.0'],
  )
  assert.ok(!existsSync(join(own.folder, 'index/acme/other.json')))
})

const marks = (own: Shelf) => {
  const [{ yanked, deprecated }] = JSON.parse(own.read('index/acme/hello.json')).releases
  return { yanked, deprecated }
}

test('a release is yanked and deprecated with a reason, which a build keeps, and that is taken back', async (t) => {
  const own = await shelf(t, {}, { version: '0.9.0' })
  const { marketplace, folder } = own
  await marketplace.yank(folder, 'acme/hello@0.9.0', 'a hole')
  await marketplace.deprecate(folder, 'acme/hello@0.9.0', 'use 1.0.0')
  assert.deepEqual(marks(own), { yanked: 'a hole', deprecated: 'use 1.0.0' })
  await own.build()
  assert.deepEqual(marks(own), { yanked: 'a hole', deprecated: 'use 1.0.0' })
  await marketplace.yank(folder, 'acme/hello@0.9.0', null)
  assert.deepEqual(marks(own), { yanked: undefined, deprecated: 'use 1.0.0' })
  await assert.rejects(marketplace.yank(folder, 'acme/hello@3.0.0', 'x'), {
    code: 'RELEASE_NOT_FOUND',
    message: /0\.9\.0, 1\.0\.0/,
  })
  for (const request of ['acme/hello', 'acme'])
    await assert.rejects(marketplace.yank(folder, request, 'x'), { code: 'USAGE' })
  for (const reason of ['', 'two\nlines', 'x'.repeat(501)])
    await assert.rejects(marketplace.yank(folder, 'acme/hello@0.9.0', reason), { code: 'USAGE' })
})

test('what was yanked is found by no search', async (t) => {
  const own = await shelf(t, {}, { version: '1.1.0' })
  await own.marketplace.yank(own.folder, 'acme/hello@1.1.0', 'a hole')
  assert.equal(JSON.parse(own.read('index.json')).plugins[0].version, '1.0.0')
  await own.marketplace.yank(own.folder, 'acme/hello@1.0.0', 'a hole')
  assert.deepEqual(JSON.parse(own.read('index.json')).plugins, [])
})

test('a file among the index that is none is not taken for one, and not overwritten', async (t) => {
  const own = await shelf(t, {})
  own.write('index/notes.txt', 'mine')
  await assert.rejects(own.build(), { code: 'REGISTRY_INVALID', message: /notes\.txt: it is no file of an index/ })
  rmSync(join(own.folder, 'index/notes.txt'))
  own.write('index/acme/hello.json', '{')
  await assert.rejects(own.build(), { code: 'REGISTRY_INVALID', message: /hello\.json/ })
  await assert.rejects(own.marketplace.buildRegistry(join(own.folder, 'nowhere')), { code: 'REGISTRY_INVALID' })
})

test('two builds at once give one whole index', async (t) => {
  const own = await shelf(t)
  for (let at = 0; at < 10; at++) own.put({ version: `1.${at}.0` })
  const reports = await Promise.all([own.build(), own.build(), own.build()])
  assert.equal(reports.length, 3)
  assert.equal(JSON.parse(own.read('index/acme/hello.json')).releases.length, 10)
  mkdirSync(join(own.folder, 'index.json.lock'), { recursive: true })
  await assert.rejects(own.build(), ({ code }: PluginError) => code === 'STORE_BUSY' || code === 'DISK_FAILED')
})
