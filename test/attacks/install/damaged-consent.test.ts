// What was agreed to is damaged in the database: every command says so by its code, none falls over, and nothing is given for it.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { AttackedHome } from '../../helpers/attacked-home.ts'

function damage(attacked: AttackedHome, sql: string): void {
  const db = new Database(join(attacked.home, 'bulkhead.db'))
  db.pragma('ignore_check_constraints = ON')
  db.exec(sql)
  db.close()
}

const SHAPES = [
  'null',
  '[]',
  '7',
  '{}',
  '{"network":null,"read":[],"env":[]}',
  '{"network":[],"read":[],"env":[7]}',
  '{',
]

for (const [column, shapes] of [
  ['consent', SHAPES],
  ['requires', ['null', '[]', '{"acme/other":7}', '{']],
] as const) {
  test(`a damaged ${column} of an installation is told by its row, and spoils no other plugin`, async (t) => {
    const attacked = await AttackedHome.make(t)
    await attacked.install()
    await attacked.install({ name: 'acme/other' })
    for (const shape of shapes) {
      damage(attacked, `UPDATE installations SET ${column} = '${shape}' WHERE id = 1`)
      const told = {
        code: 'STORE_UNREADABLE',
        exitCode: 1,
        message: new RegExp(`${column} of acme/hello 1\\.0\\.0, installation 1`),
      }
      await attacked.with(async (manager) => {
        await assert.rejects(manager.info('acme/hello'), told, shape)
        await assert.rejects(manager.plan('acme/hello'), told)
        assert.throws(() => manager.list(), told)
        assert.equal((await manager.info('acme/other')).version, '1.0.0')
        const verdicts = await manager.verifyAll()
        assert.deepEqual(
          verdicts.map(({ error }) => error?.code ?? 'OK'),
          ['STORE_UNREADABLE', 'OK'],
        )
      })
    }
  })
}

test('a damaged approval lets no update in as one that asks for nothing more', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install()
  const path = attacked.download(attacked.publisher.publish({ version: '1.1.0' }))
  for (const shape of SHAPES) {
    damage(attacked, `UPDATE approvals SET grants = '${shape}'`)
    await attacked.with(async (manager) => {
      await assert.rejects(
        manager.install(path, { consent: () => true }),
        { code: 'STORE_UNREADABLE', exitCode: 1 },
        shape,
      )
      assert.throws(() => manager.approvals('acme/hello'), { code: 'STORE_UNREADABLE' })
      assert.equal(manager.list()[0]?.version, '1.0.0')
    })
  }
})
