import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { ARCHIVE_BOUNDS } from '../../src/core/archive.ts'
import { readArchive } from '../../src/core/archive-reader.ts'
import { sha256, sha512 } from '../../src/core/digest.ts'
import { packFolder } from '../../src/registry/index.ts'
import { assertSameEntries } from '../../src/store/unpack-opinion.ts'

let dir: string
let plugin: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'bulkhead-pack-'))
  plugin = join(dir, 'plugin')
  put('plugin.json', MANIFEST)
  put('main.js', 'console.log("hello")\n')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const manifest = (more: object = {}) =>
  JSON.stringify({ name: 'acme/hello', version: '1.0.0', entry: { runtime: 'node', path: 'main.js' }, ...more })
const MANIFEST = manifest()

function put(path: string, content: string | Buffer, mode: number = 0o644): void {
  mkdirSync(dirname(join(plugin, path)), { recursive: true })
  writeFileSync(join(plugin, path), content)
  chmodSync(join(plugin, path), mode)
}

const pathsOf = async () => (await packFolder(plugin)).files.map(({ path }) => path)

test('packs a folder into a tarball that both readers read', async () => {
  put('bin/tool', '#!/bin/sh\n', 0o755)
  const packed = await packFolder(plugin)

  assert.equal(packed.name, 'acme/hello')
  assert.equal(packed.version, '1.0.0')
  assert.equal(packed.sha256, sha256(packed.bytes))
  assert.equal(packed.sha512, sha512(packed.bytes))
  assert.deepEqual(packed.leftOut, [])
  assert.deepEqual(packed.files, [
    { path: 'bin/tool', size: 10, executable: true, sha256: sha256('#!/bin/sh\n') },
    { path: 'main.js', size: 21, executable: false, sha256: sha256('console.log("hello")\n') },
    { path: 'plugin.json', size: MANIFEST.length, executable: false, sha256: sha256(MANIFEST) },
  ])
  await assertSameEntries(readArchive(packed.bytes, ARCHIVE_BOUNDS))
})

test('GNU tar unpacks it to the same files', {
  skip: spawnSync('tar', ['--version']).error?.message ?? false,
}, async () => {
  const long = `${'пример/'.repeat(12)}${'x'.repeat(120)}.js`
  put(long, 'long')
  put(`${'d'.repeat(90)}/${'e'.repeat(90)}`, 'prefix')
  put('bin/tool', '#!/bin/sh\n', 0o755)
  writeFileSync(join(dir, 'x.tgz'), (await packFolder(plugin)).bytes)
  mkdirSync(join(dir, 'out'))
  execFileSync('tar', ['-xzf', join(dir, 'x.tgz'), '-C', join(dir, 'out')])
  execFileSync('diff', ['-r', plugin, join(dir, 'out')])
})

suite('the same files give the same bytes', () => {
  test('whatever their times, group bits, umask and order of creation', async () => {
    put('lib/a.js', 'a')
    put('lib/b.js', 'b', 0o755)
    const first = await packFolder(plugin)

    const other = join(dir, 'elsewhere')
    for (const path of ['lib/b.js', 'plugin.json', 'lib/a.js', 'main.js']) {
      mkdirSync(dirname(join(other, path)), { recursive: true })
      cpSync(join(plugin, path), join(other, path))
      chmodSync(join(other, path), path === 'lib/b.js' ? 0o700 : 0o660)
      utimesSync(join(other, path), 1_000_000_000, 1_000_000_000)
    }
    assert.ok((await packFolder(other)).bytes.equals(first.bytes))
  })

  test('on every machine, today and later', async () => {
    put('lib/ünïcode.js', 'u', 0o755)
    put('data.bin', Buffer.alloc(100_000, 'bulkhead'))
    assert.equal((await packFolder(plugin)).sha256, 'b94ed2108d307e168601cb7528e1a1963d1fe1e04a2119ac9369fe2bb9119abf')
  })
})

