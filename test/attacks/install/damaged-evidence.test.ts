// What was kept beside a plugin is damaged: that is told, hides no verdict about the plugin, and fells no command.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { Layout, packageOf } from '../../../src/core/layout.ts'
import type { PluginName } from '../../../src/core/name.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'

const OTHER = 'acme/other' as PluginName

test('a verdict of then that makes no sense hides no change of the files', async (t) => {
  for (const [column, value] of [
    ['signers', 'null'],
    ['signers', '[null]'],
    ['countersigners', '{}'],
  ]) {
    const attacked = await AttackedHome.make(t)
    await attacked.install()
    await attacked.install({ name: OTHER })
    const db = new Database(join(attacked.home, 'bulkhead.db'))
    db.exec(`UPDATE verifications SET ${column} = '${value}'`)
    db.close()
    await attacked.with(async (manager) => {
      const sha256 = manager.list().find(({ name }) => name === OTHER)?.sha256 as never
      const folder = packageOf(new Layout(attacked.home).release(OTHER, '1.0.0', sha256))
      writeFileSync(join(folder, 'main.js'), 'changed')
      const results = await manager.verifyAll({ quarantine: true })
      assert.deepEqual(
        results.map(({ ok, error, quarantine }) => [ok, error?.code, quarantine?.isNew]),
        [
          [false, 'STORE_UNREADABLE', undefined],
          [false, 'MODIFIED', true],
        ],
      )
      assert.equal((await manager.verify('acme/hello')).error?.code, 'STORE_UNREADABLE')
      await assert.rejects(manager.provenance('acme/hello'), { code: 'STORE_UNREADABLE', exitCode: 1 })
    })
  }
})

test('an end that is no date spoils its own plugin, and not the list', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install()
  const db = new Database(join(attacked.home, 'bulkhead.db'))
  db.exec('UPDATE installations SET unsigned_until_ms = 9223372036854775807')
  db.close()
  await attacked.with(async (manager) => {
    assert.equal(manager.list().length, 1)
    assert.equal((await manager.verify('acme/hello')).ok, false)
    await assert.rejects(manager.plan('acme/hello'), { exitCode: 3 })
  })
})
