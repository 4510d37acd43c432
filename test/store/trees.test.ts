import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, afterEach, before, beforeEach, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { ARCHIVE_BOUNDS, type Archive, type StagedTarball } from '../../src/core/archive.ts'
import { readArchive } from '../../src/core/archive-reader.ts'
import { type Sha256, sha256, sha512 } from '../../src/core/digest.ts'
import { bundleOf, chrootOf, Layout, packageOf } from '../../src/core/layout.ts'
import type { PluginName } from '../../src/core/name.ts'
import type { SignedFile } from '../../src/core/statement.ts'
import type { VerifiedRelease } from '../../src/core/verified.ts'
import { type TreeCheck, Trees } from '../../src/store/trees.ts'
import { bare, END, type TarPart, tarOf } from '../helpers/hostile-archive.ts'
import { signedFilesOf, unpackable } from '../helpers/unpackable.ts'

const LAUNCHER = join('dist/launcher', `linux-${process.arch}`, 'bulkhead-launch')

let home: string
let trees: Trees

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'bulkhead-trees-'))
  trees = new Trees({ layout: new Layout(home) })
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const MAIN = 'console.log("hello")\n'
const FILES: readonly TarPart[] = [
  { name: 'main.js', body: MAIN, mode: 0o755 },
  { name: 'lib/', type: '5', mode: 0o700 },
  { name: 'lib/deep/er/a.txt', body: 'a' },
  { name: 'lib/writable.txt', body: 'w', mode: 0o666 },
  { name: 'empty.txt' },
]

function releaseOf(parts: readonly TarPart[] = FILES): VerifiedRelease {
  const bytes = gzipSync(tarOf(...parts), { level: 1 })
  return unpackable(readArchive(bytes, ARCHIVE_BOUNDS), stagedOf(bytes))
}

const stagedOf = (bytes: Buffer): StagedTarball => ({
  source: 'x.tgz',
  bytes,
  sha256: sha256(bytes),
  sha512: sha512(bytes),
  bundle: null,
})

const nameOf = ({ manifest, tarball }: VerifiedRelease) => ({
  name: manifest.name,
  version: manifest.version,
  digest: tarball.sha256,
})

async function install(release: VerifiedRelease = releaseOf()): Promise<string> {
  return trees.promote(await trees.unpack(release), nameOf(release))
}

const filesOf = (release: VerifiedRelease): readonly SignedFile[] => release.verified.statement.files
const stagingOf = () => (existsSync(join(home, 'staging')) ? readdirSync(join(home, 'staging')) : [])