suite('leaves out, and says so', () => {
  test("repositories' own data", async () => {
    put('.git/HEAD', 'ref: refs/heads/main')
    put('vendor/.git', 'gitdir: ../.git/modules/vendor')
    put('.hg/store', '')
    put('.gitignore', 'dist')
    const { files, leftOut } = await packFolder(plugin)
    assert.deepEqual(leftOut, ['.git', '.hg', 'vendor/.git'])
    assert.deepEqual(
      files.map(({ path }) => path),
      ['.gitignore', 'main.js', 'plugin.json'],
    )
  })

  test('node_modules/.bin, wherever it is, with the links in it', async () => {
    put('node_modules/a/cli.js', '')
    mkdirSync(join(plugin, 'node_modules/.bin'))
    symlinkSync('../a/cli.js', join(plugin, 'node_modules/.bin/a'))
    put('node_modules/a/node_modules/.bin/b', '')
    put('.bin/own', 'not of npm')
    const { files, leftOut } = await packFolder(plugin)
    assert.deepEqual(leftOut, ['node_modules/.bin', 'node_modules/a/node_modules/.bin'])
    assert.ok(files.some(({ path }) => path === '.bin/own'))
  })

  test('empty folders, which neither archive nor signed list can hold', async () => {
    mkdirSync(join(plugin, 'empty/inner'), { recursive: true })
    assert.deepEqual((await packFolder(plugin)).leftOut, ['empty/inner/'])
  })

  test('tarballs and bundles of itself, so that packing twice gives the same bytes', async () => {
    const first = await packFolder(plugin)
    put('acme-hello-1.0.0.tgz', first.bytes)
    put('acme-hello-1.0.0.tgz.sigstore.json', '{}')
    put('acme-hello-0.9.0-rc.1.tgz', '')
    put('acme-hello-world.tgz', 'of another')
    const { files, leftOut } = await packFolder(plugin)
    assert.deepEqual(leftOut, [
      'acme-hello-0.9.0-rc.1.tgz',
      'acme-hello-1.0.0.tgz',
      'acme-hello-1.0.0.tgz.sigstore.json',
    ])
    assert.ok(files.some(({ path }) => path === 'acme-hello-world.tgz'))
  })
})

