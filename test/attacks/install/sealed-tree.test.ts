import assert from 'node:assert/strict'
import {
  chmodSync,
  copyFileSync,
  linkSync,
  lutimesSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PluginManager } from '../../../src/manager.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'

/** More files than are hashed at every run: what is trusted there is the seal. */
const FILES = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`lib/f${at}.js`, `value(${1000 + at})\n`]))

/** What a run would say; the plan is made of an unchanged tree only. */
async function verdictOf(manager: PluginManager): Promise<string> {
  return manager.plan('acme/hello').then(
    () => 'OK',
    (error) => error.code,
  )
}

const keepTimes = (path: string, change: () => void): void => {
  const { atime, mtime } = statSync(path)
  change()
  utimesSync(path, atime, mtime)
}

const ATTACKS: Readonly<Record<string, (dir: string) => void>> = {
  'other content of the same size, times put back': (dir) => {
    const path = join(dir, 'lib/f7.js')
    keepTimes(path, () => writeFileSync(path, 'value(6666)\n'))
  },
  'two files of one size exchanged by renaming': (dir) => {
    const [a, b, c] = [join(dir, 'lib/f1.js'), join(dir, 'lib/f2.js'), join(dir, 'lib/c')]
    renameSync(a, c)
    renameSync(b, a)
    renameSync(c, b)
  },
  'a folder exchanged for a copy with other content': (dir) => {
    const { atime, mtime } = statSync(join(dir, 'lib'))
    rmSync(join(dir, 'lib/f9.js'))
    copyFileSync(join(dir, 'lib/f8.js'), join(dir, 'lib/f9.js'))
    utimesSync(join(dir, 'lib/f9.js'), atime, mtime)
    utimesSync(join(dir, 'lib'), atime, mtime)
  },
  'a file more, the folder’s times put back': (dir) =>
    keepTimes(join(dir, 'lib'), () => writeFileSync(join(dir, 'lib/z.js'), '')),
  'a second name for a signed file': (dir) => linkSync(join(dir, 'lib/f1.js'), join(dir, 'lib/again.js')),
  'a link in the place of a file': (dir) => {
    rmSync(join(dir, 'lib/f3.js'))
    symlinkSync('f4.js', join(dir, 'lib/f3.js'))
    lutimesSync(join(dir, 'lib/f3.js'), 1, 1)
  },
  'a file that all may write': (dir) => chmodSync(join(dir, 'lib/f5.js'), 0o666),
  'another /etc/passwd around the package': (dir) =>
    writeFileSync(join(dir, '../etc/passwd'), 'root:x:0:0::/:/bin/sh\n'),
  'a library folder that leads elsewhere': (dir) => {
    rmSync(join(dir, '../lib'))
    symlinkSync('plugin/lib', join(dir, '../lib'))
  },
}

for (const [what, attack] of Object.entries(ATTACKS)) {
  test(`a large tree with ${what} does not run`, async (t) => {
    const attacked = await AttackedHome.make(t)
    await attacked.install({ files: FILES })
    await attacked.with(async (manager) => {
      assert.notEqual(await verdictOf(manager), 'MODIFIED')
      const { path } = await manager.info('acme/hello')
      attack(join(path, 'root', 'plugin'))
      assert.equal(await verdictOf(manager), 'MODIFIED')
      assert.equal((await manager.verify('acme/hello')).error?.code, 'MODIFIED')
      assert.equal(await verdictOf(manager), 'MODIFIED', 'asking did not make it good')
    })
  })
}