suite('unpacking', () => {
  test('writes the package with fixed modes, whatever the archive says and the umask takes', async () => {
    const umask = process.umask(0o077)
    const tree = await trees.unpack(releaseOf()).finally(() => process.umask(umask))
    const modes = readdirSync(tree.packageDir, { recursive: true, encoding: 'utf8' })
      .sort()
      .map((path) => [path, (lstatSync(join(tree.packageDir, path)).mode & 0o7777).toString(8)])
    assert.deepEqual(Object.fromEntries(modes), {
      'empty.txt': '644',
      lib: '755',
      'lib/deep': '755',
      'lib/deep/er': '755',
      'lib/deep/er/a.txt': '644',
      'lib/writable.txt': '644',
      'main.js': '755',
      'plugin.json': '644',
    })
    assert.equal(readFileSync(join(tree.packageDir, 'main.js'), 'utf8'), MAIN)
    assert.equal((lstatSync(tree.path).mode & 0o7777).toString(8), '700')
    assert.equal((lstatSync(join(home, 'staging')).mode & 0o7777).toString(8), '700')
  })

  test('builds the chroot directory around it, and puts the bundle beside it', async () => {
    const release = releaseOf()
    const manifest = {
      ...release.manifest,
      permissions: { network: [], env: [], read: ['/usr/share/zoneinfo', '/opt/models/a', '/srv'] },
    }
    const { path } = await trees.unpack({ ...release, manifest })
    const root = chrootOf(path)
    assert.deepEqual(readdirSync(root).sort(), [
      'bin',
      'data',
      'dev',
      'etc',
      'lib',
      'lib64',
      'opt',
      'plugin',
      'proc',
      'srv',
      'tmp',
      'usr',
    ])
    assert.equal(readlinkSync(join(root, 'lib64')), 'usr/lib64')
    assert.match(readFileSync(join(root, 'etc/passwd'), 'utf8'), /^plugin:x:1000:1000:.*:\/tmp:/)
    assert.deepEqual(readdirSync(join(root, 'etc')).sort(), [
      'group',
      'hosts',
      'nsswitch.conf',
      'passwd',
      'resolv.conf',
    ])
    assert.equal((lstatSync(root).mode & 0o7777).toString(8), '755')
    assert.deepEqual(readFileSync(bundleOf(path)), release.verified.bundle)
  })

  test('makes only the folders that signed files are in', async () => {
    const { packageDir } = await trees.unpack(releaseOf([{ name: 'empty/', type: '5', mode: 0o755 }, { name: 'a/b' }]))
    assert.deepEqual(readdirSync(packageDir).sort(), ['a', 'plugin.json'])
  })

  const refuses = async (release: VerifiedRelease, says: RegExp) => {
    await assert.rejects(trees.unpack(release), { code: 'ARCHIVE_MISMATCH', message: says })
    assert.deepEqual(stagingOf(), [])
  }
  const withFiles = (files: readonly SignedFile[]): VerifiedRelease => {
    const release = releaseOf()
    return { ...release, verified: { ...release.verified, statement: { ...release.verified.statement, files } } }
  }
  const signed = filesOf(releaseOf())

  test('refuses a file that is not signed', async () => {
    await refuses(
      withFiles(signed.filter(({ path }) => path !== 'main.js')),
      /"main\.js": it is in the archive and not signed/,
    )
  })

  test('refuses a signed file that is not there', async () => {
    const more = { path: 'z.js', size: 0, executable: false, sha256: sha256('') }
    await refuses(withFiles([...signed, more]), /"z\.js": it is signed and not in the archive/)
  })

  test('refuses another size or executable bit than was signed', async () => {
    await refuses(
      withFiles(signed.map((file) => (file.path === 'main.js' ? { ...file, size: 1 } : file))),
      /"main\.js"/,
    )
    await refuses(withFiles(signed.map((file) => ({ ...file, executable: true }))), /mode/)
  })

  test('refuses an archive of which a second reader sees other entries', async () => {
    const release = releaseOf()
    const entries = release.archive.entries.map((entry) =>
      entry.path === 'main.js' ? { ...entry, path: 'mine.js' } : entry,
    )
    const archive: Archive = { ...release.archive, entries }
    const forged = unpackable(archive, release.tarball, signedFilesOf(archive))
    await assert.rejects(trees.unpack(forged), { code: 'ARCHIVE_MALFORMED', message: /another File "main\.js"/ })

    const fewer: Archive = { ...release.archive, entries: release.archive.entries.slice(0, -1) }
    await assert.rejects(trees.unpack(unpackable(fewer, release.tarball)), {
      code: 'ARCHIVE_MALFORMED',
      message: /one reader sees/,
    })
    assert.deepEqual(stagingOf(), [])
  })

  test('unpacks what npm packed, without its folder', async () => {
    const [manifest] = [releaseOf([])]
    const json = Buffer.from(manifest.archive.tar.subarray(512, 512 + (manifest.archive.entries[0]?.size ?? 0)))
    const bytes = gzipSync(
      bare({ name: 'package/plugin.json', body: json }, { name: 'package/main.js', body: MAIN }, END),
    )
    const release = unpackable(readArchive(bytes, ARCHIVE_BOUNDS), stagedOf(bytes))
    const { packageDir } = await trees.unpack(release)
    assert.deepEqual(readdirSync(packageDir).sort(), ['main.js', 'plugin.json'])
  })

  test('refuses a staging folder that others may write in', async () => {
    mkdirSync(join(home, 'staging'))
    chmodSync(join(home, 'staging'), 0o777)
    await assert.rejects(trees.unpack(releaseOf()), { code: 'STORE_UNREADABLE', message: /mode 777/ })
  })

  test('refuses a staging folder that is a link', async () => {
    mkdirSync(join(home, 'elsewhere'))
    symlinkSync('elsewhere', join(home, 'staging'))
    await assert.rejects(trees.unpack(releaseOf()), { code: 'STORE_UNREADABLE' })
    assert.deepEqual(readdirSync(join(home, 'elsewhere')), [])
  })

  test('leaves nothing when the disk is full', { skip: cannotMount() }, async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', home])
    try {
      const release = releaseOf([...FILES, { name: 'large.bin', body: Buffer.alloc(2 ** 20, 1) }])
      await assert.rejects(trees.unpack(release), { code: 'DISK_FAILED', message: /^cannot unpack.*ENOSPC/ })
      assert.deepEqual(stagingOf(), [])
    } finally {
      execFileSync('umount', [home])
    }
  })
})

