// A plugin was removed and its data stays. Another publisher who may sign that name, too, must not come by the data unasked: an
// update by them would have been asked about.

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { test } from 'node:test'
import { Layout } from '../../../src/core/layout.ts'
import type { PluginName } from '../../../src/core/name.ts'
import { says, suppliedHome } from '../../helpers/supplied-home.ts'

const DATA = { limits: { data: '1M' } }
const granted = { grants: ['limit=data:1M'] }

test('data that a removal left goes to another publisher only when somebody agrees to that', async (t) => {
  const home = await suppliedHome(t)
  const path = home.download(home.shelf.publisher.publish(says('acme/app', '1.0.0', DATA)))
  const other = home.download(
    home.shelf.publisher.publish({ ...says('acme/app', '1.1.0', DATA), signers: [home.stranger] }),
  )
  await home.with(async (manager) => {
    await manager.trust.add(home.keyFile(home.stranger), { pattern: 'acme/*' })
    await manager.install(path, granted)
    mkdirSync(new Layout(home.home).data('acme/app' as PluginName), { recursive: true, mode: 0o700 })
    await manager.remove('acme/app', { purge: false })
    await assert.rejects(manager.install(other, granted), { code: 'CONSENT_NEEDED', message: /publisher/ })
    await manager.install(path, granted)
    await manager.remove('acme/app', { purge: true })
    assert.equal((await manager.install(other, granted)).version, '1.1.0')
  })
})

test('nor to one that somebody agreed to once and went back from', async (t) => {
  const home = await suppliedHome(t)
  const path = home.download(home.shelf.publisher.publish(says('acme/app', '1.0.0', DATA)))
  const by = (version: string) =>
    home.download(home.shelf.publisher.publish({ ...says('acme/app', version, DATA), signers: [home.stranger] }))
  const [other, next] = [by('1.1.0'), by('1.2.0')]
  await home.with(async (manager) => {
    await manager.trust.add(home.keyFile(home.stranger), { pattern: 'acme/*' })
    await manager.install(path, granted)
    await manager.install(other, { consent: () => true })
    await manager.rollback('acme/app')
    mkdirSync(new Layout(home.home).data('acme/app' as PluginName), { recursive: true, mode: 0o700 })
    await manager.remove('acme/app', { purge: false })
    await assert.rejects(manager.install(next, granted), { code: 'CONSENT_NEEDED', message: /publisher/ })
    await manager.install(path, { ...granted, allowDowngrade: true })
    assert.equal(manager.list()[0]?.version, '1.0.0')
  })
})
