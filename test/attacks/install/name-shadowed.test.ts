import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AttackedHome } from '../../helpers/attacked-home.ts'

test('a file in the working folder does not answer for an installed plugin of that name', async (t) => {
  const attacked = await AttackedHome.make(t)
  const path = await attacked.install()
  mkdirSync(join(attacked.base, 'acme'))
  copyFileSync(path, join(attacked.base, 'acme', 'hello'))
  copyFileSync(`${path}.sigstore.json`, join(attacked.base, 'acme', 'hello.sigstore.json'))
  const before = process.cwd()
  process.chdir(attacked.base)
  t.after(() => process.chdir(before))
  await attacked.with(async (manager) => {
    assert.ok((await manager.verify('acme/hello')).checks.some(({ check }) => check === 'tree'))
    assert.ok((await manager.verify('./acme/hello')).checks.some(({ check }) => check === 'integrity'))
    await manager.remove('acme/hello', { purge: true })
    await assert.rejects(manager.verify('acme/hello'), { code: 'NOT_INSTALLED' })
  })
})

test('what follows the version is not cut off and forgotten', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install()
  await attacked.with(async (manager) => {
    await assert.rejects(manager.verify('acme/hello@1.0.0@2.0.0'), { code: 'NOT_INSTALLED' })
  })
})
