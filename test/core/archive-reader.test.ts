import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as tar from 'tar'
import { ARCHIVE_BOUNDS, type Archive, fileBytesOf } from '../../src/core/archive.ts'
import { readArchive } from '../../src/core/archive-reader.ts'
import { assertSameEntries } from '../../src/store/unpack-opinion.ts'
import { bare, END, MANIFEST, manifestPart, paxPart, tarOf } from '../helpers/hostile-archive.ts'

let dir: string
let plain: string

const LONG_UTF8 = `${'グリーン/'.repeat(12)}пример-${'ö'.repeat(60)}.js`
const LONG_ASCII = `${'some-folder/'.repeat(14)}a-rather-long-file-name-${'x'.repeat(110)}.js`

const FILES: Readonly<Record<string, string>> = {
  'plugin.json': MANIFEST,
  'main.js': 'console.log("hello")\n',
  'lib/empty.txt': '',
  'lib/exactly-one-block': 'b'.repeat(512),
  'lib/binary': '\u0000\u0001\u0002'.repeat(500),
  'ünïcode.txt': 'ü',
  'name with spaces & (brackets)': ' ',
  [`${'a'.repeat(100)}`]: 'name of exactly 100 bytes',
  [`${'b'.repeat(99)}/${'c'.repeat(100)}`]: 'name of 200 bytes in two segments',
}
const LONG_FILES: Readonly<Record<string, string>> = { [LONG_UTF8]: 'long', [LONG_ASCII]: 'long' }

before(() => {
  dir = mkdtempSync(join(tmpdir(), 'bulkhead-archive-'))
  plain = folder('plain', { ...FILES, ...LONG_FILES })
  chmodSync(join(plain, 'main.js'), 0o755)
})
after(() => rmSync(dir, { recursive: true, force: true }))

function folder(name: string, files: Readonly<Record<string, string>>): string {
  const path = join(dir, name)
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, file)), { recursive: true })
    writeFileSync(join(path, file), content)
  }
  return path
}

/** Both readers accept it, and what they read is what is in the folder. */
async function assertHolds(tgz: Buffer, source: string): Promise<Archive> {
  const archive = readArchive(tgz, ARCHIVE_BOUNDS)
  await assertSameEntries(archive)
  const files = archive.entries.filter(({ type }) => type === 'file')
  assert.deepEqual(
    files.map(({ path }) => path).sort(),
    readdirSync(source, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(source.length + 1))
      .sort(),
  )
  for (const entry of files) {
    assert.ok(fileBytesOf(archive, entry).equals(readFileSync(join(source, entry.path))), entry.path)
    assert.equal(entry.executable, (statSync(join(source, entry.path)).mode & 0o100) !== 0, entry.path)
  }
  return archive
}

function missing(program: string): string | false {
  return spawnSync(program, ['--version']).error === undefined ? false : `${program} is not on this machine`
}

