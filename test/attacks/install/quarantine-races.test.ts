// Two commands at once: neither lets out what the other puts away, nor puts away what the other has just installed.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Layout } from '../../../src/core/layout.ts'
import type { PluginName } from '../../../src/core/name.ts'
import { Store, Trees } from '../../../src/store/index.ts'
import { Verdicts } from '../../../src/store/verdicts.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'

const HELLO = 'acme/hello' as PluginName

/** The database of a home, as another process has it open. */
function storeOf({ home }: AttackedHome) {
  const store = Store.open({ path: new Layout(home).database, uids: { first: 1, count: 1 }, now: Date.now })
  return Object.assign(store, { [Symbol.dispose]: () => store.close() })
}

test('what was switched off when somebody looked, and is in quarantine by now, is not switched on', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install()
  await attacked.with((manager) => manager.disable(HELLO))
  using store = storeOf(attacked)
  const seen = store.find(HELLO)
  assert.ok(seen?.state === 'disabled')
  await attacked.with((manager) => manager.trust.revoke({ target: 'acme/hello@1.0.0', reason: 'leaks' }))
  assert.throws(() => store.advance(seen, 'installed', 'enabled'), { code: 'WRONG_STATE' })
  assert.equal(store.find(HELLO)?.state, 'quarantined')
})

test('a verdict about what was removed meanwhile does not put away what was installed after it', async (t) => {
  const attacked = await AttackedHome.make(t)
  const path = await attacked.install()
  using store = storeOf(attacked)
  const seen = store.find(HELLO)
  assert.ok(seen !== null)
  for (const spec of [{ name: 'acme/other' }, null]) {
    await attacked.with(async (manager) => {
      for (const { name } of manager.list()) await manager.remove(name, { purge: false })
    })
    if (spec === null) await attacked.with((manager) => manager.install(path, { consent: () => true }))
    else await attacked.install(spec)
    // SQLite has given the same number to the new row.
    assert.equal(store.list()[0]?.id, seen.id)
    assert.throws(() => store.advance(seen, 'quarantined', 'its files are missing', 'MODIFIED'), {
      code: 'WRONG_STATE',
    })
    assert.equal(store.list()[0]?.state, 'installed')
  }
})

test('a revocation that comes while what is in quarantine is verified is not forgotten', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install()
  const { trustFile } = new Layout(attacked.home)
  const policy = readFileSync(trustFile)
  await attacked.with((manager) => manager.trust.revoke({ target: 'acme/hello@1.0.0', reason: 'leaks' }))
  const revoked = readFileSync(trustFile)
  writeFileSync(trustFile, policy)
  const { keepLatest } = Verdicts.prototype
  // Between the verdict and what follows from it, which is where another process would come.
  t.mock.method(Verdicts.prototype, 'keepLatest', function (this: Verdicts, ...given: Parameters<typeof keepLatest>) {
    keepLatest.apply(this, given)
    writeFileSync(trustFile, revoked)
  })
  await attacked.with(async (manager) => {
    await assert.rejects(manager.enable(HELLO), { code: 'STORE_BUSY' })
    assert.equal(manager.list()[0]?.state, 'quarantined')
    await assert.rejects(manager.enable(HELLO), { code: 'RELEASE_REVOKED' })
  })
})

test('an update that comes while the old release is verified is verified itself, and is no modification', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install({ version: '1.0.0' })
  await attacked.with(async (manager) => {
    const { check } = Trees.prototype
    let isUpdated = false
    t.mock.method(Trees.prototype, 'check', async function (this: Trees, ...given: Parameters<typeof check>) {
      if (!isUpdated) {
        isUpdated = true
        await attacked.install({ version: '1.1.0' })
      }
      return check.apply(this, given)
    })
    const results = await manager.verifyAll({ quarantine: true })
    assert.deepEqual(
      results.map(({ version, error }) => [version, error?.code ?? 'OK']),
      [['1.1.0', 'OK']],
    )
    assert.equal(manager.list()[0]?.state, 'installed')
  })
})

test('a verdict about what was removed meanwhile is not kept as one about what has got its number', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install()
  using store = storeOf(attacked)
  const seen = store.find(HELLO)
  assert.ok(seen !== null)
  await attacked.with((manager) => manager.remove(HELLO, { purge: false }))
  await attacked.install({ name: 'acme/other' })
  assert.equal(store.list()[0]?.id, seen.id)
  const { install } = store.verdicts.of('acme/other' as PluginName, '1.0.0')
  assert.ok(install !== null)
  store.verdicts.keepLatest(seen, { ...install, verdict: 'MODIFIED', evidence: null })
  assert.equal(store.verdicts.of('acme/other' as PluginName, '1.0.0').latest, null)
})