function cannotMount(): string | false {
  if (process.geteuid?.() !== 0) return 'only root may mount a small disk'
  const probe = mkdtempSync(join(tmpdir(), 'bulkhead-mount-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', probe])
  if (status === 0) execFileSync('umount', [probe])
  rmSync(probe, { recursive: true })
  return status === 0 ? false : 'this machine lets nobody mount'
}

suite('promoting and removing', () => {
  test('gives the tree its release’s name, and staging is empty', async () => {
    const release = releaseOf()
    const path = await install(release)
    assert.equal(path, new Layout(home).release(release.manifest.name, '1.0.0', release.tarball.sha256))
    assert.deepEqual(readdirSync(packageOf(path)).sort(), ['empty.txt', 'lib', 'main.js', 'plugin.json'])
    assert.deepEqual(stagingOf(), [])
  })

  test('takes the place of what an unrecorded install left', async () => {
    const release = releaseOf()
    const path = await install(release)
    rmSync(join(packageOf(path), 'main.js'))
    writeFileSync(join(path, 'leftover'), '')
    await install(release)
    assert.deepEqual(readdirSync(path).sort(), ['bundle.sigstore.jsonl', 'root'])
    assert.deepEqual((await trees.check(packageOf(path), filesOf(release), null)).missing, [])
    assert.deepEqual(stagingOf(), [])
  })

  test('removes a release, the folders above it that are empty, and no other', async () => {
    const release = releaseOf()
    const path = await install(release)
    const other = { ...nameOf(release), version: '2.0.0', digest: 'f'.repeat(64) as Sha256 }
    await trees.promote(await trees.unpack(release), other)
    await trees.remove(nameOf(release))
    assert.ok(!existsSync(path))
    assert.deepEqual(readdirSync(join(home, 'plugins/acme/hostile')), ['2.0.0-ffffffffffff'])
    await trees.remove(other)
    assert.deepEqual(readdirSync(join(home, 'plugins')), [])
    assert.deepEqual(stagingOf(), [])
  })

  test('a removal that was killed between two folders is finished by the next', async () => {
    const release = releaseOf()
    const path = await install(release)
    rmSync(dirname(path), { recursive: true })
    await trees.remove(nameOf(release))
    assert.equal(existsSync(dirname(dirname(path))), false)
  })

  test('removing what is not there does nothing', async () => {
    const absent = { name: 'acme/none' as PluginName, version: '1.0.0', digest: 'a'.repeat(64) as Sha256 }
    await trees.remove(absent)
    await trees.remove(absent)
  })

  test('discards a tree that was not promoted, and again', async () => {
    const tree = await trees.unpack(releaseOf())
    await trees.discard(tree)
    await trees.discard(tree)
    assert.deepEqual(stagingOf(), [])
  })

  test('never follows a link that was put into a tree', async () => {
    const canary = join(home, 'canary')
    writeFileSync(canary, '')
    const release = releaseOf()
    const path = await install(release)
    symlinkSync(home, join(packageOf(path), 'out'))
    await trees.remove(nameOf(release))
    assert.ok(existsSync(canary))
  })

  test('many at once, of several plugins, neither lose nor mix', async () => {
    const release = releaseOf()
    const names = Array.from({ length: 12 }, (_, at) => ({ ...nameOf(release), name: `acme/p${at}` as PluginName }))
    await Promise.all(names.map(async (name) => trees.promote(await trees.unpack(release), name)))
    await Promise.all(names.map((name, at) => (at % 2 === 0 ? trees.remove(name) : undefined)))
    assert.equal(readdirSync(join(home, 'plugins/acme')).length, 6)
    assert.deepEqual(stagingOf(), [])
  })
})

