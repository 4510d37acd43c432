// Whoever can put a file where `repair` looks takes a countersignature out of the bundle: the bytes are those that were
// installed, the publisher's signature is whole, and one reviewer is all that the policy asks for.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { TrustFile } from '../../../src/verify/index.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'
import { authority } from '../../helpers/authority.ts'
import { countersigned } from '../../helpers/countersigned.ts'

test('a repair does not drop a reviewer who was agreed to, and takes a bundle that has them all', async (t) => {
  const attacked = await AttackedHome.make(t)
  const [market, review] = [await authority(), await authority()]
  await attacked.with(async ({ trust }) => {
    for (const one of [market, review])
      await trust.add(attacked.keyFile(one), { pattern: 'acme/*', countersigner: true })
  })
  await new TrustFile(join(attacked.home, 'trust.json'), process.geteuid?.() ?? 0).edit((document) => ({
    document: { ...document, rules: document.rules.map((rule) => ({ ...rule, countersignatures: 1 })) },
    notes: [],
  }))
  const release = attacked.publisher.publish()
  const whole = attacked.download(countersigned(release, market, review))
  const fewer = attacked.download(countersigned(release, market))
  await attacked.with(async (manager) => {
    await manager.install(whole, { consent: () => true })
    const { path } = await manager.info('acme/hello')
    rmSync(join(path, 'bundle.sigstore.jsonl'))

    const [refused] = (await manager.repair('acme/hello', { from: fewer })).releases
    assert.deepEqual(
      [refused?.outcome, refused?.error?.code, refused?.error?.message],
      [
        'failed',
        'REPAIR_FAILED',
        `cannot repair acme/hello 1.0.0: it was installed as countersigned by ${review.keyId}, which this bundle is not`,
      ],
    )
    const [repaired] = (await manager.repair('acme/hello', { from: whole })).releases
    assert.equal(repaired?.outcome, 'repaired')
  })
})
