// The tarball of a lock file comes with a bundle that lost a line: a countersignature, by which a reviewer had let it in. Bytes,
// manifest and publisher are those of the file, and the policy can do without. At an update by name that would be asked about.

import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { TrustFile } from '../../../src/verify/index.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'
import { authority } from '../../helpers/authority.ts'
import { countersigned } from '../../helpers/countersigned.ts'

test('a lock file lets nothing in that lost a reviewer, on a host that has the version before and on one that has none', async (t) => {
  const [one, other] = [await AttackedHome.make(t), await AttackedHome.make(t, { isTrusted: false })]
  const [market, review] = [await authority(), await authority()]
  for (const attacked of [one, other]) {
    await attacked.with(async ({ trust }) => {
      if (attacked === other) await trust.add(other.keyFile(one.publisher), { pattern: 'acme/*' })
      for (const reviewer of [market, review])
        await trust.add(attacked.keyFile(reviewer), { pattern: 'acme/*', countersigner: true })
    })
    await new TrustFile(join(attacked.home, 'trust.json'), process.geteuid?.() ?? 0).edit((document) => ({
      document: { ...document, rules: document.rules.map((rule) => ({ ...rule, countersignatures: 1 })) },
      notes: [],
    }))
  }
  const [before, release] = [one.publisher.publish({ version: '1.0.0' }), one.publisher.publish({ version: '1.1.0' })]
  const folder = join(one.base, 'project')
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  const lockFile = join(folder, 'plugins.lock')
  const lay = (path: string) => {
    for (const end of ['', '.sigstore.json']) copyFileSync(path + end, join(folder, `acme-hello-1.1.0.tgz${end}`))
  }
  await one.with(async (manager) => {
    await manager.install(one.download(countersigned(release, market, review)), { consent: () => true })
    await manager.writeLock({ lockFile })
  })
  await other.with(async (manager) => {
    const lost = { code: 'LOCK_DIFFERS', message: new RegExp(`no countersignature counted of ${review.keyId}`) }
    lay(one.download(countersigned(release, market)))
    await assert.rejects(manager.sync({ lockFile }), lost)
    assert.deepEqual(manager.list(), [])
    await manager.install(other.download(countersigned(before, market, review)), { consent: () => true })
    await assert.rejects(manager.sync({ lockFile }), lost)
    assert.equal(manager.list()[0]?.version, '1.0.0')

    lay(one.download(countersigned(release, review, market)))
    await manager.sync({ lockFile })
    assert.equal(manager.list()[0]?.version, '1.1.0')
    assert.equal((await manager.sync({ lockFile, frozen: true })).unchanged, true)
  })
})
