// Somebody who could write below the home for a moment leaves a release there that looks like ours. Nothing takes it for one:
// repair adopts nothing, gc takes it away, and an update takes none of its files.

import assert from 'node:assert/strict'
import { cpSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bundleOf, packageOf } from '../../../src/core/layout.ts'
import type { PluginName } from '../../../src/core/name.ts'
import { collect } from '../../../src/manager/gc.ts'
import { openHost } from '../../../src/manager/host.ts'
import { repair } from '../../../src/manager/repair.ts'
import { HELLO, household } from '../../manager/household.ts'

const OTHER = 'acme/other' as PluginName
const LIBRARY = 'a'.repeat(20_000)

async function attacked(t: TestContext) {
  const house = await household(t)
  await house.install({ files: { 'lib.js': LIBRARY, 'main.js': 'one()' } })
  await house.install({ name: OTHER, files: { 'lib.js': LIBRARY, 'main.js': 'other()' } })
  await sleep(30)
  const host = await openHost({ home: house.layout.home })
  t.after(() => host.store.close())
  const release = dirname(dirname(house.packageOf()))
  const other = dirname(dirname(house.packageOf(OTHER)))
  return { house, host, release, other }
}

test('a whole release of another plugin, validly signed, in the place of one that is gone is not taken for it', async (t) => {
  const { house, host, release, other } = await attacked(t)
  rmSync(release, { recursive: true })
  cpSync(other, release, { recursive: true, verbatimSymlinks: true })
  const { releases } = await repair(host, HELLO)
  assert.deepEqual([releases[0]?.outcome, releases[0]?.error?.code], ['failed', 'REPAIR_FAILED'])
  assert.equal((await house.manager.verify(HELLO)).ok, false)
  await assert.rejects(house.manager.plan(HELLO), { exitCode: 3 })
})

test('the bundle of another plugin, in the place of its own, repairs nothing', async (t) => {
  const { host, release, other } = await attacked(t)
  writeFileSync(bundleOf(release), readFileSync(bundleOf(other)))
  const { releases } = await repair(host, HELLO)
  assert.deepEqual([releases[0]?.outcome, releases[0]?.error?.code], ['failed', 'REPAIR_FAILED'])
})

test('a planted version is adopted by nobody: repair tells it, gc takes it away', async (t) => {
  const { house, host, release } = await attacked(t)
  const planted = join(dirname(release), '9.9.9-0123456789ab')
  cpSync(release, planted, { recursive: true, verbatimSymlinks: true })
  const { strangers, releases } = await repair(host, HELLO)
  assert.deepEqual([strangers.map(({ path }) => path), releases.map(({ outcome }) => outcome)], [[planted], ['good']])
  assert.deepEqual(
    house.manager.list().map(({ version }) => version),
    ['1.0.0', '1.0.0'],
  )
  const { collected } = await collect(host)
  assert.deepEqual(
    collected.map(({ path }) => path),
    [planted],
  )
  assert.equal(existsSync(planted), false)
})

test('a file is not put right with one of the same digest of another plugin', async (t) => {
  const { host, release } = await attacked(t)
  rmSync(join(packageOf(release), 'lib.js'))
  const { releases } = await repair(host, HELLO)
  assert.equal(releases[0]?.outcome, 'failed', 'plugins share nothing with each other')
})

test('a namespace that was made a link is followed by neither', async (t) => {
  const { house, host, release } = await attacked(t)
  const namespace = join(house.layout.plugins, 'acme')
  const elsewhere = join(house.layout.home, '../elsewhere')
  renameSync(namespace, elsewhere)
  symlinkSync(elsewhere, namespace)
  writeFileSync(join(packageOf(release), 'main.js'), 'evil()')
  const planted = join(elsewhere, 'hello/9.9.9-0123456789ab')
  cpSync(join(elsewhere, 'hello', release.slice(dirname(release).length)), planted, {
    recursive: true,
    verbatimSymlinks: true,
  })
  const { collected, foreign } = await collect(host)
  assert.deepEqual([collected, foreign], [[], [namespace]])
  const { releases } = await repair(host, HELLO)
  assert.match(releases[0]?.error?.message ?? '', /is a link, or no folder$/)
  assert.equal(existsSync(planted), true)
  assert.equal(
    readFileSync(join(elsewhere, 'hello', release.slice(dirname(release).length), 'root/plugin/main.js'), 'utf8'),
    'evil()',
  )
})
