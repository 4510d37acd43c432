import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { AttackedHome } from '../../helpers/attacked-home.ts'

/** Two releases of one plugin and one of another, and a hand in the database. */
async function withRows(attacked: AttackedHome, sql: string): Promise<void> {
  const db = new Database(join(attacked.home, 'bulkhead.db'))
  db.exec(sql)
  db.close()
}

const release = (version: string) => `(SELECT id FROM releases WHERE version = '${version}')`

test("an installation pointed at another release's row does not run as that release", async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install({ version: '1.0.0' })
  await attacked.install({ version: '1.1.0' })
  const point = `UPDATE installations SET release_id = ${release('1.0.0')}`
  // While that one is kept, no second row can be it; with its own row and tree gone, there is nothing to run.
  await assert.rejects(async () => withRows(attacked, point), /UNIQUE constraint/)
  await attacked.install({ version: '1.2.0' })
  await attacked.install({ version: '1.3.0' })
  await withRows(attacked, point.concat(" WHERE state = 'installed'"))
  await attacked.with((manager) => assert.rejects(manager.plan('acme/hello'), { code: 'MODIFIED' }))
})

test('a digest written over in the database is not believed', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install()
  for (const column of ['sha256', 'manifest_sha256']) {
    await withRows(attacked, `UPDATE releases SET ${column} = '${'0'.repeat(64)}'`)
    await attacked.with(async (manager) => {
      const { ok, error } = await manager.verify('acme/hello')
      assert.equal(ok, false)
      assert.equal(error?.exitCode, 3)
      await assert.rejects(manager.plan('acme/hello'), { exitCode: 3 })
    })
  }
})

test('a wider consent in the database grants nothing that the signed manifest does not name', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install()
  await withRows(attacked, `UPDATE installations SET consent = '{"network":[],"read":["/home"],"env":["SECRET"]}'`)
  await attacked.with(async (manager) => {
    const plan = await manager.plan('acme/hello', { env: { SECRET: 'x' } }).catch((error) => error)
    assert.equal(plan.env?.SECRET, undefined)
    assert.equal(plan.binds?.some(({ inside }: { inside: string }) => inside.startsWith('/home')) ?? false, false)
  })
})

for (const [what, sql] of [
  ['changed', "UPDATE events SET subject = 'acme/other' WHERE id = 1"],
  ['removed', 'DELETE FROM events WHERE id = 1'],
  ['swapped', 'UPDATE events SET id = -id; UPDATE events SET id = 3 + id WHERE id >= -2'],
] as const) {
  test(`the trail says that an event was ${what}, also past its triggers`, async (t) => {
    const attacked = await AttackedHome.make(t)
    await attacked.install()
    await withRows(attacked, 'DROP TRIGGER events_append_only_update; DROP TRIGGER events_append_only_delete')
    await withRows(attacked, sql)
    await attacked.with((manager) => assert.throws(() => manager.verifyAudit(), { code: 'AUDIT_BROKEN' }))
  })
}

test('the trail cannot be changed by a statement', async (t) => {
  const attacked = await AttackedHome.make(t)
  for (const sql of ["UPDATE events SET kind = 'x'", 'DELETE FROM events']) {
    await assert.rejects(withRows(attacked, sql), /append-only/)
  }
})
