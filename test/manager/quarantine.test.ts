// What was revoked after it was installed is put away: it does not run, and keeps its data.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bundleOf } from '../../src/core/layout.ts'
import type { PluginName } from '../../src/core/name.ts'
import { revoke, TrustFile } from '../../src/verify/index.ts'
import { authority } from '../helpers/authority.ts'
import { UnsignedHome } from '../helpers/unsigned-home.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { HELLO, type Household, household, rewrite, trust } from './household.ts'
import { up, watchedHouse } from './watched.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const OTHER = 'acme/other' as PluginName
const uid = process.geteuid?.() ?? 0
const states = ({ manager }: Household) => manager.list().map(({ name, state }) => `${name} ${state}`)
const kinds = ({ manager }: Household, name: string = HELLO) => manager.audit(name, 50).map(({ kind }) => kind)
/** Behind the manager's back, as another home that shares the file would: nothing is put away by it. */
const revokeQuietly = ({ layout }: Household, target: string) =>
  new TrustFile(layout.trustFile, uid).edit((document) => revoke(document, { target, reason: 'stolen' }, new Date()))

async function two(t: Parameters<typeof household>[0]): Promise<Household> {
  const house = await household(t)
  await house.install()
  await house.install({ name: OTHER })
  return house
}

test('a revocation puts away what it hits, says why and since when, and leaves the rest alone', async (t) => {
  const house = await two(t)
  const revoked = await house.manager.trust.revoke({ target: 'acme/hello@<2.0.0', reason: 'leaks' })
  assert.deepEqual([revoked.affected, revoked.quarantined], [['acme/hello 1.0.0'], ['acme/hello 1.0.0']])
  assert.deepEqual([revoked.running, revoked.stopped, revoked.failures], [[], [], []])
  assert.deepEqual(states(house), ['acme/hello quarantined', 'acme/other installed'])
  const { quarantine } = await house.manager.info(HELLO)
  assert.equal(quarantine?.code, 'RELEASE_REVOKED')
  assert.match(quarantine?.reason ?? '', /acme\/hello@<2\.0\.0 was revoked at .*leaks/)
  assert.ok(Date.now() - (quarantine?.sinceMs ?? 0) < 60_000)
  await assert.rejects(house.manager.plan(HELLO), {
    code: 'WRONG_STATE',
    exitCode: 4,
    message: /cannot run acme\/hello 1\.0\.0: it is quarantined since .*leaks/,
    hint: /plugins enable acme\/hello/,
  })
  assert.equal((await house.manager.plan(OTHER)).name, OTHER)
})

test('revoking again puts nothing away twice, and still says what it hits', async (t) => {
  const house = await two(t)
  const ask = { target: house.publisher.keyId, reason: 'stolen' }
  assert.equal((await house.manager.trust.revoke(ask)).quarantined.length, 2)
  const again = await house.manager.trust.revoke(ask)
  assert.deepEqual([again.affected.length, again.quarantined.length], [2, 0])
  assert.equal(kinds(house).filter((kind) => kind === 'quarantined').length, 1)
})

test('what a revocation hits is read from the bundle on the disk, whatever the database says of signers', async (t) => {
  const house = await two(t)
  house.raw((db) => db.prepare("UPDATE releases SET signers = '[]'").run())
  const { affected } = await house.manager.trust.revoke({ target: house.publisher.keyId, reason: 'stolen' })
  assert.deepEqual(affected, ['acme/hello 1.0.0', 'acme/other 1.0.0'])
  const stranger = await authority()
  const none = await house.manager.trust.revoke({ target: stranger.keyId, reason: 'never' })
  assert.deepEqual(none.affected, [])
})

test('what is refused for another reason is not hit, until the revocation names it', async (t) => {
  const house = await two(t)
  rewrite(bundleOf(releaseOf(house)), '{}\n')
  const first = await house.manager.trust.revoke({ target: house.publisher.keyId, reason: 'stolen' })
  assert.deepEqual([first.affected, first.failures], [['acme/other 1.0.0'], []])
  const second = await house.manager.trust.revoke({ target: 'acme/other@1.0.0', reason: 'leaks' })
  assert.deepEqual([second.affected, second.quarantined], [['acme/other 1.0.0'], []])
})

