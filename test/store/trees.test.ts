import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { suite, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { ARCHIVE_BOUNDS, type Archive } from '../../src/core/archive.ts'
import { readArchive } from '../../src/core/archive-reader.ts'
import { type Sha256, sha256 } from '../../src/core/digest.ts'
import { bundleOf, chrootOf, Layout, packageOf } from '../../src/core/layout.ts'
import type { PluginName } from '../../src/core/name.ts'
import type { SignedFile } from '../../src/core/statement.ts'
import type { VerifiedRelease } from '../../src/core/verified.ts'
import { Trees } from '../../src/store/trees.ts'
import { bare, END } from '../helpers/hostile-archive.ts'
import { signedFilesOf, unpackable } from '../helpers/unpackable.ts'
import { FILES, filesOf, houseOfEach, LAUNCHER, MAIN, nameOf, releaseOf, stagedOf } from './trees-house.ts'

const house = houseOfEach()

suite('unpacking', () => {
  test('writes the package with fixed modes, whatever the archive says and the umask takes', async () => {
    const umask = process.umask(0o077)
    const tree = await house.trees.unpack(releaseOf()).finally(() => process.umask(umask))
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
    assert.equal((lstatSync(join(house.home, 'staging')).mode & 0o7777).toString(8), '700')
  })

  test('builds the chroot directory around it, and puts the bundle beside it', async () => {
    const release = releaseOf()
    const manifest = {
      ...release.manifest,
      permissions: { network: [], env: [], read: ['/usr/share/zoneinfo', '/opt/models/a', '/srv'] },
    }
    const { path } = await house.trees.unpack({ ...release, manifest })
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
    const { packageDir } = await house.trees.unpack(
      releaseOf([{ name: 'empty/', type: '5', mode: 0o755 }, { name: 'a/b' }]),
    )
    assert.deepEqual(readdirSync(packageDir).sort(), ['a', 'plugin.json'])
  })

  const refuses = async (release: VerifiedRelease, says: RegExp) => {
    await assert.rejects(house.trees.unpack(release), { code: 'ARCHIVE_MISMATCH', message: says })
    assert.deepEqual(house.staging, [])
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
    await assert.rejects(house.trees.unpack(forged), { code: 'ARCHIVE_MALFORMED', message: /another File "main\.js"/ })

    const fewer: Archive = { ...release.archive, entries: release.archive.entries.slice(0, -1) }
    await assert.rejects(house.trees.unpack(unpackable(fewer, release.tarball)), {
      code: 'ARCHIVE_MALFORMED',
      message: /one reader sees/,
    })
    assert.deepEqual(house.staging, [])
  })

  test('unpacks what npm packed, without its folder', async () => {
    const [manifest] = [releaseOf([])]
    const json = Buffer.from(manifest.archive.tar.subarray(512, 512 + (manifest.archive.entries[0]?.size ?? 0)))
    const bytes = gzipSync(
      bare({ name: 'package/plugin.json', body: json }, { name: 'package/main.js', body: MAIN }, END),
    )
    const release = unpackable(readArchive(bytes, ARCHIVE_BOUNDS), stagedOf(bytes))
    const { packageDir } = await house.trees.unpack(release)
    assert.deepEqual(readdirSync(packageDir).sort(), ['main.js', 'plugin.json'])
  })

  test('refuses a staging folder that others may write in', async () => {
    mkdirSync(join(house.home, 'staging'))
    chmodSync(join(house.home, 'staging'), 0o777)
    await assert.rejects(house.trees.unpack(releaseOf()), { code: 'STORE_UNREADABLE', message: /mode 777/ })
  })

  test('refuses a staging folder that is a link', async () => {
    mkdirSync(join(house.home, 'elsewhere'))
    symlinkSync('elsewhere', join(house.home, 'staging'))
    await assert.rejects(house.trees.unpack(releaseOf()), { code: 'STORE_UNREADABLE' })
    assert.deepEqual(readdirSync(join(house.home, 'elsewhere')), [])
  })

  test('leaves nothing when the disk is full', { skip: cannotMount() }, async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', house.home])
    try {
      const release = releaseOf([...FILES, { name: 'large.bin', body: Buffer.alloc(2 ** 20, 1) }])
      await assert.rejects(house.trees.unpack(release), { code: 'DISK_FAILED', message: /^cannot unpack.*ENOSPC/ })
      assert.deepEqual(house.staging, [])
    } finally {
      execFileSync('umount', [house.home])
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
    const path = await house.install(release)
    assert.equal(path, new Layout(house.home).release(release.manifest.name, '1.0.0', release.tarball.sha256))
    assert.deepEqual(readdirSync(packageOf(path)).sort(), ['empty.txt', 'lib', 'main.js', 'plugin.json'])
    assert.deepEqual(house.staging, [])
  })

  test('takes the place of what an unrecorded install left', async () => {
    const release = releaseOf()
    const path = await house.install(release)
    rmSync(join(packageOf(path), 'main.js'))
    writeFileSync(join(path, 'leftover'), '')
    await house.install(release)
    assert.deepEqual(readdirSync(path).sort(), ['bundle.sigstore.jsonl', 'root'])
    assert.deepEqual((await house.trees.check(packageOf(path), filesOf(release), null)).missing, [])
    assert.deepEqual(house.staging, [])
  })

  test('removes a release, the folders above it that are empty, and no other', async () => {
    const release = releaseOf()
    const path = await house.install(release)
    const other = { ...nameOf(release), version: '2.0.0', digest: 'f'.repeat(64) as Sha256 }
    await house.trees.promote(await house.trees.unpack(release), other)
    await house.trees.remove(nameOf(release))
    assert.ok(!existsSync(path))
    assert.deepEqual(readdirSync(join(house.home, 'plugins/acme/hostile')), ['2.0.0-ffffffffffff'])
    await house.trees.remove(other)
    assert.deepEqual(readdirSync(join(house.home, 'plugins')), [])
    assert.deepEqual(house.staging, [])
  })

  test('a removal that was killed between two folders is finished by the next', async () => {
    const release = releaseOf()
    const path = await house.install(release)
    rmSync(dirname(path), { recursive: true })
    await house.trees.remove(nameOf(release))
    assert.equal(existsSync(dirname(dirname(path))), false)
  })

  test('removing what is not there does nothing', async () => {
    const absent = { name: 'acme/none' as PluginName, version: '1.0.0', digest: 'a'.repeat(64) as Sha256 }
    await house.trees.remove(absent)
    await house.trees.remove(absent)
  })

  test('discards a tree that was not promoted, and again', async () => {
    const tree = await house.trees.unpack(releaseOf())
    await house.trees.discard(tree)
    await house.trees.discard(tree)
    assert.deepEqual(house.staging, [])
  })

  test('never follows a link that was put into a tree', async () => {
    const canary = join(house.home, 'canary')
    writeFileSync(canary, '')
    const release = releaseOf()
    const path = await house.install(release)
    symlinkSync(house.home, join(packageOf(path), 'out'))
    await house.trees.remove(nameOf(release))
    assert.ok(existsSync(canary))
  })

  test('many at once, of several plugins, neither lose nor mix', async () => {
    const release = releaseOf()
    const names = Array.from({ length: 12 }, (_, at) => ({ ...nameOf(release), name: `acme/p${at}` as PluginName }))
    await Promise.all(names.map(async (name) => house.trees.promote(await house.trees.unpack(release), name)))
    await Promise.all(names.map((name, at) => (at % 2 === 0 ? house.trees.remove(name) : undefined)))
    assert.equal(readdirSync(join(house.home, 'plugins/acme')).length, 6)
    assert.deepEqual(house.staging, [])
  })
})

