import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { asking, configure, decided, never, onHost } from './consenting.ts'
import { agree, HELLO, type Household, household, manifestOf, questions } from './household.ts'

const WANTS = {
  permissions: { network: ['api.example.com:443'], read: ['/usr/share/zoneinfo'], env: ['TOKEN'] },
  limits: { memory: '512M' },
}
const GRANTS = ['network=*.example.com:443', 'read=/usr/share/zoneinfo', 'env=TOKEN', 'limit=memory:1G']

const way = async (house: Household, path: string, options: Parameters<typeof decided>[2]) => {
  const decision = await decided(house.layout, path, options)
  return decision.kind === 'agreed' ? decision.way : decision.kind
}

test('an update that asks for nothing more is agreed to without a question, less as well', async (t) => {
  const house = await household(t)
  await house.install(asking('1.0.0', WANTS))
  assert.equal(await way(house, house.publish(asking('1.1.0', WANTS)), { consent: never }), 'unchanged')
  assert.equal(await way(house, house.publish(asking('1.2.0')), { consent: never }), 'unchanged')
  await house.manager.install(house.publish(asking('1.1.0', WANTS)), { consent: never })
  assert.deepEqual(
    house.manager.approvals(HELLO).approvals.map((one) => [one.version, one.way]),
    [
      ['1.1.0', 'unchanged'],
      ['1.0.0', 'asked'],
    ],
  )
})

test('an update that asks for more is asked about: the question has what is more, and all of it', async (t) => {
  const house = await household(t)
  await house.install(asking('1.0.0', { permissions: { env: ['TOKEN'] } }))
  const { asked, consent } = questions()
  await house.manager.install(house.publish(asking('1.1.0', { ...WANTS, hooks: { postinstall: { path: 'bin/x' } } })), {
    consent,
  })
  const [question] = asked
  assert.deepEqual(question?.added, { network: ['api.example.com:443'], read: ['/usr/share/zoneinfo'], env: [] })
  assert.deepEqual(question.widening?.permissions, question.added)
  assert.deepEqual(
    question.widening?.limits.map(({ limit }) => limit),
    ['memoryBytes'],
  )
  assert.deepEqual([question.widening?.hooks, question.hooks], [['postinstall'], ['postinstall']])
  assert.deepEqual(question.missing, question.widening)
  assert.deepEqual(question.replaces?.version, '1.0.0')
  assert.equal(question.sha256, house.manager.list()[0]?.sha256)
})

test('what was agreed to before it was removed is asked about again', async (t) => {
  const house = await household(t)
  await house.install(asking('1.0.0', WANTS))
  await house.manager.remove(HELLO, { purge: false })
  const { asked, consent } = questions()
  await house.manager.install(house.publish(asking('1.0.0', WANTS)), { consent })
  assert.deepEqual([asked.length, asked[0]?.widening, asked[0]?.missing?.permissions.env], [1, null, ['TOKEN']])
})

test('grants that cover all of it agree, at a first install and at an update', async (t) => {
  const house = await household(t)
  const path = house.publish(asking('1.0.0', WANTS))
  assert.equal(await way(house, path, { consent: never, grants: GRANTS }), 'granted')
  await house.install(asking('0.9.0'))
  assert.equal(await way(house, path, { consent: never, grants: GRANTS }), 'granted')
  assert.equal(await way(house, path, { consent: never, grants: GRANTS, mode: 'hold' }), 'granted')
})

test('what grants do not cover is asked, or refused by name where nobody can be asked', async (t) => {
  const house = await household(t)
  const path = house.publish(asking('1.0.0', WANTS))
  const grants = ['network=api.example.com:443', 'limit=memory:512M']
  const { asked, consent } = questions()
  assert.equal(await way(house, path, { consent, grants }), 'asked')
  assert.deepEqual(asked[0]?.missing?.permissions, { network: [], read: ['/usr/share/zoneinfo'], env: ['TOKEN'] })
  assert.deepEqual(asked[0]?.missing?.limits, [])
  for (const [nobody, how] of [
    [undefined, '--yes, in a host application `consent: () => true`,'],
    [() => null, '--yes'],
  ] as const) {
    await assert.rejects(decided(house.layout, path, { grants, consent: nobody }), {
      code: 'CONSENT_NEEDED',
      exitCode: 2,
      message: /agreed to: reads \/usr\/share\/zoneinfo; environment TOKEN$/,
      hint: `${how} agrees to what it asks for; --grant read=/usr/share/zoneinfo --grant env=TOKEN to no more than that`,
    })
  }
})