suite('good archives are accepted, whoever wrote them', () => {
  for (const format of ['gnu', 'oldgnu', 'ustar', 'pax']) {
    test(`GNU tar, --format=${format}`, { skip: missing('tar') }, async () => {
      // ustar has no room for the long names; that is a limit of the format, which tar reports.
      const source = format === 'ustar' ? folder('short', FILES) : plain
      const tgz = execFileSync('tar', [`--format=${format}`, '-czf', '-', '-C', source, ...readdirSync(source)])
      await assertHolds(tgz, source)
    })
  }

  for (const format of ['ustar', 'pax', 'gnutar']) {
    test(`bsdtar, --format=${format}`, { skip: missing('bsdtar') }, async () => {
      const source = format === 'ustar' ? folder('short', FILES) : plain
      // Into a pipe bsdtar fills its last block with zeros, after the gzip member; that is refused, and this is not.
      const file = join(dir, `${format}.tgz`)
      execFileSync('bsdtar', [`--format=${format}`, '-czf', file, '-C', source, ...readdirSync(source)], {
        env: { ...process.env, LC_ALL: 'C.UTF-8' },
      })
      await assertHolds(readFileSync(file), source)
    })
  }

  test("Python's tarfile", { skip: missing('python3') }, async () => {
    const script = `import sys, tarfile, os
with tarfile.open(fileobj=sys.stdout.buffer, mode='w:gz') as archive:
  for name in os.listdir(sys.argv[1]): archive.add(os.path.join(sys.argv[1], name), name)`
    await assertHolds(execFileSync('python3', ['-c', script, plain]), plain)
  })

  test('node-tar', async () => {
    const file = join(dir, 'node-tar.tgz')
    // It writes a name of exactly 100 bytes as "./name", which is refused.
    const source = folder('node-tar', { 'plugin.json': MANIFEST, 'lib/a.js': '', ...LONG_FILES })
    await tar.create({ file, cwd: source, gzip: true, portable: true }, readdirSync(source))
    await assertHolds(readFileSync(file), source)
  })

  test('npm pack of a real package: its package/ folder is taken off', { skip: missing('npm') }, async () => {
    const source = join(dir, 'commander')
    cpSync('node_modules/commander', source, { recursive: true })
    writeFileSync(join(source, 'plugin.json'), MANIFEST)
    mkdirSync(dirname(join(source, 'typings', LONG_UTF8)), { recursive: true })
    writeFileSync(join(source, 'typings', LONG_UTF8), 'a name for which npm needs an extended header')
    const own = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as { files: string[] }
    writeFileSync(
      join(source, 'package.json'),
      JSON.stringify({ ...own, files: [...own.files, 'plugin.json', 'typings'] }),
    )
    // npm is asked through its own folder's Node, whatever `node` is first in the path of the tests.
    const { stdout } = spawnSync('npm', ['pack', source, '--ignore-scripts', '--json', '--pack-destination', dir], {
      cwd: dir,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    const [packed] = JSON.parse(stdout) as [{ filename: string }]
    const archive = await assertHolds(readFileSync(join(dir, packed.filename)), source)
    assert.ok(archive.entries.length > 10)
    assert.ok(archive.entries.every(({ path }) => !path.startsWith('package/')))
  })

  test('git archive: its global comment is let in', { skip: missing('git') }, async () => {
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], { cwd: source })
    const source = folder('repository', { 'plugin.json': MANIFEST, 'main.js': '' })
    git('init', '-q')
    git('add', '.')
    git('commit', '-qm', 'first')
    const tgz = git('archive', '--format=tar.gz', 'HEAD')
    rmSync(join(source, '.git'), { recursive: true })
    await assertHolds(tgz, source)
  })

  test('a gzip member with a file name, as gzip(1) writes it', { skip: missing('gzip') }, () => {
    const path = join(dir, 'named.tar')
    writeFileSync(path, tarOf({ name: 'main.js' }))
    execFileSync('gzip', ['--force', '--name', path])
    assert.equal(readArchive(readFileSync(`${path}.gz`), ARCHIVE_BOUNDS).entries.length, 2)
  })

  test('owners, times and extended attributes are accepted and ignored', async () => {
    const tgz = gzipSync(
      tarOf(
        paxPart([
          ['mtime', '1.5'],
          ['uid', '4294967295'],
          ['uname', 'root'],
          ['SCHILY.xattr.user.note', 'x'],
          ['LIBARCHIVE.creationtime', '1'],
        ]),
        { name: 'main.js', patch: [[108, Buffer.from('80000000ffffffff', 'hex')]] },
      ),
    )
    const archive = readArchive(tgz, ARCHIVE_BOUNDS)
    await assertSameEntries(archive)
    assert.deepEqual(
      archive.entries.map(({ path }) => path),
      ['plugin.json', 'main.js'],
    )
  })

  test('macOS shadow files are plain files, and no manifests', () => {
    const tgz = gzipSync(tarOf({ name: '._plugin.json', body: 'shadow' }))
    const { entries } = readArchive(tgz, ARCHIVE_BOUNDS)
    assert.deepEqual(
      entries.map(({ path }) => path),
      ['plugin.json', '._plugin.json'],
    )
  })

  test('world-writable modes are accepted, because unpacking sets its own', () => {
    const { entries } = readArchive(
      gzipSync(tarOf({ name: 'a', mode: 0o666 }, { name: 'b', mode: 0o777 })),
      ARCHIVE_BOUNDS,
    )
    assert.deepEqual(
      entries.map(({ executable }) => executable),
      [false, false, true],
    )
  })

  test('names at their bounds', () => {
    const deep = `${'d/'.repeat(31)}f`
    const long = `${'s'.repeat(255)}/`.repeat(3).concat('e'.repeat(255))
    const tgz = gzipSync(tarOf(paxPart([['path', deep]]), { name: 'x' }, paxPart([['path', long]]), { name: 'x' }))
    assert.deepEqual(
      readArchive(tgz, ARCHIVE_BOUNDS).entries.map(({ path }) => path),
      ['plugin.json', deep, long],
    )
  })
})

