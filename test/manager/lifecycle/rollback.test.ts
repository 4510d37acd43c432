import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { openManager } from '../../../src/index.ts'
import { revoke, TrustFile } from '../../../src/verify/index.ts'
import { agree, HELLO, type Household, household, rewrite } from '../household.ts'
import { registered, withManifest, writeData } from './registered.ts'

const stateOf = (house: Household): string => readFileSync(join(house.layout.data(HELLO), 'files', 'state'), 'utf8')

test('going back brings the version and its data as it was, and going forth again those of then', async (t) => {
  const house = await household(t)
  await house.install({ version: '1.0.0' })
  writeData(house, HELLO, 'of one')
  await house.install({ version: '2.0.0' })
  writeData(house, HELLO, 'of two')

  const back = await house.manager.rollback(HELLO)
  assert.deepEqual([back.version, back.replaced, back.data], ['1.0.0', '2.0.0', 'restored'])
  assert.equal(stateOf(house), 'of one')
  assert.deepEqual([house.manager.list()[0]?.version, house.manager.list()[0]?.kept], ['1.0.0', ['2.0.0']])

  const forth = await house.manager.rollback(HELLO, { to: '2.0.0' })
  assert.equal(forth.data, 'restored')
  assert.equal(stateOf(house), 'of two')
  await house.manager.rollback(HELLO, { keepData: true })
  assert.equal(stateOf(house), 'of two', 'data that is to stay stays')
})

test('what is not kept cannot be gone back to, and what is kept is named', async (t) => {
  const house = await household(t)
  await house.install({ version: '1.0.0' })
  await assert.rejects(house.manager.rollback(HELLO), { code: 'NOTHING_KEPT', exitCode: 4 })
  await house.install({ version: '2.0.0' })
  await assert.rejects(house.manager.rollback(HELLO, { to: '1.5.0' }), {
    code: 'NOTHING_KEPT',
    message: /kept are 1\.0\.0/,
  })
})

test('a kept version is judged by the trust of today, every file of it', async (t) => {
  const house = await household(t)
  await house.install({ version: '1.0.0', files: { 'lib/a.js': 'x' } })
  const old = house.packageOf()
  await house.install({ version: '2.0.0' })
  rewrite(join(old, 'lib/a.js'), 'y')
  const before = house.manager.list()
  await assert.rejects(house.manager.rollback(HELLO), { code: 'MODIFIED' })
  rewrite(join(old, 'lib/a.js'), 'x')
  const trustFile = new TrustFile(house.layout.trustFile, process.geteuid?.() ?? 0)
  await trustFile.edit((document) => revoke(document, { target: `${HELLO}@1.0.0`, reason: 'holes' }, new Date()))
  await assert.rejects(house.manager.rollback(HELLO), { code: 'RELEASE_REVOKED' })
  assert.deepEqual(house.manager.list(), before)
})

test('nobody is updated again to what was gone back from, unless it is named', async (t) => {
  const house = await registered(t)
  await house.list(withManifest(HELLO, '1.0.0', {}), withManifest(HELLO, '2.0.0', {}))
  await house.manager.install(`${HELLO}@1.0.0`, { consent: agree })
  await house.manager.updateAll({ mode: 'hold' })
  await house.manager.rollback(HELLO)
  const [again] = await house.manager.updateAll({ mode: 'hold' })
  assert.deepEqual([again?.outcome, again?.passedOver[0]?.version], ['current', '2.0.0'])
  assert.match(again?.reason ?? '', /rolled back/)
  const [named] = await house.manager.update([HELLO], { to: '2.0.0' })
  assert.equal(named?.outcome, 'updated')
})

test('a disabled plugin is disabled after going back, and a quarantined one runs by that', async (t) => {
  const house = await household(t)
  await house.install({ version: '1.0.0' })
  await house.install({ version: '2.0.0' })
  house.manager.disable(HELLO)
  await house.manager.rollback(HELLO)
  assert.equal(house.manager.list()[0]?.state, 'disabled')
  await house.manager.enable(HELLO)
  await house.manager.rollback(HELLO, { to: '2.0.0' })
  const trustFile = new TrustFile(house.layout.trustFile, process.geteuid?.() ?? 0)
  await trustFile.edit((document) => revoke(document, { target: `${HELLO}@2.0.0`, reason: 'holes' }, new Date()))
  await house.manager.verifyAll({ quarantine: true })
  assert.equal(house.manager.list()[0]?.state, 'quarantined')
  await house.manager.rollback(HELLO)
  assert.deepEqual([house.manager.list()[0]?.state, house.manager.list()[0]?.version], ['installed', '1.0.0'])
  await assert.rejects(house.manager.rollback(HELLO, { to: '2.0.0' }), { code: 'RELEASE_REVOKED' })
})