suite('sweeping staging', () => {
  test('takes what a killed process left and leaves what a live one is filling', async () => {
    const script = `
      import { Trees } from '${join(process.cwd(), 'src/store/trees.ts')}'
      import { stage } from '${join(process.cwd(), 'src/store/tree-staging.ts')}'
      import { writeFileSync } from 'node:fs'
      writeFileSync(stage('${join(house.home, 'staging')}') + '/half', 'written')
      process.kill(process.pid, 'SIGKILL')`
    spawnSync(process.execPath, ['--input-type=module', '-e', script])
    assert.equal(house.staging.length, 1, 'the killed process left its folder')
    const mine = await house.trees.unpack(releaseOf())
    assert.equal(house.staging.length, 2)

    await house.trees.sweepStaging()
    assert.deepEqual(house.staging, [mine.path.slice(join(house.home, 'staging').length + 1)])
    await house.trees.sweepStaging()
    assert.deepEqual((await house.trees.check(mine.packageDir, filesOf(releaseOf()), null)).missing, [])
  })

  test('takes what nobody signed', async () => {
    mkdirSync(join(house.home, 'staging/unknown/deep'), { recursive: true })
    symlinkSync(house.home, join(house.home, 'staging/link'))
    writeFileSync(join(house.home, 'canary'), '')
    await house.trees.sweepStaging()
    assert.deepEqual(house.staging, [])
    assert.ok(existsSync(join(house.home, 'canary')))
  })

  test('of a home that is new does nothing', async () => {
    await house.trees.sweepStaging()
    assert.deepEqual(readdirSync(house.home), [])
  })
})

suite('replacing', () => {
  test('a release gives way to the same one made anew, and nothing else is left', async () => {
    const release = releaseOf()
    const path = await house.install(release)
    rmSync(join(packageOf(path), 'main.js'))
    await house.trees.replace(await house.trees.unpack(release), nameOf(release))
    assert.deepEqual((await house.trees.check(packageOf(path), filesOf(release), null)).missing, [])
    assert.deepEqual(house.staging, [])
  })

  test('one that is gone comes back', async () => {
    const release = releaseOf()
    const path = await house.install(release)
    rmSync(path, { recursive: true })
    assert.equal(await house.trees.replace(await house.trees.unpack(release), nameOf(release)), path)
    assert.deepEqual((await house.trees.check(packageOf(path), filesOf(release), null)).missing, [])
  })

  test('at no moment is there none', { skip: cannotExchange() }, async () => {
    house.trees = new Trees({ layout: new Layout(house.home), sealer: LAUNCHER })
    const release = releaseOf()
    const path = await house.install(release)
    const script = `
      import { existsSync } from 'node:fs'
      let gone = 0
      process.once('SIGTERM', () => { console.log(gone); process.exit() })
      console.log('ready')
      for (;;) {
        for (let look = 0; look < 1000; look++) if (!existsSync(${JSON.stringify(path)})) gone++
        await new Promise(setImmediate)
      }`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', (chunk) => {
      said += chunk
    })
    await once(child.stdout, 'data')
    for (let round = 0; round < 20; round++) {
      await house.trees.replace(await house.trees.unpack(release), nameOf(release))
    }
    child.kill('SIGTERM')
    await once(child, 'close')
    assert.equal(said, 'ready\n0\n')
  })
})

function cannotExchange(): string | false {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-exchange-'))
  for (const name of ['a', 'b']) mkdirSync(join(folder, name))
  const { status } = spawnSync(LAUNCHER, ['--exchange', join(folder, 'a'), join(folder, 'b')])
  rmSync(folder, { recursive: true })
  return status === 0 ? false : 'the launcher is not built, or nothing is exchanged here'
}