suite('sweeping staging', () => {
  test('takes what a killed process left and leaves what a live one is filling', async () => {
    const script = `
      import { Trees } from '${join(process.cwd(), 'src/store/trees.ts')}'
      import { stage } from '${join(process.cwd(), 'src/store/tree-staging.ts')}'
      import { writeFileSync } from 'node:fs'
      writeFileSync(stage('${join(home, 'staging')}') + '/half', 'written')
      process.kill(process.pid, 'SIGKILL')`
    spawnSync(process.execPath, ['--input-type=module', '-e', script])
    assert.equal(stagingOf().length, 1, 'the killed process left its folder')
    const mine = await trees.unpack(releaseOf())
    assert.equal(stagingOf().length, 2)

    await trees.sweepStaging()
    assert.deepEqual(stagingOf(), [mine.path.slice(join(home, 'staging').length + 1)])
    await trees.sweepStaging()
    assert.deepEqual((await trees.check(mine.packageDir, filesOf(releaseOf()), null)).missing, [])
  })

  test('takes what nobody signed', async () => {
    mkdirSync(join(home, 'staging/unknown/deep'), { recursive: true })
    symlinkSync(home, join(home, 'staging/link'))
    writeFileSync(join(home, 'canary'), '')
    await trees.sweepStaging()
    assert.deepEqual(stagingOf(), [])
    assert.ok(existsSync(join(home, 'canary')))
  })

  test('of a home that is new does nothing', async () => {
    await trees.sweepStaging()
    assert.deepEqual(readdirSync(home), [])
  })
})

/** Every way to change one installed file or folder, and what a check must say. */
const CHANGES: Readonly<
  Record<string, { readonly change: (dir: string) => void | Promise<void>; readonly found: Partial<TreeCheck> }>
