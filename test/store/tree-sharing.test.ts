import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sha256 } from '../../src/core/digest.ts'
import { Layout, packageOf } from '../../src/core/layout.ts'
import type { PluginName } from '../../src/core/name.ts'
import type { Progress } from '../../src/core/progress.ts'
import type { VerifiedRelease } from '../../src/core/verified.ts'
import type { ReleaseBeside } from '../../src/store/tree-sharing.ts'
import { Trees, type UnpackedTree } from '../../src/store/trees.ts'
import type { TarPart } from '../helpers/hostile-archive.ts'
import { filesOf, houseOfEach, LARGE, nameOf, releaseOf, sealerOfAll } from './trees-house.ts'

const house = houseOfEach()
const sealer = sealerOfAll()

/** Files that two versions have in common, and one that each has of its own. */
const COMMON: readonly TarPart[] = [
  { name: 'lib/a.js', body: 'a'.repeat(10_000) },
  { name: 'lib/deep/b.js', body: 'b'.repeat(5_000_000) },
  { name: 'bin/run', body: '#!/bin/sh\n', mode: 0o755 },
  { name: 'empty.txt' },
]
const first = releaseOf([...COMMON, { name: 'changed.js', body: 'one' }])
const second = releaseOf([...COMMON, { name: 'changed.js', body: 'two' }])
/** Beside plugin.json, which both have; the empty one is not worth it. */
const SHARED = ['plugin.json', 'lib/a.js', 'lib/deep/b.js', 'bin/run']

const besideOf = (release: VerifiedRelease): ReleaseBeside => ({ ...nameOf(release), files: filesOf(release) })

/** The first installed, long enough ago that its times are not of this moment; gives its package. */
async function installed(release = first): Promise<string> {
  const packageDir = packageOf(await house.install(release))
  await sleep(30)
  return packageDir
}

async function unpacked(release = second, ...beside: VerifiedRelease[]): Promise<UnpackedTree> {
  return house.trees.unpack(release, { beside: beside.map(besideOf) })
}

async function assertWhole({ packageDir }: UnpackedTree, release = second): Promise<void> {
  const { modified, missing, extra } = await house.trees.check(packageDir, filesOf(release), null)
  assert.deepEqual({ modified, missing, extra }, { modified: [], missing: [], extra: [] })
}

const inodeOf = (packageDir: string, path: string) => lstatSync(join(packageDir, path)).ino

test('a file that a version beside holds is not written again, and one that differs is', async () => {
  const old = await installed()
  const tree = await unpacked(second, first)
  await assertWhole(tree)
  assert.equal(tree.shared.files, SHARED.length)
  assert.ok(tree.shared.bytes > 5_000_000)
  if (tree.shared.by === 'link') {
    for (const path of SHARED) assert.equal(inodeOf(tree.packageDir, path), inodeOf(old, path), path)
  }
  for (const path of ['changed.js', 'empty.txt']) assert.notEqual(inodeOf(tree.packageDir, path), inodeOf(old, path))
})

test('without versions beside, everything is written', async () => {
  await installed()
  const tree = await unpacked()
  assert.deepEqual(tree.shared, { files: 0, bytes: 0, by: null })
  await assertWhole(tree)
})

test('a file that was moved is found by what it holds', async () => {
  await installed()
  const moved = releaseOf([{ name: 'elsewhere/c.js', body: 'a'.repeat(10_000) }])
  const tree = await unpacked(moved, first)
  assert.equal(tree.shared.files, 2)
  await assertWhole(tree, moved)
})

test('the same content at two paths is shared twice', async () => {
  await installed()
  const twice = releaseOf(['x', 'y'].map((name) => ({ name, body: 'a'.repeat(10_000) })))
  const tree = await unpacked(twice, first)
  assert.equal(tree.shared.files, 3)
  await assertWhole(tree, twice)
})

test('another executable bit is another file', async () => {
  await installed()
  const changed = releaseOf([{ name: 'bin/run', body: '#!/bin/sh\n' }])
  const tree = await unpacked(changed, first)
  assert.equal(tree.shared.files, 1, 'plugin.json alone')
  await assertWhole(tree, changed)
})

test('a removed version takes nothing away from those that share with it', async () => {
  const releases = [first, second, releaseOf([...COMMON, { name: 'changed.js', body: 'three' }])]
  for (const [at, release] of releases.entries()) {
    const tree = await unpacked(release, ...releases.slice(0, at))
    await house.trees.promote(tree, nameOf(release))
    await sleep(30)
  }
  await house.trees.remove(nameOf(first))
  for (const release of releases.slice(1)) {
    const packageDir = packageOf(new Layout(house.home).release(release.manifest.name, '1.0.0', release.tarball.sha256))
    const { modified, missing } = await house.trees.check(packageDir, filesOf(release), null)
    assert.deepEqual([...modified, ...missing], [])
  }
})

