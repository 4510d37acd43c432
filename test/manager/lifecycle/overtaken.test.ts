// What another process does between a decision and the moment in which it comes true: found by `npm run hammer`.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { PluginName } from '../../../src/core/name.ts'
import { openManager, type PluginManager } from '../../../src/index.ts'
import { type Host, openHost } from '../../../src/manager/host.ts'
import { finishRemoval } from '../../../src/manager/recovery.ts'
import { purgeKept } from '../../../src/manager/remove.ts'
import { switchOver } from '../../../src/manager/switching.ts'
import { agree } from '../household.ts'
import { type Registered, registered, withManifest, writeData } from './registered.ts'

const HELLO = 'acme/hello' as PluginName
const versions = (manager: PluginManager) => manager.list().map(({ name, version }) => `${name} ${version}`)
const kinds = (manager: PluginManager) => manager.audit(HELLO, 1000).map(({ kind }) => kind)

/** One that is asked about. */
const wide = withManifest(HELLO, '2.1.0', { permissions: { network: ['api.example.com:443'] } })

/** Three versions in a registry, and somebody else at work on the same home. */
async function two(t: TestContext): Promise<{ house: Registered; other: PluginManager; host: Host }> {
  const house = await registered(t)
  await house.list(...['1.0.0', '1.1.0', '2.0.0'].map((version) => withManifest(HELLO, version, {})))
  const other = await openManager({ home: house.layout.home })
  const host = await openHost({ home: house.layout.home })
  t.after(async () => {
    host.store.close()
    await other.close()
  })
  return { house, other, host }
}

const install = (manager: PluginManager, version: string, consent: () => boolean | Promise<boolean> = agree) =>
  manager.installAll([`${HELLO}@${version}`], { consent, allowDowngrade: false })

test('a newer version that came and went while somebody agreed makes the older one a downgrade', async (t) => {
  const { house, other } = await two(t)
  const overtaken = install(house.manager, '1.0.0', async () => {
    await install(other, '2.0.0')
    await other.remove(HELLO, { purge: true })
    return true
  })
  await assert.rejects(overtaken, { code: 'DOWNGRADE_REFUSED' })
  assert.deepEqual(versions(house.manager), [])
})

test('a version that came to be kept while somebody agreed is gone back to, and brought in no second time', async (t) => {
  const { house, other } = await two(t)
  await house.list(wide)
  await install(house.manager, '1.0.0')
  let asked = 0
  await install(house.manager, '2.1.0', async () => {
    if (++asked > 1) return true
    await install(other, '2.1.0')
    await other.rollback(HELLO)
    return true
  })
  assert.deepEqual(versions(house.manager), ['acme/hello 2.1.0'])
  // Somebody had agreed to something else meanwhile.
  assert.equal(asked, 2)
  const arrivals = kinds(house.manager).filter((kind) => kind === 'installed' || kind === 'switched')
  assert.deepEqual(arrivals, ['installed', 'installed', 'switched'])
})

test('an update brings nothing back that was removed while somebody agreed', async (t) => {
  const { house, other } = await two(t)
  await install(house.manager, '1.0.0')
  await house.list(wide)
  const consent = async () => {
    await other.remove(HELLO, { purge: false })
    return true
  }
  await assert.rejects(house.manager.update([HELLO], { consent, mode: 'ask' }), { code: 'NOT_INSTALLED', exitCode: 4 })
  assert.deepEqual(versions(house.manager), [])
})

test('an update that another process has brought in meanwhile is no failure', async (t) => {
  const { house, other } = await two(t)
  await install(house.manager, '1.0.0')
  await house.list(wide)
  const consent = async () => {
    await other.update([HELLO], { consent: agree, mode: 'ask' })
    return true
  }
  const [result] = await house.manager.update([HELLO], { consent, mode: 'ask' })
  assert.deepEqual([result?.outcome, result?.to], ['current', null])
  assert.match(result?.reason ?? '', /another process/)
  assert.deepEqual(versions(house.manager), ['acme/hello 2.1.0'])
})

