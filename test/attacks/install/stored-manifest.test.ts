import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { AttackedHome } from '../../helpers/attacked-home.ts'

function widen(home: string): void {
  const db = new Database(join(home, 'bulkhead.db'))
  const { manifest } = db.prepare<[], { manifest: string }>('SELECT manifest FROM releases').get() ?? { manifest: '{}' }
  const wider = { ...JSON.parse(manifest), permissions: { network: [], read: ['/home'], env: ['SECRET'] } }
  db.prepare('UPDATE releases SET manifest = ?').run(JSON.stringify(wider))
  db.close()
}

test('verify sees that the kept manifest is not the signed one', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install()
  widen(attacked.home)
  const { ok, error } = await attacked.with((manager) => manager.verify('acme/hello'))
  assert.equal(ok, false)
  assert.equal(error?.code, 'MODIFIED')
  assert.match(error?.message ?? '', /plugin\.json/)
})

test('installing again brings the signed manifest back', async (t) => {
  const attacked = await AttackedHome.make(t)
  const path = await attacked.install()
  widen(attacked.home)
  await attacked.with(async (manager) => {
    await manager.remove('acme/hello', { purge: false })
    await manager.install(path, { consent: () => true })
    assert.equal((await manager.verify('acme/hello')).ok, true)
  })
})