> = {
  'content of the same size': {
    change: (dir) => {
      const { mtime, atime } = statSync(join(dir, 'main.js'))
      writeFileSync(join(dir, 'main.js'), MAIN.replace('hello', 'jello'))
      utimesSync(join(dir, 'main.js'), atime, mtime)
    },
    found: { modified: ['main.js'] },
  },
  'content of another size': {
    change: (dir) => writeFileSync(join(dir, 'main.js'), 'x'),
    found: { modified: ['main.js'] },
  },
  'an empty file filled': {
    change: (dir) => writeFileSync(join(dir, 'empty.txt'), 'x'),
    found: { modified: ['empty.txt'] },
  },
  'a file replaced by another inode': {
    change: (dir) => {
      writeFileSync(join(dir, '../../new'), MAIN.replace('hello', 'jello'), { mode: 0o755 })
      renameSync(join(dir, '../../new'), join(dir, 'main.js'))
    },
    found: { modified: ['main.js'] },
  },
  'the executable bit taken away': {
    change: (dir) => chmodSync(join(dir, 'main.js'), 0o644),
    found: { modified: ['main.js'] },
  },
  'an executable bit given': {
    change: (dir) => chmodSync(join(dir, 'lib/writable.txt'), 0o755),
    found: { modified: ['lib/writable.txt'] },
  },
  'setuid given': {
    change: (dir) => chmodSync(join(dir, 'main.js'), 0o4755),
    found: { modified: ['main.js'] },
  },
  'a file made writable for others': {
    change: (dir) => chmodSync(join(dir, 'plugin.json'), 0o666),
    found: { modified: ['plugin.json'] },
  },
  'a folder made writable for others': {
    change: (dir) => chmodSync(join(dir, 'lib/deep'), 0o777),
    found: { modified: ['lib/deep/'] },
  },
  'the package’s own folder made writable': {
    change: (dir) => chmodSync(dir, 0o777),
    found: { modified: ['/plugin'] },
  },
  'a file deleted': {
    change: (dir) => rmSync(join(dir, 'main.js')),
    found: { missing: ['main.js'] },
  },
  'a folder deleted': {
    change: (dir) => rmSync(join(dir, 'lib'), { recursive: true }),
    found: { missing: ['lib/deep/er/a.txt', 'lib/writable.txt'] },
  },
  'a file added': {
    change: (dir) => writeFileSync(join(dir, 'lib/extra.js'), ''),
    found: { extra: ['lib/extra.js'] },
  },
  'a file with a line break in its name added': {
    change: (dir) => writeFileSync(join(dir, 'lib/a\nmain.js'), ''),
    found: { extra: ['lib/a\nmain.js'] },
  },
  'an empty folder added': {
    change: (dir) => mkdirSync(join(dir, 'lib/more')),
    found: { extra: ['lib/more/'] },
  },
  'a folder with files added': {
    change: (dir) => {
      mkdirSync(join(dir, 'node_modules/evil'), { recursive: true })
      writeFileSync(join(dir, 'node_modules/evil/index.js'), '')
    },
    found: { extra: ['node_modules/'] },
  },
  'a link added': {
    change: (dir) => symlinkSync('main.js', join(dir, 'link.js')),
    found: { extra: ['link.js'] },
  },
  'a FIFO added': {
    change: (dir) => void execFileSync('mkfifo', [join(dir, 'pipe')]),
    found: { extra: ['pipe'] },
  },
  'a file swapped for a link to the same content': {
    change: (dir) => {
      renameSync(join(dir, 'main.js'), join(dir, '../../main.js'))
      symlinkSync('../../main.js', join(dir, 'main.js'))
    },
    found: { modified: ['main.js'] },
  },
  'a file swapped for a broken link': {
    change: (dir) => {
      rmSync(join(dir, 'main.js'))
      symlinkSync('/nowhere', join(dir, 'main.js'))
    },
    found: { modified: ['main.js'] },
  },
  'a file swapped for a FIFO': {
    change: (dir) => {
      rmSync(join(dir, 'main.js'))
      execFileSync('mkfifo', ['-m', '755', join(dir, 'main.js')])
    },
    found: { modified: ['main.js'] },
  },
  'a file swapped for a socket': {
    change: async (dir) => {
      rmSync(join(dir, 'main.js'))
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(join(dir, 'main.js'), resolve))
      server.unref()
    },
    found: { modified: ['main.js'] },
  },
  'a file swapped for a folder': {
    change: (dir) => {
      rmSync(join(dir, 'main.js'))
      mkdirSync(join(dir, 'main.js'))
      writeFileSync(join(dir, 'main.js/index.js'), MAIN)
    },
    found: { modified: ['main.js'] },
  },
  'a folder swapped for a link to the same files': {
    change: (dir) => {
      renameSync(join(dir, 'lib'), join(dir, '../../lib'))
      symlinkSync('../../lib', join(dir, 'lib'))
    },
    found: { modified: ['lib/'], missing: ['lib/deep/er/a.txt', 'lib/writable.txt'] },
  },
  'a folder swapped for a file': {
    change: (dir) => {
      rmSync(join(dir, 'lib'), { recursive: true })
      writeFileSync(join(dir, 'lib'), '')
    },
    found: { modified: ['lib/'], missing: ['lib/deep/er/a.txt', 'lib/writable.txt'] },
  },
  'two files swapped': {
    change: (dir) => {
      renameSync(join(dir, 'lib/writable.txt'), join(dir, '../../x'))
      renameSync(join(dir, 'lib/deep/er/a.txt'), join(dir, 'lib/writable.txt'))
      renameSync(join(dir, '../../x'), join(dir, 'lib/deep/er/a.txt'))
    },
    found: { modified: ['lib/deep/er/a.txt', 'lib/writable.txt'] },
  },
  'a file added to the chroot directory': {
    change: (dir) => writeFileSync(join(dir, '../evil'), ''),
    found: { modified: ['/evil'] },
  },
  'a file put under a mount point': {
    change: (dir) => writeFileSync(join(dir, '../usr/evil'), ''),
    found: { modified: ['/usr'] },
  },
  'users added': {
    change: (dir) => writeFileSync(join(dir, '../etc/passwd'), 'root::0:0::/:/bin/sh\n'),
    found: { modified: ['/etc'] },
  },
  'a loader configuration added': {
    change: (dir) => writeFileSync(join(dir, '../etc/ld.so.preload'), '/plugin/evil.so\n'),
    found: { modified: ['/etc'] },
  },
  'a chroot link turned elsewhere': {
    change: (dir) => {
      rmSync(join(dir, '../lib'))
      symlinkSync('plugin/lib', join(dir, '../lib'))
    },
    found: { modified: ['/lib'] },
  },
  'a chroot folder deleted': {
    change: (dir) => rmSync(join(dir, '../proc'), { recursive: true }),
    found: { modified: ['/proc'] },
  },
  'a mount point made writable': {
    change: (dir) => chmodSync(join(dir, '../data'), 0o777),
    found: { modified: ['/data'] },
  },
}