test('a key that is revoked after it was removed puts away what it signed', async (t) => {
  const house = await two(t)
  const other = await authority()
  await trust(house.layout, other, 'zeta/*')
  await house.manager.trust.remove(house.publisher.keyId)
  const { affected } = await house.manager.trust.revoke({ target: house.publisher.keyId, reason: 'stolen' })
  assert.deepEqual(affected, ['acme/hello 1.0.0', 'acme/other 1.0.0'])
  assert.deepEqual(states(house), ['acme/hello quarantined', 'acme/other quarantined'])
})

test('what was let in without a signature is hit by its version, and by its bytes', async (t) => {
  for (const byDigest of [false, true]) {
    const home = new UnsignedHome(t)
    const { sha256 } = await home.install()
    await home.with(async ({ trust }) => {
      assert.deepEqual((await trust.revoke({ target: 'acme/hello@>1.0.0', reason: 'leaks' })).affected, [])
      const target = byDigest ? `sha256:${sha256}` : 'acme/hello@<=1.0.0'
      const { affected, quarantined } = await trust.revoke({ target, reason: 'leaks' })
      assert.deepEqual([affected, quarantined], [['acme/hello 1.0.0'], ['acme/hello 1.0.0']])
    })
    await assert.rejects(home.plan(), { code: 'WRONG_STATE', message: /quarantined/ })
    await home.with((manager) => assert.rejects(manager.enable(HELLO), { code: 'RELEASE_REVOKED' }))
  }
})

test('one plugin that cannot be examined is told, and the others are put away', async (t) => {
  const house = await two(t)
  const bundle = bundleOf(releaseOf(house))
  house.raw((db) => db.prepare("UPDATE plugins SET uid = NULL WHERE name = 'acme/hello'").run())
  const { affected, failures } = await house.manager.trust.revoke({ target: house.publisher.keyId, reason: 'stolen' })
  assert.deepEqual(affected, ['acme/other 1.0.0'])
  assert.equal(failures[0]?.subject, HELLO)
  assert.match(failures[0]?.message ?? '', /^cannot /)
  assert.ok(existsSync(bundle))
})

test('what runs goes on until it ends, and that is said; with stop it is ended', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const run = await up(t, house.manager, ['wait'])
  const first = await house.manager.trust.revoke({ target: 'acme/hello@1.0.0', reason: 'leaks' })
  assert.deepEqual(first.running, [{ name: HELLO, version: '1.0.0', run: run.run }])
  assert.equal((await house.manager.ps()).length, 1)
  await assert.rejects(house.manager.run(HELLO), { code: 'WRONG_STATE' })
  const second = await house.manager.trust.revoke({ target: 'acme/hello@1.0.0', reason: 'leaks', stop: true })
  assert.deepEqual(
    second.stopped.map((one) => one.run),
    [run.run],
  )
  assert.deepEqual([second.running, second.failures], [[], []])
  assert.equal((await run.outcome).outcome, 'signalled')
})

test('a run of a release that was replaced meanwhile is found, too', { skip }, async (t) => {
  const house = await watchedHouse(t)
  const run = await up(t, house.manager, ['wait'])
  await house.install({ version: '2.0.0' })
  const { affected, running } = await house.manager.trust.revoke({ target: 'acme/hello@1.0.0', reason: 'leaks' })
  assert.deepEqual([affected, running.map((one) => one.run)], [[], [run.run]])
  assert.deepEqual(states(house), ['acme/hello installed'])
  await house.manager.stop(HELLO)
})

test('a run that finds its release revoked puts it away; one that finds nobody trusted only refuses', async (t) => {
  const house = await two(t)
  const kept = readFileSync(house.layout.trustFile)
  rmSync(house.layout.trustFile)
  await assert.rejects(house.manager.plan(HELLO), { code: 'SIGNER_NOT_TRUSTED' })
  assert.deepEqual(states(house), ['acme/hello installed', 'acme/other installed'])
  writeFileSync(house.layout.trustFile, kept)
  await revokeQuietly(house, 'acme/hello@1.0.0')
  await assert.rejects(house.manager.plan(HELLO), { code: 'RELEASE_REVOKED' })
  assert.deepEqual(states(house), ['acme/hello quarantined', 'acme/other installed'])
  rewrite(join(house.packageOf(OTHER), 'main.js'), 'changed')
  await assert.rejects(house.manager.plan(OTHER), { code: 'MODIFIED' })
  assert.deepEqual(states(house), ['acme/hello quarantined', 'acme/other installed'])
})

