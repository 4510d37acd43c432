import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bundleOf, fileListOf } from '../../src/core/layout.ts'
import type { ConsentQuestion } from '../../src/index.ts'
import { grant, revoke, TrustFile } from '../../src/verify/index.ts'
import { authority } from '../helpers/authority.ts'
import { DAY, HELLO, UnsignedHome } from '../helpers/unsigned-home.ts'

const UNTIL = '2026-11-17T12:00:00.000Z'
const trustFileOf = (home: UnsignedHome) => new TrustFile(home.layout.trustFile, process.geteuid?.() ?? 0)

test('an unsigned plugin that is allowed by name is installed, says so everywhere, and may run', async (t) => {
  const home = new UnsignedHome(t)
  const asked: ConsentQuestion[] = []
  const consent = (question: ConsentQuestion) => asked.push(question) > 0
  const report = await home.install(undefined, undefined, { consent })
  assert.deepEqual([report.signers, report.unsignedUntil], [[], UNTIL])
  assert.deepEqual([asked.length, asked[0]?.unsignedUntil, asked[0]?.signers], [1, UNTIL, []])
  await home.with(async (manager) => {
    assert.equal(manager.list()[0]?.unsignedUntil, UNTIL)
    assert.equal((await manager.info(HELLO)).unsignedUntil, UNTIL)
    const { ok, unsignedUntil, signers, checks } = await manager.verify(HELLO)
    assert.deepEqual([ok, unsignedUntil, signers], [true, UNTIL, []])
    const results = Object.fromEntries(checks.map(({ check, result }) => [check, result]))
    assert.deepEqual([results.signature, results.validity, results.tree], ['not-applicable', 'pass', 'pass'])
    const [told] = manager.audit(HELLO, 100).filter(({ kind }) => kind === 'unsigned-allowed')
    assert.deepEqual(told?.details, { version: '1.0.0', sha256: report.sha256, until: UNTIL })
    manager.verifyAudit()
  })
  await home.plan()
  const release = await home.release()
  assert.equal(existsSync(bundleOf(release)), false)
  assert.equal(existsSync(fileListOf(release)), true)
})

test('a signed plugin says that it is not unsigned', async (t) => {
  const home = new UnsignedHome(t)
  const publisher = await authority()
  await trustFileOf(home).edit((document) => grant(document, { credential: publisher.key, pattern: 'acme/*' }))
  const { tarball, bundle } = publisher.publish()
  const path = home.tarball()
  writeFileSync(path, tarball)
  writeFileSync(`${path}.sigstore.json`, bundle)
  const report = await home.install(path)
  assert.deepEqual([report.signers, report.unsignedUntil], [[publisher.keyId], null])
  await home.with((manager) => {
    assert.equal(manager.list()[0]?.unsignedUntil, null)
    assert.deepEqual(
      manager.audit(HELLO, 100).filter(({ kind }) => kind === 'unsigned-allowed'),
      [],
    )
  })
  assert.equal(existsSync(fileListOf(await home.release())), false)
})

test('when its time is over it does not run, and verify says so; its row stays', async (t) => {
  const home = new UnsignedHome(t)
  await home.install()
  home.nowMs += 7 * DAY - 1
  await home.plan()
  home.nowMs += 1
  await assert.rejects(home.plan(), { code: 'UNSIGNED', exitCode: 3, message: /has expired/, hint: /plugins remove/ })
  await home.with(async (manager) => {
    const { ok, error, checks } = await manager.verify(HELLO)
    assert.deepEqual([ok, error?.code], [false, 'UNSIGNED'])
    assert.equal(checks.find(({ check }) => check === 'validity')?.result, 'fail')
    assert.equal(manager.list()[0]?.unsignedUntil, UNTIL)
  })
})