/** Walks as the launcher does, so that the seal's path is tested where the launcher is not built. */
let sealer: string
let sealerDir: string
before(() => {
  sealerDir = mkdtempSync(join(tmpdir(), 'bulkhead-sealer-'))
  sealer = join(sealerDir, 'sealer')
  const script = `import { lstatSync, readdirSync, appendFileSync } from 'node:fs'
if (process.argv[2] !== '--seal') process.exit(125)
appendFileSync(import.meta.dirname + '/calls', '.')
let out = ''
const walk = (folder) => {
  for (const name of readdirSync(process.argv[3] + '/' + folder).sort()) {
    const path = folder + name
    const s = lstatSync(process.argv[3] + '/' + path, { bigint: true })
    const type = s.isFile() ? 'f' : s.isDirectory() ? 'd' : '?'
    out += path + '\\0' + [type, s.dev, s.ino, s.size, (s.mode & 0o7777n).toString(8), s.mtimeNs, s.ctimeNs].join(' ') + '\\n'
    if (type === 'd') walk(path + '/')
  }
}
walk('')
process.stdout.write(out)
`
  writeFileSync(`${sealer}.mjs`, script)
  // Not by a first line that names Node: that takes no path with a blank in it.
  writeFileSync(sealer, `#!/bin/sh\nexec '${process.execPath}' '${sealer}.mjs' "$@"\n`, { mode: 0o755 })
})
after(() => rmSync(sealerDir, { recursive: true, force: true }))

/** Enough files that the tree is not hashed whole at every check. */
const LARGE: readonly TarPart[] = [
  ...FILES,
  ...Array.from({ length: 300 }, (_, at) => ({ name: `many/${at % 10}/f${at}.txt`, body: `file ${at}` })),
]

interface Mode {
  readonly parts: readonly TarPart[]
  readonly isSealed: boolean
  readonly thorough: boolean
  readonly only?: RegExp
}

const MODES: Readonly<Record<string, Mode>> = {
  'hashed whole': { parts: FILES, isSealed: false, thorough: false },
  'large, by its seal': { parts: LARGE, isSealed: true, thorough: false },
  'large, thorough': { parts: LARGE, isSealed: true, thorough: true, only: /content|swapped/ },
}

for (const [mode, { parts, isSealed, thorough, only }] of Object.entries(MODES)) {
  suite(`a check finds, ${mode}`, () => {
    for (const [name, { change, found }] of Object.entries(CHANGES)) {
      if (only?.test(name) === false) continue
      test(name, async () => {
        const release = releaseOf(parts)
        trees = new Trees({ layout: new Layout(home), sealer: isSealed ? sealer : null })
        const packageDir = packageOf(await install(release))
        const seal = await trees.seal(packageDir, filesOf(release))
        assert.equal(seal !== null, isSealed)
        const unchanged = await trees.check(packageDir, filesOf(release), seal, { thorough })
        assert.deepEqual([...unchanged.modified, ...unchanged.missing, ...unchanged.extra], [])

        await sleep(5) // a clock tick: what a change within the same one can do is tested by itself
        await change(packageDir)
        const { seal: fresh, ...differences } = await trees.check(packageDir, filesOf(release), seal, { thorough })
        assert.deepEqual(differences, { modified: [], missing: [], extra: [], ...found })
        assert.equal(fresh, null, 'a changed tree is never sealed')
      })
    }
  })
}