test('names that a version has whose list was not read are known of', async () => {
  const third = releaseOf([...COMMON, { name: 'changed.js', body: 'three' }])
  const fourth = releaseOf([...COMMON, { name: 'changed.js', body: 'four' }])
  await installed()
  await house.trees.promote(await unpacked(second, first), { ...nameOf(second), version: '2.0.0' })
  await sleep(30)
  const unread = { ...nameOf(second), version: '2.0.0', files: [] }
  const tree = await house.trees.unpack(third, { beside: [besideOf(first), unread] })
  assert.equal(tree.shared.files, SHARED.length)
  await assertWhole(tree, third)
  // Of a third version nobody has told, whose names are now among those of the first.
  const untold = await house.trees.unpack(fourth, { beside: [besideOf(first)] })
  if (tree.shared.by === 'link') assert.equal(untold.shared.files, 0)
  await assertWhole(untold, fourth)
})

test('where only further names could be shared and none may be, everything is written', async () => {
  await installed()
  const tree = await house.trees.unpack(second, { beside: [besideOf(first)], mayLink: false })
  assert.notEqual(tree.shared.by, 'link')
  for (const path of SHARED) assert.equal(lstatSync(join(tree.packageDir, path)).nlink, 1)
  await assertWhole(tree)
})

test('plugins share nothing with each other', async () => {
  const other = { ...besideOf(first), name: 'acme/other' as PluginName }
  await assert.rejects(house.trees.unpack(second, { beside: [other] }), TypeError)
  assert.deepEqual(house.staging, [])
})

test('a version that is not there any more is no obstacle', async () => {
  const tree = await unpacked(second, first)
  assert.equal(tree.shared.files, 0)
  await assertWhole(tree)
})

test('of two versions beside, the second gives what the first has lost', async () => {
  const old = await installed()
  const third = releaseOf([...COMMON, { name: 'changed.js', body: 'three' }])
  await installed(third)
  rmSync(join(old, 'lib/a.js'))
  const tree = await unpacked(second, first, third)
  assert.equal(tree.shared.files, SHARED.length)
  await assertWhole(tree)
})

test('files are told as they are done', async () => {
  const told: Progress[] = []
  await house.trees.unpack(second, { onProgress: (progress) => told.push(progress) })
  const total = filesOf(second).length
  assert.deepEqual(told.at(-1), { kind: 'files', what: 'unpack', name: second.manifest.name, done: total, total })
})

/** Whatever lib/a.js of the version beside has become: the new tree is the signed one, and has an inode of its own there. */
const UNFIT: Readonly<Record<string, (file: string) => void>> = {
  'has other content of the same size': (file) => writeFileSync(file, 'x'.repeat(10_000)),
  'is longer': (file) => writeFileSync(file, 'a'.repeat(10_001)),
  'may be written by others': (file) => chmodSync(file, 0o666),
  'is setuid': (file) => chmodSync(file, 0o4644),
  'is gone': (file) => rmSync(file),
  'is a link to the same bytes': (file) => {
    renameSync(file, join(house.home, 'moved'))
    symlinkSync(join(house.home, 'moved'), file)
  },
  'is a FIFO': (file) => {
    rmSync(file)
    execFileSync('mkfifo', [file])
  },
  'is a folder': (file) => {
    rmSync(file)
    mkdirSync(file)
  },
  'is below a folder that is a link': (file) => {
    renameSync(join(file, '..'), join(house.home, 'lib'))
    symlinkSync(join(house.home, 'lib'), join(file, '..'))
  },
  'is below a folder that others may write in': (file) => chmodSync(join(file, '..'), 0o777),
  'has a name that nobody knows of': (file) => linkSync(file, join(house.home, 'known-to-nobody')),
  'is of a plugin whose folder is a link': (file) => {
    const folder = join(file, '../../../../..')
    renameSync(folder, join(house.home, 'elsewhere'))
    symlinkSync(join(house.home, 'elsewhere'), folder)
  },
}

for (const [what, spoil] of Object.entries(UNFIT)) {
  test(`a file that ${what} is not shared`, async () => {
    const file = join(await installed(), 'lib/a.js')
    spoil(file)
    await sleep(30)
    const tree = await unpacked(second, first)
    await assertWhole(tree)
    assert.equal(lstatSync(join(tree.packageDir, 'lib/a.js')).nlink, 1)
    assert.equal(readFileSync(join(tree.packageDir, 'lib/a.js'), 'utf8'), 'a'.repeat(10_000))
  })
}

test('a file of another owner is not shared', {
  skip: process.geteuid?.() !== 0 && 'only root gives away',
}, async () => {
  const file = join(await installed(), 'lib/a.js')
  lchownSync(file, 12_345, 12_345)
  await sleep(30)
  const tree = await unpacked(second, first)
  await assertWhole(tree)
  assert.equal(lstatSync(join(tree.packageDir, 'lib/a.js')).uid, 0)
})