test('a rule that appears for its name stops it at once', async (t) => {
  for (const pattern of [HELLO, 'acme/*', '*/*']) {
    const home = new UnsignedHome(t)
    await home.install()
    const { key } = await authority()
    await trustFileOf(home).edit((document) => grant(document, { credential: key, pattern }))
    await assert.rejects(home.plan(), { code: 'UNSIGNED', message: /the rule for .* in trust\.json/ }, pattern)
  }
})

test('a revocation of its digest or of its release stops it at once, and keeps it from coming back', async (t) => {
  for (const by of ['digest', 'release'] as const) {
    const home = new UnsignedHome(t)
    const path = home.tarball()
    const { sha256 } = await home.install(path)
    const target = by === 'digest' ? `sha256:${sha256}` : `${HELLO}@1.0.0`
    await trustFileOf(home).edit((document) => revoke(document, { target, reason: 'stolen' }, new Date()))
    await assert.rejects(home.plan(), { code: 'RELEASE_REVOKED' }, by)
    await home.with((manager) => manager.remove(HELLO, { purge: false }))
    await assert.rejects(home.install(path), { code: 'RELEASE_REVOKED' }, by)
  }
})

test('the other rules of an install hold: consent, downgrade, other bytes under a version, scanners, the same bytes', async (t) => {
  const home = new UnsignedHome(t)
  await assert.rejects(home.install(undefined, undefined, { consent: () => false }), { code: 'CONSENT_REFUSED' })
  const path = home.tarball({ version: '2.0.0' })
  await home.install(path)
  await assert.rejects(home.install(path), { code: 'ALREADY_INSTALLED', hint: /plugins remove/ })
  await assert.rejects(home.install(home.tarball({ version: '1.0.0' })), { code: 'DOWNGRADE_REFUSED' })
  const other = home.tarball({ version: '2.0.0', files: { 'other.js': 'x' } })
  await assert.rejects(home.install(other), { code: 'VERSION_REPUBLISHED' })
  const damaged = home.tarball({ version: '3.0.0' })
  writeFileSync(damaged, readFileSync(damaged).subarray(0, -3))
  await assert.rejects(home.install(damaged), { code: 'ARCHIVE_MALFORMED' })
  const scanners = [{ name: 'no', command: [join('/usr/bin', 'false')] }]
  writeFileSync(home.layout.configFile, JSON.stringify({ scanners }), { mode: 0o600 })
  await assert.rejects(home.install(home.tarball({ version: '4.0.0' })), { code: 'SCANNER_REFUSED' })
  rmSync(home.layout.configFile)
  await home.install(home.tarball({ version: '4.0.0' }))
  await home.plan()
})

test('it is let in again by removing it first, and its new end holds', async (t) => {
  const home = new UnsignedHome(t)
  const path = home.tarball()
  await home.install(path, { name: HELLO, until: '1d' })
  home.nowMs += 2 * DAY
  await assert.rejects(home.plan(), { code: 'UNSIGNED' })
  await home.with((manager) => manager.remove(HELLO, { purge: false }))
  await home.install(path, { name: HELLO, until: '1d' })
  await home.plan()
})

test('a signed release takes the place of an unsigned one', async (t) => {
  const home = new UnsignedHome(t)
  await home.install()
  const publisher = await authority()
  await trustFileOf(home).edit((document) => grant(document, { credential: publisher.key, pattern: 'acme/*' }))
  const { tarball, bundle } = publisher.publish({ version: '1.1.0' })
  const path = home.tarball()
  writeFileSync(path, tarball)
  writeFileSync(`${path}.sigstore.json`, bundle)
  const report = await home.with((manager) => manager.install(path, { consent: () => true }))
  assert.deepEqual([report.replaced, report.unsignedUntil], ['1.0.0', null])
  await home.plan()
})

test('a large unsigned package is sealed like any other', async (t) => {
  const home = new UnsignedHome(t)
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`lib/${at}.js`, `${at}`]))
  await home.install(home.tarball({ files }))
  await home.plan()
  await home.plan()
})
