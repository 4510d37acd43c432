// A trail in the hands of whoever can write the database: each change shows, to the chain alone or to a head that was
// kept elsewhere.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { formatAuditHead } from '../../../src/index.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'

interface Row {
  id: number
  at_ms: number
  kind: string
  subject: string
  details: string
  previous: string
  hash: string
}

const UNGUARD = 'DROP TRIGGER events_append_only_update; DROP TRIGGER events_append_only_delete;'

/** A home with a trail, its head kept elsewhere, and then `attack` on the file. */
async function attacked(t: TestContext, attack: (db: Database.Database) => void) {
  const home = await AttackedHome.make(t)
  await home.install({ version: '1.0.0' })
  await home.install({ version: '1.1.0' })
  await home.with((manager) => manager.trust.revoke({ target: 'acme/hello@1.0.0', reason: 'has a hole' }))
  const head = await home.with((manager) => formatAuditHead(manager.verifyAudit()))
  const db = new Database(join(home.home, 'bulkhead.db'))
  attack(db)
  db.close()
  const refusalOf = (kept?: string) =>
    home.with((manager) => {
      try {
        manager.verifyAudit(kept)
        return null
      } catch (error) {
        return error as Error & { code: string }
      }
    })
  return { home, chain: await refusalOf(), kept: await refusalOf(head), head }
}

/** Every hash computed as the program computes it: what an attacker who has read the source does. */
function recompute(db: Database.Database): void {
  let previous = '0'.repeat(64)
  for (const row of db.prepare('SELECT * FROM events ORDER BY id').all() as Row[]) {
    const text = JSON.stringify([previous, row.id, row.at_ms, row.kind, row.subject, row.details])
    const hash = createHash('sha256').update(text).digest('hex')
    db.prepare('UPDATE events SET previous = ?, hash = ? WHERE id = ?').run(previous, hash, row.id)
    previous = hash
  }
}

test('a trail that was left alone holds, and leads through the kept head when it has gone on', async (t) => {
  const { home, chain, kept, head } = await attacked(t, () => {})
  assert.deepEqual([chain, kept], [null, null])
  await home.install({ name: 'acme/other' })
  await home.with((manager) => assert.notEqual(formatAuditHead(manager.verifyAudit(head)), head))
})

test('a trail that was cut holds by itself; the kept head says how much is missing', async (t) => {
  const { chain, kept, head } = await attacked(t, (db) => db.exec(`${UNGUARD} DELETE FROM events WHERE id > 2`))
  assert.equal(chain, null)
  assert.equal(kept?.code, 'AUDIT_BROKEN')
  assert.match(
    kept?.message ?? '',
    new RegExp(`it has 2 events and had ${head.split(':')[0]}: it was cut after event 2`),
  )
})

test('a trail that was cut and has grown again to its length has another hash there', async (t) => {
  const { home, head } = await attacked(t, (db) => db.exec(`${UNGUARD} DELETE FROM events WHERE id > 3`))
  await home.with(async (manager) => {
    for (let n = 0; n < 8; n++) await manager.trust.revoke({ target: `acme/none@1.0.${n}`, reason: 'noise' })
    manager.verifyAudit()
    assert.throws(() => manager.verifyAudit(head), {
      code: 'AUDIT_BROKEN',
      message: /expected .*, found .*written anew/,
    })
  })
})

test('a trail that was emptied is not an empty one to the kept head', async (t) => {
  const { chain, kept } = await attacked(t, (db) => db.exec(`${UNGUARD} DELETE FROM events`))
  assert.equal(chain, null)
  assert.match(kept?.message ?? '', /it has 0 events/)
})

test('an event that was changed, with every hash computed anew, holds by itself and not before the kept head', async (t) => {
  const { chain, kept } = await attacked(t, (db) => {
    db.exec(`${UNGUARD} UPDATE events SET subject = 'acme/innocent' WHERE id = 1`)
    recompute(db)
  })
  assert.equal(chain, null)
  assert.equal(kept?.code, 'AUDIT_BROKEN')
  assert.match(kept?.message ?? '', /written anew/)
})

test('an event that was taken out, with the rest moved up and computed anew, shows at the kept head', async (t) => {
  const { chain, kept } = await attacked(t, (db) => {
    db.exec(`${UNGUARD} DELETE FROM events WHERE id = 2; UPDATE events SET id = id - 1 WHERE id > 2`)
    recompute(db)
  })
  assert.equal(chain, null)
  assert.match(kept?.message ?? '', /it was cut after event/)
})

for (const [what, sql] of [
  ['changed', "UPDATE events SET details = '{}' WHERE id = 2"],
  ['taken out', 'DELETE FROM events WHERE id = 2'],
  [
    'put elsewhere',
    'UPDATE events SET id = -1 WHERE id = 2; UPDATE events SET id = 2 WHERE id = 3; UPDATE events SET id = 3 WHERE id = -1',
  ],
] as const) {
  test(`an event that was ${what} past the triggers shows without any head, and with one`, async (t) => {
    const { chain, kept } = await attacked(t, (db) => db.exec(`${UNGUARD} ${sql}`))
    assert.equal(chain?.code, 'AUDIT_BROKEN')
    assert.equal(kept?.code, 'AUDIT_BROKEN')
    assert.match(chain?.message ?? '', /event 2/)
  })
}

test('the head of a trail that does not hold is not given out', async (t) => {
  const { home } = await attacked(t, (db) => db.exec(`${UNGUARD} UPDATE events SET details = '{}' WHERE id = 2`))
  await home.with((manager) => assert.rejects(manager.sendAuditHead(), { code: 'AUDIT_BROKEN' }))
})
