import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HELLO, household } from '../../manager/household.ts'
import { pythonSpeaker } from '../../manager/loading/speakers.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const SLOW = pythonSpeaker(
  'import bulkhead_plugin, time\ntime.sleep(0.4)\nbulkhead_plugin.serve({"echo": lambda p, c: p})\n',
)

/** What nobody handles ends a host: here it is counted instead. */
function unhandled(context: { after(work: () => void): void }): unknown[] {
  const found: unknown[] = []
  const take = (error: unknown) => found.push(error)
  process.on('unhandledRejection', take)
  context.after(() => process.off('unhandledRejection', take))
  return found
}

test('a config.json that is broken while a plugin is loaded costs its host nothing', { skip }, async (t) => {
  const found = unhandled(t)
  const house = await household(t)
  await house.install(SLOW)
  const loading = house.manager.load(HELLO)
  while ((await house.manager.ps(HELLO)).length === 0) await sleep(10)
  writeFileSync(house.layout.configFile, '{ half of', { mode: 0o600 })
  const plugin = await loading
  assert.deepEqual(await plugin.call('echo', [1]), [1])
  await sleep(200)
  assert.deepEqual(found, [])
})

test('nor while one is held ready', { skip }, async (t) => {
  const found = unhandled(t)
  const house = await household(t)
  await house.install({
    ...SLOW,
    files: {
      ...SLOW.files,
      'plugin.json': JSON.stringify({ ...JSON.parse(String(SLOW.files?.['plugin.json'])), protocol: 'stdio' }),
    },
  })
  const warming = house.manager.warm(HELLO).catch(() => null)
  while ((await house.manager.ps(HELLO)).length === 0) await sleep(10)
  await sleep(30)
  writeFileSync(house.layout.configFile, '{ half of', { mode: 0o600 })
  await warming
  await sleep(200)
  assert.deepEqual(found, [])
})

test('what may not run any more is ended, whatever stands in config.json by then', { skip }, async (t) => {
  const house = await household(t)
  await house.install(SLOW)
  const plugin = await house.manager.load(HELLO)
  const told = new Promise((resolve) => plugin.once('revoked', resolve))
  writeFileSync(house.layout.configFile, '{ half of', { mode: 0o600 })
  const began = Date.now()
  house.manager.disable(HELLO)
  await told
  assert.ok(Date.now() - began < 5_000, `it took ${Date.now() - began} ms`)
  await assert.rejects(plugin.call('echo', [1]), { code: 'WRONG_STATE' })
})

test('a decision is seen within a second, however much else is written in the trail', { skip }, async (t) => {
  const house = await household(t)
  await house.install(SLOW)
  const plugin = await house.manager.load(HELLO)
  const told = new Promise((resolve) => plugin.once('revoked', resolve))
  // As a plugin would whose every denial is written down.
  house.raw((db) => {
    db.exec(
      `CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n`,
    )
    const [columns] = db
      .prepare(`SELECT group_concat(name) FROM pragma_table_info('events') WHERE name NOT IN ('id', 'subject', 'hash')`)
      .raw()
      .all() as string[][]
    db.exec(
      `INSERT INTO events (subject, hash, ${columns?.[0]}) SELECT 'acme/other', lower(hex(randomblob(32))), ${columns?.[0]} FROM n, (SELECT * FROM events LIMIT 1)`,
    )
  })
  const began = Date.now()
  house.manager.disable(HELLO)
  await told
  assert.ok(Date.now() - began < 5_000, `it took ${Date.now() - began} ms`)
})
