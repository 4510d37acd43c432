import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lchownSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Layout, packageOf } from '../../src/core/layout.ts'
import { type TreeCheck, Trees } from '../../src/store/trees.ts'
import type { TarPart } from '../helpers/hostile-archive.ts'

import { FILES, filesOf, houseOfEach, LARGE, MAIN, releaseOf, sealerOfAll } from './trees-house.ts'

const house = houseOfEach()
const sealer = sealerOfAll()

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
        house.trees = new Trees({ layout: new Layout(house.home), sealer: isSealed ? sealer.program : null })
        const packageDir = packageOf(await house.install(release))
        const seal = await house.trees.seal(packageDir, filesOf(release))
        assert.equal(seal !== null, isSealed)
        const unchanged = await house.trees.check(packageDir, filesOf(release), seal, { thorough })
        assert.deepEqual([...unchanged.modified, ...unchanged.missing, ...unchanged.extra], [])

        await sleep(5) // a clock tick: what a change within the same one can do is tested by itself
        await change(packageDir)
        const { seal: fresh, ...differences } = await house.trees.check(packageDir, filesOf(release), seal, {
          thorough,
        })
        assert.deepEqual(differences, { modified: [], missing: [], extra: [], ...found })
        assert.equal(fresh, null, 'a changed tree is never sealed')
      })
    }
  })
}

suite('the owner of installed files', { skip: process.geteuid?.() !== 0 && 'only root can give files away' }, () => {
  for (const [what, path] of Object.entries({ file: 'main.js', folder: 'lib' })) {
    test(`a ${what} given to another user is found`, async () => {
      const packageDir = packageOf(await house.install())
      lchownSync(join(packageDir, path), 12_345, 12_345)
      const { modified } = await house.trees.check(packageDir, filesOf(releaseOf()), null)
      assert.deepEqual(modified, [what === 'file' ? 'main.js' : 'lib/'])
    })
  }

  test('is found by the seal too, whose records have no owner', async () => {
    const release = releaseOf(LARGE)
    house.trees = new Trees({ layout: new Layout(house.home), sealer: sealer.program })
    const packageDir = packageOf(await house.install(release))
    const seal = await house.trees.seal(packageDir, filesOf(release))
    await sleep(5)
    lchownSync(join(packageDir, 'main.js'), 12_345, 12_345)
    lchownSync(join(packageDir, 'many/3'), 12_345, 12_345)
    const { modified } = await house.trees.check(packageDir, filesOf(release), seal)
    assert.deepEqual(modified, ['main.js', 'many/3/'])
  })
})

test('a hard link from outside changes nothing about the content', async () => {
  const packageDir = packageOf(await house.install())
  linkSync(join(packageDir, 'main.js'), join(house.home, 'elsewhere'))
  assert.deepEqual((await house.trees.check(packageDir, filesOf(releaseOf()), null)).modified, [])
})

test('a package that is gone is missing, and not a fault of the disk', async () => {
  const release = releaseOf()
  const path = await house.install(release)
  rmSync(packageOf(path), { recursive: true })
  const { missing } = await house.trees.check(packageOf(path), filesOf(release), null)
  assert.equal(missing.length, filesOf(release).length)
  rmSync(path, { recursive: true })
  const gone = await house.trees.check(packageOf(path), filesOf(release), null)
  assert.deepEqual(gone.modified, ['/'])
  assert.equal(gone.missing.length, filesOf(release).length)
})

test('checking a small tree takes about a millisecond', async () => {
  const release = releaseOf()
  const packageDir = packageOf(await house.install(release))
  await house.trees.check(packageDir, filesOf(release), null)
  const started = performance.now()
  for (let round = 0; round < 20; round++) await house.trees.check(packageDir, filesOf(release), null)
  assert.ok((performance.now() - started) / 20 < 10)
})

test('what `run` loads to check a tree includes no tar reader and no child process', () => {
  const script = `
    import { Trees } from '${join(process.cwd(), 'src/store/trees.ts')}'
    console.log(JSON.stringify(process.moduleLoadList.filter((name) => /child_process|zlib/.test(name))), typeof Trees)`
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(out.trim(), '[] function')
})