test('verifying all with quarantine puts away what fails, once, and goes on with the others', async (t) => {
  const house = await two(t)
  await house.install({ name: 'acme/third' })
  rewrite(join(house.packageOf(HELLO), 'main.js'), 'changed')
  const told = await house.manager.verifyAll()
  assert.deepEqual(
    told.map(({ error, quarantine }) => [error?.code ?? 'OK', quarantine]),
    [
      ['MODIFIED', undefined],
      ['OK', undefined],
      ['OK', undefined],
    ],
  )
  assert.equal(states(house)[0], 'acme/hello installed')
  for (const isNew of [true, false]) {
    const results = await house.manager.verifyAll({ quarantine: true })
    assert.deepEqual(
      results.map(({ error, quarantine }) => [error?.code ?? 'OK', quarantine?.isNew]),
      [
        ['MODIFIED', isNew],
        ['OK', undefined],
        ['OK', undefined],
      ],
    )
  }
  assert.deepEqual(states(house), ['acme/hello quarantined', 'acme/other installed', 'acme/third installed'])
  assert.equal(kinds(house).filter((kind) => kind === 'quarantined').length, 1)
  assert.equal(house.manager.verifyAudit().count > 0, true)
})

test('what fails for a reason of this host is told and not put away', async (t) => {
  const house = await two(t)
  const only = async () => (await house.manager.verifyAll({ quarantine: true })).map(({ error }) => error?.code ?? 'OK')
  const untouched = ['acme/hello installed', 'acme/other installed']

  const policy = readFileSync(house.layout.trustFile)
  writeFileSync(house.layout.trustFile, '{')
  assert.deepEqual(await only(), ['POLICY_INVALID', 'POLICY_INVALID'])
  chmodSync(house.layout.trustFile, 0o666)
  assert.deepEqual(await only(), ['POLICY_UNSAFE', 'POLICY_UNSAFE'])
  chmodSync(house.layout.trustFile, 0o644)
  // Emptied by mistake, or gone: nobody is trusted, which says nothing about any plugin.
  rmSync(house.layout.trustFile)
  assert.deepEqual(await only(), ['SIGNER_NOT_TRUSTED', 'SIGNER_NOT_TRUSTED'])
  assert.deepEqual(states(house), untouched)

  writeFileSync(house.layout.trustFile, policy)
  const bundle = bundleOf(releaseOf(house))
  if (process.getuid?.() === 0) {
    // Reading the first byte of one's own memory fails as a disk does, with EIO.
    execFileSync('mount', ['--bind', `/proc/${process.pid}/mem`, bundle])
    try {
      assert.deepEqual(await only(), ['DISK_FAILED', 'OK'])
      assert.deepEqual(states(house), untouched)
      await assert.rejects(house.manager.plan(HELLO), { code: 'DISK_FAILED' })
    } finally {
      execFileSync('umount', [bundle])
    }
  } else {
    t.diagnostic('a disk that fails was left out: it needs root, to mount one in the place of a file')
  }
  renameSync(bundle, `${bundle}.away`)
  symlinkSync(`${bundle}.away`, bundle)
  assert.deepEqual(await only(), ['MODIFIED', 'OK'], 'a link in the place of the bundle is a change')
  rmSync(bundle)
  mkdirSync(bundle)
  assert.deepEqual(await only(), ['MODIFIED', 'OK'], 'a folder in the place of the bundle is a change')
  rmSync(bundle, { recursive: true })
  renameSync(`${bundle}.away`, bundle)
  await house.manager.enable(HELLO)
  assert.deepEqual(states(house), untouched)
})

test('a row that makes no sense spoils its own verification alone', async (t) => {
  const house = await two(t)
  house.raw((db) => db.prepare("UPDATE plugins SET uid = NULL WHERE name = 'acme/hello'").run())
  const results = await house.manager.verifyAll({ quarantine: true })
  assert.deepEqual(
    results.map(({ name, ok }) => [name, ok]),
    [
      [HELLO, false],
      [OTHER, true],
    ],
  )
})