test('the very release that is kept is gone back to when it is installed again, and not unpacked a second time', async (t) => {
  const house = await household(t)
  const one = house.publish({ version: '1.0.0' })
  await house.manager.install(one, { consent: agree })
  const tree = house.packageOf()
  await house.install({ version: '2.0.0' })
  writeFileSync(join(tree, '..', '..', 'MARK'), '')
  const report = await house.manager.install(one, { consent: agree, allowDowngrade: true })
  assert.deepEqual([report.version, report.replaced], ['1.0.0', '2.0.0'])
  assert.equal(existsSync(join(tree, '..', '..', 'MARK')), true)
})

test('a kept release that is installed again comes from where it is asked for this time; one that is gone back to stays what it was', async (t) => {
  const house = await registered(t)
  await house.list(withManifest(HELLO, '1.0.0', {}), withManifest(HELLO, '2.0.0', {}))
  const origin = async () => {
    const { version, source, asked } = await house.manager.info(HELLO)
    return [version, source, asked]
  }
  await house.manager.install(house.publish(withManifest(HELLO, '1.0.0', {})), { consent: agree })
  await house.manager.install(`${HELLO}@^2`, { consent: agree })
  await house.manager.rollback(HELLO)
  assert.deepEqual(await origin(), ['1.0.0', null, null])
  await house.manager.install(`${HELLO}@2.0.0`, { consent: agree })
  assert.deepEqual(await origin(), ['2.0.0', 'main', '2.0.0'])
  await house.manager.install(`${HELLO}@1.0.0`, { consent: agree, allowDowngrade: true })
  assert.deepEqual(await origin(), ['1.0.0', 'main', '1.0.0'])
})

test('a removal takes every version, and with purge their data and the user id', async (t) => {
  const house = await household(t)
  await house.install({ version: '1.0.0' })
  writeData(house, HELLO, 'of one')
  await house.install({ version: '2.0.0' })
  assert.equal(existsSync(join(house.layout.snapshots(HELLO))), true)
  await house.manager.remove(HELLO, { purge: true })
  const { layout } = house
  for (const path of [layout.snapshots(HELLO), dirname(layout.data(HELLO)), join(layout.plugins, 'acme')])
    assert.equal(existsSync(path), false, path)
  const rows = house.raw((db) =>
    db
      .prepare(
        'SELECT (SELECT count(*) FROM installations) + (SELECT count(*) FROM snapshots) + (SELECT count(*) FROM changes) + (SELECT count(*) FROM plugins WHERE uid IS NOT NULL) AS n',
      )
      .get(),
  )
  assert.deepEqual(rows, { n: 0 })
})

test('the folder of a namespace stays as long as another plugin has data in it', async (t) => {
  const house = await household(t)
  await house.install({ name: HELLO })
  await house.install({ name: 'acme/other' })
  for (const name of [HELLO, 'acme/other']) writeData(house, name, 'kept')
  await house.manager.remove(HELLO, { purge: true })
  assert.equal(existsSync(house.layout.data(HELLO)), false)
  assert.equal(existsSync(house.layout.data('acme/other' as never)), true)
})

test('what was interrupted is undone by the next command, which says so in a sentence', async (t) => {
  const house = await household(t)
  await house.install({ version: '1.0.0' })
  const before = house.state()
  house.raw((db) => {
    db.prepare("INSERT INTO changes (name, kind, holder, started_at_ms) VALUES (?, 'update', '1:1:gone', 1)").run(HELLO)
    db.prepare("INSERT INTO steps (change_id, position, step, undo) SELECT id, 1, 'x', ? FROM changes").run(
      JSON.stringify({ undo: 'drop-snapshot', folder: '1.0.0-000000000000' }),
    )
  })
  const said: string[] = []
  const { formatRecovered } = await import('../../../src/index.ts')
  const manager = await openManager({
    home: house.layout.home,
    onRecovered: (recovered) => said.push(formatRecovered(recovered)),
  })
  await manager.close()
  assert.deepEqual(said, ['the update of acme/hello was interrupted: it is undone, and everything is as it was before'])
  assert.deepEqual(house.state(), before)
})