suite('the seal of a version that shares', () => {
  const large = (body: string) => releaseOf([...LARGE, { name: 'changed.js', body }])
  const [old, next] = [large('one'), large('two')]

  test('does not hold after an update, costs one check of every file, and then holds again', async () => {
    house.trees = new Trees({ layout: new Layout(house.home), sealer: sealer.program })
    const packageDir = packageOf(await house.install(old))
    const seal = await house.trees.seal(packageDir, filesOf(old))
    assert.ok(seal !== null)
    await sleep(30)
    const tree = await unpacked(next, old)
    assert.ok(tree.shared.files > 300)
    await sleep(30)
    const found = await house.trees.check(packageDir, filesOf(old), seal)
    assert.deepEqual([...found.modified, ...found.missing, ...found.extra], [])
    assert.equal(found.seal !== null, tree.shared.by === 'link', 'clones change nothing about the old one')
    const again = await house.trees.check(packageDir, filesOf(old), found.seal ?? seal)
    assert.equal(again.seal, null, 'what was kept holds')
  })

  test('finds a change of a shared file in each version that has it', async () => {
    house.trees = new Trees({ layout: new Layout(house.home), sealer: sealer.program })
    const oldDir = packageOf(await house.install(old))
    await sleep(30)
    const path = await house.trees.promote(await unpacked(next, old), {
      ...nameOf(next),
      digest: 'f'.repeat(64) as Sha256,
    })
    const seals = await Promise.all([
      house.trees.seal(oldDir, filesOf(old)),
      house.trees.seal(packageOf(path), filesOf(next)),
    ])
    await sleep(30)
    const isLinked = inodeOf(oldDir, 'many/3/f3.txt') === inodeOf(packageOf(path), 'many/3/f3.txt')
    writeFileSync(join(packageOf(path), 'many/3/f3.txt'), 'FILE 3')
    const before = await house.trees.check(oldDir, filesOf(old), seals[0])
    const after = await house.trees.check(packageOf(path), filesOf(next), seals[1])
    assert.deepEqual(before.modified, isLinked ? ['many/3/f3.txt'] : [])
    assert.deepEqual(after.modified, ['many/3/f3.txt'])
  })
})

/** A disk of its own below the plugins, of a file system that clones, or of one that the staging is not on. */
function mounted(kind: 'btrfs' | 'xfs' | 'tmpfs', at: string): string | false {
  if (process.geteuid?.() !== 0) return 'only root may mount'
  if (kind === 'tmpfs') return spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', at]).status === 0 ? false : 'no tmpfs'
  const image = `${at}.img`
  writeFileSync(image, '')
  truncateSync(image, 320 * 2 ** 20)
  const made = spawnSync(`mkfs.${kind}`, ['-q', image])
  if (made.error !== undefined || made.status !== 0) return `no mkfs.${kind}`
  return spawnSync('mount', ['-o', 'loop', image, at]).status === 0 ? false : `${kind} cannot be mounted`
}

for (const kind of ['btrfs', 'xfs'] as const) {
  test(`on ${kind} files are cloned: the blocks are shared, the inodes are not`, async (t) => {
    const base = mkdtempSync(join(tmpdir(), 'bulkhead-clones-'))
    const home = join(base, 'home')
    mkdirSync(home)
    const lack = mounted(kind, home)
    t.after(() => {
      if (lack === false) execFileSync('umount', [home])
      rmSync(base, { recursive: true, force: true })
    })
    if (lack !== false) return t.skip(lack)
    house.trees = new Trees({ layout: new Layout(home) })
    const old = await installed()
    const before = lstatSync(join(old, 'lib/a.js'), { bigint: true })
    const tree = await house.trees.unpack(second, { beside: [besideOf(first)], mayLink: false })
    assert.deepEqual({ ...tree.shared, bytes: 0 }, { files: SHARED.length, bytes: 0, by: 'clone' })
    await assertWhole(tree)
    const made = lstatSync(join(tree.packageDir, 'lib/a.js'))
    assert.equal(made.nlink, 1)
    assert.notEqual(made.ino, Number(before.ino))
    assert.equal(lstatSync(join(old, 'lib/a.js'), { bigint: true }).ctimeNs, before.ctimeNs)
    writeFileSync(join(old, 'lib/a.js'), 'x')
    await assertWhole(tree)
  })
}

test('a version on another file system is written anew', async (t) => {
  const plugins = join(house.home, 'plugins')
  mkdirSync(plugins)
  const lack = mounted('tmpfs', plugins)
  if (lack !== false) return t.skip(lack)
  try {
    const folder = new Layout(house.home).release(first.manifest.name, '1.0.0', first.tarball.sha256)
    mkdirSync(join(folder, '..'), { recursive: true })
    execFileSync('cp', ['-a', (await unpacked(first)).path, folder])
    await sleep(30)
    const next = await unpacked(second, first)
    assert.equal(next.shared.files, 0)
    await assertWhole(next)
  } finally {
    execFileSync('umount', [plugins])
  }
})