test('the policy of config.json agrees to what its one entry names, and to a plugin that asks for nothing', async (t) => {
  const house = await household(t)
  const entry = {
    network: ['*.example.com:443'],
    read: ['/usr/share/zoneinfo'],
    env: ['TOKEN'],
    limits: { memory: '512M' },
  }
  const path = house.publish(asking('1.0.0', WANTS))
  configure(house.layout, { consent: { 'acme/*': entry } })
  assert.equal(await way(house, path, { consent: never }), 'policy')
  assert.equal(await way(house, house.publish(asking('1.0.0')), { consent: never }), 'policy')
  configure(house.layout, { consent: { 'acme/*': entry, [HELLO]: { env: ['TOKEN'] } } })
  await assert.rejects(decided(house.layout, path, {}), {
    code: 'CONSENT_NEEDED',
    message: /agreed to: network api\.example\.com:443; reads \/usr\/share\/zoneinfo; memory 512M, was 128M$/,
  })
  assert.equal(
    await way(house, path, { consent: never, grants: GRANTS.slice(0, 2).concat('limit=memory:512M') }),
    'policy',
  )
})

test('a file that is named takes the place of config.json, and must be as safe', async (t) => {
  const house = await household(t)
  const path = house.publish(asking('1.0.0', { permissions: { env: ['TOKEN'] } }))
  configure(house.layout, { consent: { 'acme/*': { env: ['TOKEN'] } } })
  const file = join(house.layout.home, 'consent.json')
  writeFileSync(file, JSON.stringify({ 'other/*': { env: ['TOKEN'] } }), { mode: 0o600 })
  await assert.rejects(decided(house.layout, path, { consentFile: file }), { code: 'CONSENT_NEEDED' })
  writeFileSync(file, JSON.stringify({ 'acme/*': { env: ['TOKEN'] } }))
  const decision = await decided(house.layout, path, { consent: never, consentFile: file })
  assert.match((decision.kind === 'agreed' && decision.by) || '', /consent\.json \(sha256:[0-9a-f]{64}\), acme\/\*$/)
  chmodSync(file, 0o666)
  await assert.rejects(decided(house.layout, path, { consent: never, consentFile: file }), { code: 'POLICY_UNSAFE' })
  await assert.rejects(decided(house.layout, path, { consentFile: `${file}.none` }), { code: 'FILE_UNREADABLE' })
})

test('an update by itself that is wider waits, while what is installed runs on; with a yes it waits no more', async (t) => {
  const house = await household(t)
  await house.install(asking('1.0.0'))
  const path = house.publish(asking('1.1.0', WANTS))
  const decision = await decided(house.layout, path, { mode: 'hold', consent: never, source: 'main' })
  assert.equal(decision.kind, 'waits')
  const { waiting, approvals } = house.manager.approvals(HELLO)
  assert.deepEqual(
    waiting.map(({ version, source, widening }) => [version, source, widening.permissions.env]),
    [['1.1.0', 'main', ['TOKEN']]],
  )
  assert.deepEqual([approvals.length, house.manager.list()[0]?.version], [1, '1.0.0'])
  await house.manager.install(path, { consent: () => 'yes' })
  const after = house.manager.approvals()
  assert.deepEqual([after.waiting, after.approvals[0]?.way, after.approvals[0]?.version], [[], 'yes', '1.1.0'])
})