suite('the owner of installed files', { skip: process.geteuid?.() !== 0 && 'only root can give files away' }, () => {
  for (const [what, path] of Object.entries({ file: 'main.js', folder: 'lib' })) {
    test(`a ${what} given to another user is found`, async () => {
      const packageDir = packageOf(await install())
      lchownSync(join(packageDir, path), 12_345, 12_345)
      const { modified } = await trees.check(packageDir, filesOf(releaseOf()), null)
      assert.deepEqual(modified, [what === 'file' ? 'main.js' : 'lib/'])
    })
  }

  test('is found by the seal too, whose records have no owner', async () => {
    const release = releaseOf(LARGE)
    trees = new Trees({ layout: new Layout(home), sealer })
    const packageDir = packageOf(await install(release))
    const seal = await trees.seal(packageDir, filesOf(release))
    await sleep(5)
    lchownSync(join(packageDir, 'main.js'), 12_345, 12_345)
    lchownSync(join(packageDir, 'many/3'), 12_345, 12_345)
    const { modified } = await trees.check(packageDir, filesOf(release), seal)
    assert.deepEqual(modified, ['main.js', 'many/3/'])
  })
})

suite('the seal', () => {
  let release: VerifiedRelease
  let packageDir: string
  beforeEach(async () => {
    release = releaseOf(LARGE)
    trees = new Trees({ layout: new Layout(home), sealer })
    packageDir = packageOf(await install(release))
  })
  const check = (seal: Uint8Array | null, options = {}) => trees.check(packageDir, filesOf(release), seal, options)
  const isClean = ({ modified, missing, extra }: TreeCheck) => modified.length + missing.length + extra.length === 0

  test('is made by the first check that hashed everything, and then holds', async () => {
    await sleep(30)
    const first = await check(null)
    assert.ok(isClean(first) && first.seal !== null)
    const second = await check(first.seal)
    assert.ok(isClean(second))
    assert.equal(second.seal, null, 'nothing new to keep')
  })

  test('is made anew when only records changed, not content', async () => {
    const seal = await trees.seal(packageDir, filesOf(release))
    await sleep(5)
    utimesSync(join(packageDir, 'main.js'), 1, 1)
    await sleep(30)
    const { seal: fresh, ...found } = await check(seal)
    assert.ok(isClean({ ...found, seal: null }) && fresh !== null)
    assert.equal((await check(fresh)).seal, null)
  })

  test('is not trusted by a thorough check', async () => {
    const seal = await trees.seal(packageDir, filesOf(release))
    const path = join(packageDir, 'main.js')
    await sleep(5)
    writeFileSync(path, MAIN.replace('hello', 'jello'))
    await sleep(30)
    // Whoever could also change the database would put the new walk there: that is what the seal trusts.
    const forged = execFileSync(sealer, ['--seal', packageDir])
    assert.ok(isClean(await check(forged)))
    assert.deepEqual((await check(forged, { thorough: true })).modified, ['main.js'])
    assert.deepEqual((await check(seal)).modified, ['main.js'])
  })

  test('of another tree, or of nothing, is no excuse: the signed list is compared too', async () => {
    const seal = await trees.seal(packageDir, filesOf(release))
    await sleep(5)
    writeFileSync(join(packageDir, 'extra.js'), '')
    rmSync(join(packageDir, 'empty.txt'))
    await sleep(30)
    const forged = execFileSync(sealer, ['--seal', packageDir])
    for (const kept of [forged, seal, Buffer.alloc(0), Buffer.from('nonsense'), Buffer.from('a\0f 1 2\n')]) {
      const { modified, missing, extra, seal: fresh } = await check(kept)
      assert.deepEqual({ modified, missing, extra }, { modified: [], missing: ['empty.txt'], extra: ['extra.js'] })
      assert.equal(fresh, null)
    }
  })

  test('is not made from a walk within a clock tick of a change', async () => {
    const path = join(packageDir, 'main.js')
    writeFileSync(path, MAIN)
    const { seal } = await check(null)
    // Either the walk came a tick later than the write, or there is no seal to keep.
    if (seal !== null) {
      const text = seal.toString('latin1')
      const ctimeMs = Number(/main\.js\0f \d+ \d+ \d+ \d+ \d+ (\d+)/.exec(text)?.[1]) / 1e6
      assert.ok(Date.now() - ctimeMs > 20)
    }
  })

  test('that cannot be made means that everything is hashed', async () => {
    for (const broken of ['/nowhere/launcher', '/bin/false', '/bin/true', '/bin/echo']) {
      trees = new Trees({ layout: new Layout(home), sealer: broken })
      assert.equal(await trees.seal(packageDir, filesOf(release)), null)
      const clean = await check(Buffer.from('x'))
      assert.ok(isClean(clean) && clean.seal === null)
    }
    writeFileSync(join(packageDir, 'main.js'), 'x')
    assert.deepEqual((await check(null)).modified, ['main.js'])
  })

  test('is not asked for in small trees', async () => {
    const small = releaseOf()
    const path = packageOf(await install(small))
    const calls = () => statSync(join(sealerDir, 'calls'), { throwIfNoEntry: false })?.size ?? 0
    const before = calls()
    assert.equal(await trees.seal(path, filesOf(small)), null)
    assert.equal((await trees.check(path, filesOf(small), null)).seal, null)
    assert.equal(calls(), before)
  })

  test('of the launcher itself reads the same', { skip: launcherMissing() }, async () => {
    trees = new Trees({ layout: new Layout(home), sealer: LAUNCHER })
    const seal = await trees.seal(packageDir, filesOf(release))
    assert.ok(seal !== null)
    assert.equal(seal.toString('latin1'), execFileSync(sealer, ['--seal', packageDir], { encoding: 'latin1' }))
    assert.ok(isClean(await check(seal)))
    await sleep(5)
    writeFileSync(join(packageDir, 'many/3/f3.txt'), 'FILE 3')
    assert.deepEqual((await check(seal)).modified, ['many/3/f3.txt'])
  })
})