test('a way back is decided anew when another version has come, or the one that was kept is gone', async (t) => {
  const { house, other, host } = await two(t)
  await install(house.manager, '1.0.0')
  await install(house.manager, '1.1.0')
  const [kept, before] = [host.store.kept(HELLO)[0], host.store.find(HELLO)]
  assert.ok(kept !== undefined && before !== null)
  const stale = () => switchOver(host, { kept, before, way: 'back', restoresData: true }, {})
  await install(other, '2.0.0')
  await assert.rejects(stale(), { code: 'STORE_BUSY', message: /put another one in the place of 1\.1\.0/ })
  await other.rollback(HELLO)
  await finishRemoval(host, host.store.drop(kept))
  await assert.rejects(stale(), { code: 'STORE_BUSY', message: /has just removed 1\.0\.0/ })
  assert.deepEqual(versions(house.manager), ['acme/hello 1.1.0'])
  assert.deepEqual(
    house.raw((db) => db.prepare('SELECT * FROM changes').all()),
    [],
  )
})

test('what was left meanwhile is not enabled beside what has taken its place', async (t) => {
  const { house, host } = await two(t)
  await install(house.manager, '1.0.0')
  house.manager.disable(HELLO)
  const seen = host.store.find(HELLO)
  assert.ok(seen !== null)
  await install(house.manager, '1.1.0')
  const enabling = () => host.store.advance(seen, 'installed', 'enabled')
  assert.throws(enabling, { code: 'WRONG_STATE', message: 'cannot make acme/hello 1.0.0 installed: it is kept' })
})

test('what is on its way out is neither suspected nor repaired', async (t) => {
  const { house, other, host } = await two(t)
  await install(house.manager, '1.0.0')
  const installation = host.store.find(HELLO)
  assert.ok(installation !== null)
  const folder = join(house.layout.plugins, HELLO)
  const { verifyInstalled } = await import('../../../src/manager/verification.ts')
  // As far as another process has got: the row is going, and some of the files are gone.
  host.store.retire(installation, { purge: false })
  rmSync(join(folder, readdirSync(folder)[0] ?? ''), { recursive: true })
  assert.equal((await verifyInstalled(host, installation)).ok, false)
  await assert.rejects(other.verify(HELLO), { code: 'NOT_INSTALLED' })
  await assert.rejects(other.repair(HELLO), { code: 'NOT_INSTALLED' })
  assert.deepEqual((await other.repair(null)).releases, [])
  assert.equal(kinds(other).includes('modified'), false)
  assert.equal(existsSync(join(folder, 'root')), false)
})

test('of two that remove a plugin at once, one is told that it is gone', async (t) => {
  const { house, other, host } = await two(t)
  await install(house.manager, '1.0.0')
  const change = host.store.changes.begin(HELLO, 'repair')
  const both = [house.manager, other].map((manager) => manager.remove(HELLO, { purge: false }))
  setTimeout(() => host.store.changes.end(change), 300)
  const [done, failed] = (await Promise.allSettled(both)).sort((a, b) => a.status.localeCompare(b.status))
  assert.equal(done?.status, 'fulfilled')
  assert.equal(failed?.status === 'rejected' && failed.reason.code, 'NOT_INSTALLED')
})

test('data that a removal kept is not deleted under a plugin that has come back, nor by a dry run', async (t) => {
  const { house, host } = await two(t)
  await install(house.manager, '1.0.0')
  writeData(house, HELLO, 'precious')
  const state = join(house.layout.data(HELLO), 'files', 'state')
  await assert.rejects(purgeKept(host, HELLO, { purge: true }), { code: 'WRONG_STATE' })
  assert.ok(existsSync(state))
  await house.manager.remove(HELLO, { purge: false })
  const told = await house.manager.remove(HELLO, { purge: true, dryRun: true })
  assert.deepEqual([told.version, told.dataKept], [null, false])
  assert.ok(existsSync(state))
  await house.manager.remove(HELLO, { purge: true })
  assert.equal(existsSync(state), false)
})

test('a plugin that was updated while its removal waited is removed all the same', async (t) => {
  const { house, host, other } = await two(t)
  await install(house.manager, '1.0.0')
  const change = host.store.changes.begin(HELLO, 'repair')
  const updating = install(other, '2.0.0')
  const removing = new Promise((resolve) => setTimeout(resolve, 200)).then(() =>
    house.manager.remove(HELLO, { purge: false }),
  )
  setTimeout(() => host.store.changes.end(change), 600)
  const settled = await Promise.allSettled([updating, removing])
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'fulfilled'],
  )
  // Whichever was first: what is left is what the last one said.
  assert.ok(['', 'acme/hello 2.0.0'].includes(versions(house.manager).join()))
})