suite('the npm folder', () => {
  const npm = (...names: string[]) => gzipSync(bare(...names.map((name) => ({ name, body: MANIFEST })), END))
  const pathsOf = (tgz: Buffer) => readArchive(tgz, ARCHIVE_BOUNDS).entries.map(({ path }) => path)

  test('is taken off when every entry is below it', () => {
    assert.deepEqual(pathsOf(npm('package/plugin.json', 'package/lib/a.js')), ['plugin.json', 'lib/a.js'])
  })

  test('is taken off with its own entry', () => {
    const tgz = gzipSync(bare({ name: 'package/', type: '5', mode: 0o755 }, manifestPart('package/plugin.json'), END))
    assert.deepEqual(pathsOf(tgz), ['plugin.json'])
  })

  test('is an ordinary folder when anything is beside it', () => {
    assert.deepEqual(pathsOf(npm('plugin.json', 'package/a.js')), ['plugin.json', 'package/a.js'])
  })

  test('is taken off once only', () => {
    assert.deepEqual(pathsOf(npm('package/plugin.json', 'package/package/a.js')), ['plugin.json', 'package/a.js'])
  })
})

test('every byte of a tarball counts: one flipped bit anywhere is refused or leaves the same files', () => {
  const tgz = gzipSync(tarOf({ name: 'main.js', body: 'console.log(1)\n' }))
  const good = readArchive(tgz, ARCHIVE_BOUNDS)
  for (let at = 0; at < tgz.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = Buffer.from(tgz)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << bit)
      let archive: Archive
      try {
        archive = readArchive(flipped, ARCHIVE_BOUNDS)
      } catch (error) {
        assert.match((error as { code: string }).code, /^ARCHIVE_/)
        continue
      }
      // The same bytes can be deflated in several ways, and the gzip header has a time: then the content is the same,
      // and the signed digest, which is of the tarball, refuses it before anybody unpacks.
      assert.ok(archive.tar.equals(good.tar))
    }
  }
})

test('a bomb costs no memory beyond what it may unpack to', () => {
  const script = `
    import { readFileSync } from 'node:fs'
    import { readArchive } from '${join(process.cwd(), 'src/core/archive-reader.ts')}'
    import { ARCHIVE_BOUNDS } from '${join(process.cwd(), 'src/core/archive.ts')}'
    const bytes = readFileSync(process.argv[1])
    const peak = () => Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
    const before = peak()
    try { readArchive(bytes, { ...ARCHIVE_BOUNDS, unpackedBytes: 8 * 2 ** 20 }) } catch (error) {
      console.log(JSON.stringify({ code: error.code, grownMiB: peak() - before }))
    }`
  for (const claim of [undefined, 4 * 2 ** 20]) {
    const bomb = gzipSync(Buffer.alloc(128 * 2 ** 20), { level: 1 })
    if (claim !== undefined) bomb.writeUInt32LE(claim, bomb.length - 4)
    const path = join(dir, 'bomb.tgz')
    writeFileSync(path, bomb)
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', script, path], { encoding: 'utf8' })
    const { code, grownMiB } = JSON.parse(out) as { code: string; grownMiB: number }
    assert.equal(code, claim === undefined ? 'ARCHIVE_TOO_LARGE' : 'ARCHIVE_MALFORMED')
    assert.ok(grownMiB < 24, `${grownMiB} MiB`)
  }
})
