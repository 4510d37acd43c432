// An update that asks for more than was agreed to, by whatever way, is not installed by anything that cannot ask; its nearest
// neighbour, which asks for nothing more, is.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TrustFile } from '../../../src/verify/index.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'
import { type Authority, authority, type ReleaseSpec } from '../../helpers/authority.ts'
import { countersigned } from '../../helpers/countersigned.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

/** Of one program, which does nothing: hooks are run by the install. */
const release = (version: string, more: object): ReleaseSpec => ({
  files: {
    'main.js': '#!/bin/sh\n',
    'plugin.json': JSON.stringify({
      name: 'acme/hello',
      version,
      entry: { runtime: 'exec', path: 'main.js' },
      ...more,
    }),
  },
  executable: ['main.js'],
})

const CASES: readonly [what: string, before: object, after: object, neighbour: object][] = [
  [
    'a wildcard over a host that was agreed to',
    { permissions: { network: ['a.example.com:443'] } },
    { permissions: { network: ['*.example.com:443'] } },
    { permissions: { network: ['a.example.com:443'] } },
  ],
  [
    'a host that only ends as the wildcard does',
    { permissions: { network: ['*.example.com:443'] } },
    { permissions: { network: ['an-example.com:443'] } },
    { permissions: { network: ['an.example.com:443'] } },
  ],
  [
    'a folder that may be another file system',
    { permissions: { read: ['/usr/share'] } },
    { permissions: { read: ['/usr/share/zoneinfo'] } },
    { permissions: { read: [] } },
  ],
  ['a limit', { limits: { memory: '100M' } }, { limits: { memory: '101M' } }, { limits: { memory: '99M' } }],
  [
    'an end that is left out',
    { protocol: 'mcp', limits: { timeout: '1h' } },
    { protocol: 'mcp' },
    { protocol: 'mcp', limits: { timeout: '59m' } },
  ],
  ['a hook', {}, { hooks: { postinstall: { path: 'main.js' } } }, {}],
  [
    'a limit of a hook',
    { hooks: { postinstall: { path: 'main.js' } } },
    { hooks: { postinstall: { path: 'main.js', limits: { memory: '900M' } } } },
    { hooks: { postinstall: { path: 'main.js', limits: { memory: '64M' } } } },
  ],
  ['what it speaks', {}, { protocol: 'jsonrpc' }, { protocol: 'stdio' }],
]

for (const [what, before, after, neighbour] of CASES) {
  const skip = 'hooks' in before && cannotLaunch
  test(`an update does not widen by ${what}`, { skip }, async (t) => {
    const attacked = await AttackedHome.make(t)
    await attacked.install(release('1.0.0', before))
    const wider = attacked.download(attacked.publisher.publish(release('1.1.0', after)))
    const same = attacked.download(attacked.publisher.publish(release('1.2.0', neighbour)))
    await attacked.with(async (manager) => {
      await assert.rejects(manager.install(wider, {}), { code: 'CONSENT_NEEDED' })
      assert.equal(manager.list()[0]?.version, '1.0.0')
      assert.equal((await manager.install(same, {})).version, '1.2.0')
    })
    assert.deepEqual(attacked.staged(), [])
  })
}

/** What is installed and signed by one key is updated by a release of these. */
async function updatedBy(attacked: AttackedHome, ...signers: Authority[]): Promise<string> {
  await attacked.install()
  const path = attacked.download(attacked.publisher.publish({ version: '1.1.0', signers }))
  return attacked.with((manager) =>
    manager.install(path, {}).then(
      () => 'installed',
      (error: { code: string; message: string }) => `${error.code} ${/publisher \S+ \w+/.exec(error.message)?.[0]}`,
    ),
  )
}

test('another key of the same principal may update it; a key of another principal, though trusted, is asked about', async (t) => {
  for (const isSame of [true, false]) {
    const attacked = await AttackedHome.make(t, { isTrusted: false })
    const other = await authority()
    await attacked.with(async ({ trust }) => {
      await trust.add(attacked.keyFile(), { pattern: 'acme/*', principal: 'acme' })
      await trust.add(attacked.keyFile(other), { pattern: 'acme/*', principal: isSame ? 'acme' : 'other' })
    })
    assert.equal(await updatedBy(attacked, other), isSame ? 'installed' : 'CONSENT_NEEDED publisher other signs')
  }
})

test('a principal that joins, or leaves, where several sign is asked about', async (t) => {
  const attacked = await AttackedHome.make(t)
  const other = await authority()
  await attacked.with(({ trust }) => trust.add(attacked.keyFile(other), { pattern: 'acme/*' }))
  assert.match(await updatedBy(attacked, attacked.publisher, other), /^CONSENT_NEEDED publisher \S+ signs/)
})

test('an update that lost a countersignature is asked about, also where the policy could do without it', async (t) => {
  const attacked = await AttackedHome.make(t)
  const [market, review] = [await authority(), await authority()]
  await attacked.with(async ({ trust }) => {
    for (const one of [market, review])
      await trust.add(attacked.keyFile(one), { pattern: 'acme/*', countersigner: true })
  })
  await new TrustFile(`${attacked.home}/trust.json`, process.geteuid?.() ?? 0).edit((document) => ({
    document: { ...document, rules: document.rules.map((rule) => ({ ...rule, countersignatures: 1 })) },
    notes: [],
  }))
  const publish = (version: string) => attacked.publisher.publish({ version })
  await attacked.with(async (manager) => {
    await manager.install(attacked.download(countersigned(publish('1.0.0'), market, review)), { consent: () => true })
    const lost = attacked.download(countersigned(publish('1.1.0'), market))
    await assert.rejects(manager.install(lost, {}), {
      code: 'CONSENT_NEEDED',
      message: new RegExp(`provenance ${review.keyId} countersigned before`),
    })
    const kept = attacked.download(countersigned(publish('1.2.0'), review, market))
    assert.equal((await manager.install(kept, {})).version, '1.2.0')
  })
})