suite('refuses, by name', () => {
  const refuses = (code: string, says: RegExp) =>
    assert.rejects(packFolder(plugin), (error: Error & { code: string }) => {
      assert.equal(error.code, code, error.message)
      assert.match(error.message, says)
      assert.match(error.message, /^cannot /)
      return true
    })

  test('a symbolic link to a file', async () => {
    symlinkSync('main.js', join(plugin, 'link.js'))
    await refuses('PACKAGE_INVALID', /"link\.js": it is a symbolic link/)
  })

  test('a symbolic link to a folder outside', async () => {
    symlinkSync('/etc', join(plugin, 'etc'))
    await refuses('PACKAGE_INVALID', /"etc": it is a symbolic link/)
  })

  test('a symbolic link in the place of the folder', async () => {
    symlinkSync(plugin, join(dir, 'link'))
    await assert.rejects(packFolder(join(dir, 'link')), { code: 'FILE_UNREADABLE', message: /symbolic link/ })
  })

  test('a FIFO, without waiting for a writer', async () => {
    execFileSync('mkfifo', [join(plugin, 'pipe')])
    await refuses('PACKAGE_INVALID', /"pipe": it is a FIFO/)
  })

  test('a socket', async () => {
    const server = createServer().listen(join(plugin, 'sock'))
    try {
      await refuses('PACKAGE_INVALID', /"sock": it is a socket/)
    } finally {
      server.close()
    }
  })

  test('names that no reader would let in', async () => {
    put('a\\b', '')
    await refuses('PACKAGE_INVALID', /backslash/)
  })

  test('a name with an escape sequence, which the message does not repeat', async () => {
    put('\u001b[2Jx', '')
    await refuses('PACKAGE_INVALID', /"\\u\{1b\}\[2Jx".*control/)
  })

  test('a name that is not in normalisation form C', async () => {
    put('cafe\u0301', '')
    await refuses('PACKAGE_INVALID', /normalisation form C/)
  })

  test('a name that is not UTF-8', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${plugin}/a`), Buffer.of(0xff)]), '')
    await refuses('PACKAGE_INVALID', /not UTF-8/)
  })

  test('names that differ only in case', async () => {
    put('README.md', '')
    put('readme.md', '')
    await refuses('PACKAGE_INVALID', /case does not count/)
  })

  test('a file beyond its bound', async () => {
    put('large.bin', '')
    truncateSync(join(plugin, 'large.bin'), ARCHIVE_BOUNDS.fileBytes + 1)
    await refuses('PACKAGE_INVALID', /"large\.bin".*the bound is/)
  })

  test('too many files, or too many bytes in all', async () => {
    put('a', 'aaaa')
    await assert.rejects(packFolder(plugin, { bounds: { ...ARCHIVE_BOUNDS, entries: 2 } }), { code: 'PACKAGE_INVALID' })
    await assert.rejects(packFolder(plugin, { bounds: { ...ARCHIVE_BOUNDS, unpackedBytes: 100 } }), {
      code: 'PACKAGE_INVALID',
    })
  })

  test('folders without end', async () => {
    put(`${'d/'.repeat(40)}f`, '')
    await refuses('PACKAGE_INVALID', /deep/)
  })

  test('a folder without a manifest', async () => {
    rmSync(join(plugin, 'plugin.json'))
    await refuses('MANIFEST_MISSING', /has no plugin\.json/)
  })

  test('a manifest with faults', async () => {
    put('plugin.json', manifest({ version: 'one', colour: 'red' }))
    await refuses('MANIFEST_INVALID', /version.*colour|colour.*version/)
  })

  test('an entry that is not in the folder', async () => {
    put('plugin.json', manifest({ entry: { runtime: 'node', path: 'missing.js' } }))
    await refuses('PACKAGE_INVALID', /"missing\.js": entry\.path names it/)
  })

  test('a health check or a hook that is not in the folder, or is no program', async () => {
    put('plugin.json', manifest({ hooks: { postinstall: { path: 'hooks/x' } } }))
    await refuses('PACKAGE_INVALID', /hooks\.postinstall\.path names it, and it is not in the folder/)
    put('hooks/x', 'console.log(1)')
    assert.equal((await packFolder(plugin)).files.length, 3)
    put('plugin.json', manifest({ health: { runtime: 'exec', path: 'hooks/x' } }))
    await refuses('PACKAGE_INVALID', /health\.path names it, and it is not executable/)
  })

  test('an entry of runtime exec that is not executable', async () => {
    put('plugin.json', manifest({ entry: { runtime: 'exec', path: 'main.js' } }))
    await refuses('PACKAGE_INVALID', /not executable/)
    chmodSync(join(plugin, 'main.js'), 0o755)
    assert.equal((await packFolder(plugin)).files[0]?.executable, true)
  })

  test('a secret key', async () => {
    put('acme.key', JSON.stringify({ type: 'bulkhead-secret-key', version: 1 }, null, 2))
    await refuses('PACKAGE_INVALID', /"acme\.key": it is a secret key/)
  })

  test('a folder that is not there', async () => {
    await assert.rejects(packFolder(join(dir, 'nowhere')), {
      code: 'FILE_UNREADABLE',
      message: /^cannot read .*nowhere: no such folder/,
    })
  })
})

test('a hard link is a file like any other', async () => {
  linkSync(join(plugin, 'main.js'), join(plugin, 'twin.js'))
  assert.deepEqual(await pathsOf(), ['main.js', 'plugin.json', 'twin.js'])
})

test('lists files in the order of their bytes', async () => {
  for (const name of ['b', 'C', 'a-b', 'a/b', 'a.b', '\uffee', '\u{10000}']) put(name, '')
  const paths = await pathsOf()
  assert.deepEqual(
    paths,
    [...paths].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  )
})
