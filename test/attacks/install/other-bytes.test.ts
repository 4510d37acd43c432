// A yes is to the bytes that were asked about. What is put in their place meanwhile is not installed by it.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Layout } from '../../../src/core/layout.ts'
import { agree } from '../../../src/manager/consent.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'
import { onHost, verified } from '../../manager/consenting.ts'
import { begin } from '../../store/stores.ts'

test('a tarball that is exchanged while somebody reads the question is not the one that is installed', async (t) => {
  const attacked = await AttackedHome.make(t)
  const honest = attacked.publisher.publish({ files: { 'main.js': 'honest' } })
  const other = attacked.publisher.publish({ files: { 'main.js': 'other' } })
  const path = attacked.download(honest)
  let asked = ''
  await attacked.with(async (manager) => {
    await manager.install(path, {
      consent: ({ sha256 }) => {
        asked = sha256
        writeFileSync(path, other.tarball)
        writeFileSync(`${path}.sigstore.json`, other.bundle)
        return true
      },
    })
    assert.deepEqual([asked, manager.list()[0]?.sha256], [honest.statement.sha256, honest.statement.sha256])
    assert.equal(manager.approvals().approvals[0]?.sha256, honest.statement.sha256)
  })
})

test('a yes to one release settles no other, of whichever name, version or bytes', async (t) => {
  const attacked = await AttackedHome.make(t)
  const paths = [{ files: { 'main.js': 'other bytes' } }, { version: '1.0.1' }, { name: 'acme/other' }].map((spec) =>
    attacked.download(attacked.publisher.publish(spec)),
  )
  const honest = attacked.download(attacked.publisher.publish())
  await attacked.with(() => {})
  await onHost(new Layout(attacked.home), async (host) => {
    const approval = await agree(host, await verified(host, honest), { consent: () => true })
    for (const path of paths) {
      const release = await verified(host, path)
      const begun = begin(host.store, release, { consent: approval.agreement.permissions })
      assert.throws(() => host.store.approvals.keepInside(begun, approval), { code: 'WRONG_STATE' })
      assert.deepEqual(host.store.approvals.list(null, 10), [])
      host.store.forget(begun)
      host.store.changes.end(begun.change)
    }
  })
})
