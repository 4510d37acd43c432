import assert from 'node:assert/strict'
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AttackedHome } from '../../helpers/attacked-home.ts'

const SECRET = /^(?:bulkhead\.db.*|staging|spool|cache)$/

for (const umask of [0, 0o077]) {
  test(`with umask ${umask.toString(8)}, nobody else may write anything, nor read what is private`, async (t) => {
    const before = process.umask(umask)
    t.after(() => process.umask(before))
    const attacked = await AttackedHome.make(t)
    await attacked.install({ files: { 'lib/deep/a.js': '1', 'run.sh': '#!/bin/sh\n' }, executable: ['run.sh'] })
    const look = (path: string, isSecret: boolean): void => {
      const { mode } = lstatSync(path)
      if (lstatSync(path).isSymbolicLink()) return
      assert.equal(mode & (isSecret ? 0o077 : 0o022), 0, `${path}: ${(mode & 0o7777).toString(8)}`)
      if (!lstatSync(path).isDirectory()) return
      for (const name of readdirSync(path)) look(join(path, name), isSecret || SECRET.test(name))
    }
    await attacked.with(async (manager) => {
      look(attacked.home, false)
      assert.equal((await manager.verify('acme/hello')).ok, true)
    })
    assert.equal(lstatSync(attacked.home).mode & 0o7777, 0o700)
  })
}