function launcherMissing(): string | false {
  return spawnSync(LAUNCHER, ['--seal', '/usr/bin']).status === 0 ? false : 'the launcher is not built'
}

test('a hard link from outside changes nothing about the content', async () => {
  const packageDir = packageOf(await install())
  linkSync(join(packageDir, 'main.js'), join(home, 'elsewhere'))
  assert.deepEqual((await trees.check(packageDir, filesOf(releaseOf()), null)).modified, [])
})

test('a package that is gone is missing, and not a fault of the disk', async () => {
  const release = releaseOf()
  const path = await install(release)
  rmSync(packageOf(path), { recursive: true })
  const { missing } = await trees.check(packageOf(path), filesOf(release), null)
  assert.equal(missing.length, filesOf(release).length)
  rmSync(path, { recursive: true })
  const gone = await trees.check(packageOf(path), filesOf(release), null)
  assert.deepEqual(gone.modified, ['/'])
  assert.equal(gone.missing.length, filesOf(release).length)
})

test('checking a small tree takes about a millisecond', async () => {
  const release = releaseOf()
  const packageDir = packageOf(await install(release))
  await trees.check(packageDir, filesOf(release), null)
  const started = performance.now()
  for (let round = 0; round < 20; round++) await trees.check(packageDir, filesOf(release), null)
  assert.ok((performance.now() - started) / 20 < 10)
})

test('what `run` loads to check a tree includes no tar reader and no child process', () => {
  const script = `
    import { Trees } from '${join(process.cwd(), 'src/store/trees.ts')}'
    console.log(JSON.stringify(process.moduleLoadList.filter((name) => /child_process|zlib/.test(name))), typeof Trees)`
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(out.trim(), '[] function')
})
