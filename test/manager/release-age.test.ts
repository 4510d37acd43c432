import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import type { AgeOptions } from '../../src/manager/release-age.ts'
import { assertOldEnough } from '../../src/manager/release-age.ts'
import { asking, configure, onHost, verified } from './consenting.ts'
import { agree, HELLO, type Household, household } from './household.ts'

const DAY = 86_400_000
const iso = (ms: number) => new Date(ms).toISOString()
const published = (daysAgo: number, version = '1.0.0') =>
  asking(version, {}, { publishedAt: iso(Date.now() - daysAgo * DAY) })

const judged = (house: Household, path: string, options: AgeOptions = {}) =>
  onHost(house.layout, async (host) => assertOldEnough(host, (await verified(host, path)).verified, options))

test('without an age in config.json, what was published a moment ago is installed', async (t) => {
  const house = await household(t)
  assert.equal((await house.install(published(0))).version, '1.0.0')
})

test('a release that is too young is refused with what is left and the ways past it; a file as well as another', async (t) => {
  const house = await household(t)
  configure(house.layout, { updates: { minimumAge: '7d' } })
  await house.reopen()
  const before = house.state()
  await assert.rejects(house.install(published(2)), {
    code: 'RELEASE_TOO_YOUNG',
    exitCode: 3,
    message:
      /^cannot install acme\/hello 1\.0\.0: expected a release that has been out for 7d, found one out for 2d .*says its publisher\); 4d 23h are left \(from .*Z\)$/,
    hint: /--security-update REASON.*updates\.exempt/,
  })
  assert.deepEqual(house.state(), before)
  assert.equal(house.manager.audit(null, 1)[0]?.details.code, 'RELEASE_TOO_YOUNG')
  assert.equal((await house.install(published(8))).version, '1.0.0')
})

test('the latest word counts: of the publisher, of the registry', async (t) => {
  const house = await household(t)
  configure(house.layout, { updates: { minimumAge: '7d' } })
  const old = house.publish(published(90))
  await judged(house, old)
  await judged(house, old, { listed: { listedAtMs: Date.now() - 8 * DAY } })
  await judged(house, old, { listed: { listedAtMs: null } })
  await assert.rejects(judged(house, old, { listed: { listedAtMs: Date.now() - DAY } }), {
    code: 'RELEASE_TOO_YOUNG',
    message: /out for 1d .*says the registry/,
  })
})

test('a security update comes in at once, with its reason and who gave it in the trail', async (t) => {
  const house = await household(t)
  configure(house.layout, { updates: { minimumAge: '7d' } })
  await house.reopen()
  const path = house.publish(published(0))
  await assert.rejects(house.manager.install(path, { consent: agree, securityUpdate: '' }), { code: 'USAGE' })
  await house.manager.install(path, { consent: agree, securityUpdate: 'CVE-2026-1234' })
  const event = house.manager.audit(HELLO, 10).find(({ kind }) => kind === 'security-update')
  assert.deepEqual([event?.details.reason, event?.details.version], ['CVE-2026-1234', '1.0.0'])
  assert.deepEqual(event?.details.who, house.manager.approvals().approvals[0]?.who)
  await house.manager.install(house.publish(published(9, '1.1.0')), { consent: agree, securityUpdate: 'CVE-2026-1235' })
  const all = house.manager.audit(HELLO, 50).filter(({ kind }) => kind === 'security-update')
  assert.equal(all.length, 1, 'nothing was passed by where it was old enough')
})

test('an exempt pattern need not wait; another pattern must', async (t) => {
  const house = await household(t)
  const path = house.publish(published(0))
  configure(house.layout, { updates: { minimumAge: '7d', exempt: ['acme/*'] } })
  await judged(house, path)
  configure(house.layout, { updates: { minimumAge: '7d', exempt: ['other/*'] } })
  await assert.rejects(judged(house, path), { code: 'RELEASE_TOO_YOUNG' })
})

test('of what nobody signed no age is asked: it is let in by name and for a time', async (t) => {
  const house = await household(t)
  configure(house.layout, { updates: { minimumAge: '7d' } })
  await house.reopen()
  rmSync(house.layout.trustFile)
  const path = house.publish(published(0))
  rmSync(`${path}.sigstore.json`)
  const allowUnsigned = { name: HELLO, until: '1d' }
  assert.equal((await house.manager.install(path, { consent: agree, allowUnsigned })).version, '1.0.0')
})