test('at a first install nothing waits: where nobody can be asked it is refused', async (t) => {
  const house = await household(t)
  const path = house.publish(asking('1.0.0'))
  await assert.rejects(decided(house.layout, path, { mode: 'hold' }), {
    code: 'CONSENT_NEEDED',
    message: /^cannot ask whether to install acme\/hello 1\.0\.0: there is nobody to ask$/,
  })
})

test('an operator who raised a default or a ceiling has widened nothing that an update would be held for', async (t) => {
  const house = await household(t)
  await house.install(asking('1.0.0', { limits: { memory: '2G' } }))
  configure(house.layout, { ceilings: { memory: '4G' }, defaults: { cpu: 2 } })
  const options = { mode: 'hold', consent: never } as const
  assert.equal(await way(house, house.publish(asking('1.1.0', { limits: { memory: '2G' } })), options), 'unchanged')
  assert.equal(await way(house, house.publish(asking('1.2.0', { limits: { memory: '3G' } })), options), 'waits')
})

test('of what an earlier version installed, its own rows and its manifest say what was agreed to', async (t) => {
  const house = await household(t)
  await house.install(asking('1.0.0', WANTS))
  house.raw((db) => db.exec('DELETE FROM approvals'))
  assert.equal(await way(house, house.publish(asking('1.1.0', WANTS)), { consent: never }), 'unchanged')
  const wider = house.publish(asking('1.2.0', { ...WANTS, limits: { memory: '513M' } }))
  assert.equal(await way(house, wider, { mode: 'hold' }), 'waits')
  house.raw((db) => db.exec('DELETE FROM verifications'))
  assert.equal(await way(house, house.publish(asking('1.1.0', WANTS)), { consent: never }), 'unchanged')
})

test('who agreed is the user of the process, and whom sudo names beside it', async (t) => {
  const house = await household(t)
  const before = { ...process.env }
  t.after(() => {
    process.env = before
  })
  process.env.SUDO_USER = 'alice'
  process.env.SUDO_UID = '1000'
  await house.install(asking('1.0.0'))
  const [approval] = house.manager.approvals().approvals
  assert.equal(approval?.who.uid, process.geteuid?.())
  assert.deepEqual(approval?.who.sudo, { user: 'alice', uid: 1000 })
  assert.deepEqual(house.manager.audit(HELLO, 10).find(({ kind }) => kind === 'approved')?.details.who, approval?.who)
})

test('a host application may answer with a plain yes or no, as ever', async (t) => {
  const house = await household(t)
  const path = house.publish({ files: { 'plugin.json': manifestOf() } })
  await assert.rejects(decided(house.layout, path, { consent: async () => false }), { code: 'CONSENT_REFUSED' })
  assert.equal(await way(house, path, { consent: agree }), 'asked')
})

test('a hold is shown with what is installed, and keeps an update out by name', async (t) => {
  const house = await household(t)
  await house.install(asking('1.0.0'))
  const until = new Date(Date.now() + 86_400_000)
  const held = house.manager.hold(HELLO, { until, reason: 'waiting for 1.2' })
  assert.deepEqual([held.version, held.until, held.reason], ['1.0.0', until.toISOString(), 'waiting for 1.2'])
  assert.deepEqual(house.manager.holds(), [held])
  const { assertNotHeld } = await import('../../src/manager/holds.ts')
  await onHost(house.layout, (host) => {
    const installed = host.store.find(HELLO)
    assert.ok(installed)
    assert.throws(() => assertNotHeld(host, installed, 'update'), {
      code: 'WRONG_STATE',
      message: /^cannot update acme\/hello: it is held at 1\.0\.0 until .*Z by .*: waiting for 1\.2$/,
      hint: 'plugins unhold acme/hello',
    })
    house.manager.unhold(HELLO)
    assertNotHeld(host, installed, 'update')
  })
  for (const wrong of [{ until: new Date(0) }, { until: new Date('never') }, { reason: '' }, { reason: 'a\nb' }])
    assert.throws(() => house.manager.hold(HELLO, wrong), { code: 'USAGE' }, JSON.stringify(wrong))
})