test('a signer who is not trusted for it any more is a reason, where others are', async (t) => {
  const house = await two(t)
  await trust(house.layout, await authority(), 'acme/hello')
  const results = await house.manager.verifyAll({ quarantine: true })
  assert.deepEqual(
    results.map(({ error }) => error?.code ?? 'OK'),
    ['SIGNER_NOT_TRUSTED', 'OK'],
  )
  assert.deepEqual(states(house), ['acme/hello quarantined', 'acme/other installed'])
})

test('enabling verifies first: policy, and every file', async (t) => {
  const house = await two(t)
  const policy = readFileSync(house.layout.trustFile)
  await house.manager.trust.revoke({ target: 'acme/hello@1.0.0', reason: 'by mistake' })
  await assert.rejects(house.manager.enable(HELLO), { code: 'RELEASE_REVOKED' })
  // A revocation is taken back by hand.
  writeFileSync(house.layout.trustFile, policy)
  rewrite(join(house.packageOf(), 'main.js'), 'changed')
  await assert.rejects(house.manager.enable(HELLO), { code: 'MODIFIED' })
  assert.equal(states(house)[0], 'acme/hello quarantined')
  rewrite(join(house.packageOf(), 'main.js'), 'console.log("hello")\n')
  const enabled = await house.manager.enable(HELLO)
  assert.deepEqual([enabled.state, enabled.quarantine], ['installed', null])
  assert.equal((await house.manager.plan(HELLO)).name, HELLO)
  await assert.rejects(house.manager.enable(HELLO), { code: 'WRONG_STATE' })
})

test('what is in quarantine cannot be disabled, can be removed, and keeps its data', async (t) => {
  const house = await two(t)
  const data = house.layout.data(HELLO)
  mkdirSync(data, { recursive: true })
  writeFileSync(join(data, 'kept'), 'mine')
  await house.manager.trust.revoke({ target: house.publisher.keyId, reason: 'stolen' })
  assert.throws(() => house.manager.disable(HELLO), { code: 'WRONG_STATE', message: /cannot disable .*quarantined/ })
  const removed = await house.manager.remove(HELLO, { purge: false })
  assert.equal(removed.dataKept, true)
  assert.equal(readFileSync(join(data, 'kept'), 'utf8'), 'mine')
  assert.deepEqual(states(house), ['acme/other quarantined'])
})

test('another version takes the place of one in quarantine when it is good, and its data stays', async (t) => {
  const house = await two(t)
  const data = house.layout.data(HELLO)
  mkdirSync(data, { recursive: true })
  writeFileSync(join(data, 'kept'), 'mine')
  await house.manager.trust.revoke({ target: 'acme/hello@<1.0.1', reason: 'leaks' })
  await assert.rejects(house.install({ version: '1.0.1-rc.1' }), { code: 'RELEASE_REVOKED' })
  assert.equal(states(house)[0], 'acme/hello quarantined')
  const report = await house.install({ version: '1.0.1' })
  assert.equal(report.replaced, '1.0.0')
  assert.equal(states(house)[0], 'acme/hello installed')
  assert.equal((await house.manager.info(HELLO)).quarantine, null)
  assert.equal(readFileSync(join(data, 'kept'), 'utf8'), 'mine')
})

test('verify says of what is in quarantine that it is, good or not', async (t) => {
  const house = await two(t)
  const policy = readFileSync(house.layout.trustFile)
  await house.manager.trust.revoke({ target: 'acme/hello@1.0.0', reason: 'by mistake' })
  const refused = await house.manager.verify(HELLO)
  assert.deepEqual([refused.ok, refused.quarantine?.code], [false, 'RELEASE_REVOKED'])
  writeFileSync(house.layout.trustFile, policy)
  for (const one of [await house.manager.verify(HELLO), (await house.manager.verifyAll({ quarantine: true }))[0]])
    assert.deepEqual([one?.ok, one?.quarantine?.isNew], [true, false])
  assert.equal(states(house)[0], 'acme/hello quarantined', 'only enable takes it out')
  assert.equal((await house.manager.verify(OTHER)).quarantine, undefined)
})

function releaseOf(house: Household, name = HELLO): string {
  return join(house.packageOf(name), '../..')
}
