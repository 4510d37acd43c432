// A policy for automation agrees to what its one most exact entry names, and to nothing by accident.

import assert from 'node:assert/strict'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AttackedHome } from '../../helpers/attacked-home.ts'

const manifest = (more: object, name = 'acme/hello') => ({
  'plugin.json': JSON.stringify({ name, version: '1.0.0', entry: { runtime: 'exec', path: 'main.js' }, ...more }),
})

function configure(attacked: AttackedHome, consent: object): void {
  writeFileSync(join(attacked.home, 'config.json'), JSON.stringify({ consent }), { mode: 0o600 })
}

test('a pattern that would match more than it seems to is refused, and nothing is done by it', async (t) => {
  const attacked = await AttackedHome.make(t)
  for (const pattern of [
    '*',
    'acme*',
    'ac*/hello',
    '*/hello',
    'acme/**',
    'acme/*/x',
    'ACME/*',
    '',
    'acme/hello,other/*',
  ]) {
    configure(attacked, { [pattern]: { env: ['TOKEN'] } })
    await assert.rejects(
      attacked.with(() => {}),
      { code: 'CONFIG_INVALID' },
      pattern,
    )
  }
  for (const terms of [
    { network: ['*'] },
    { network: ['*:*'] },
    { network: ['*.com:443'] },
    { env: ['*'] },
    { read: ['*'] },
    { read: ['/usr/*/../..'] },
  ]) {
    configure(attacked, { 'acme/*': terms })
    await assert.rejects(
      attacked.with(() => {}),
      { code: 'CONFIG_INVALID' },
      JSON.stringify(terms),
    )
  }
})

test('what is written for a namespace or for all does not reach one that has an entry of its own', async (t) => {
  const attacked = await AttackedHome.make(t)
  configure(attacked, { '*/*': { env: ['TOKEN'] }, 'acme/*': { read: ['/usr/share'] }, 'acme/hello': {} })
  const path = attacked.download(attacked.publisher.publish({ files: manifest({ permissions: { env: ['TOKEN'] } }) }))
  const quiet = attacked.download(attacked.publisher.publish())
  await attacked.with(async (manager) => {
    await assert.rejects(manager.install(path, {}), { code: 'CONSENT_NEEDED', message: /environment TOKEN/ })
    await manager.install(quiet, { grants: ['runtime=node'] })
  })
})

test('any host at one port is any host at no other, and no path', async (t) => {
  const attacked = await AttackedHome.make(t)
  configure(attacked, { 'acme/*': { network: ['*:443'] } })
  const asks = (network: string[]) =>
    attacked.download(attacked.publisher.publish({ files: manifest({ permissions: { network } }) }))
  const [other, same] = [asks(['a.example.com:443', 'a.example.com:22']), asks(['a.example.com:443'])]
  await attacked.with(async (manager) => {
    await assert.rejects(manager.install(other, {}), {
      code: 'CONSENT_NEEDED',
      message: /to: network a\.example\.com:22$/,
    })
    assert.equal((await manager.install(same, {})).version, '1.0.0')
  })
})

test('no policy and no grant lets in what nobody signed: that is asked', async (t) => {
  const attacked = await AttackedHome.make(t, { isTrusted: false })
  await attacked.with(() => {})
  configure(attacked, { '*/*': { publisherChange: true } })
  const path = attacked.download(attacked.publisher.publish())
  rmSync(`${path}.sigstore.json`)
  const allowUnsigned = { name: 'acme/hello', until: '1d' }
  await attacked.with(async (manager) => {
    await assert.rejects(manager.install(path, { allowUnsigned, grants: ['signers'] }), {
      code: 'CONSENT_NEEDED',
      message: /nobody signed it/,
      hint: '--yes, in a host application `consent: () => true`, agrees to what it asks for',
    })
    assert.equal((await manager.install(path, { allowUnsigned, consent: () => 'yes' })).version, '1.0.0')
  })
})

test('a policy that somebody else could write agrees to nothing', async (t) => {
  const attacked = await AttackedHome.make(t)
  const path = attacked.download(attacked.publisher.publish())
  const file = join(attacked.base, 'consent.json')
  writeFileSync(file, '{"*/*":{}}')
  for (const mode of [0o666, 0o620]) {
    chmodSync(file, mode)
    await attacked.with((manager) =>
      assert.rejects(manager.install(path, { consentFile: file }), { code: 'POLICY_UNSAFE' }),
    )
  }
  chmodSync(file, 0o644)
  assert.equal((await attacked.with((manager) => manager.install(path, { consentFile: file }))).version, '1.0.0')
})
