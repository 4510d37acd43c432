// A root that is taken away takes along whoever it vouched for. That is a change of trust as much as one of trust.json.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildStatement } from '../../../src/verify/index.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'
import { FORGED, Forge } from '../../helpers/forge.ts'

test('a root removed while somebody reads the question installs nothing', async (t) => {
  const attacked = await AttackedHome.make(t)
  const forge = new Forge()
  const release = attacked.publisher.publish()
  const bundle = Buffer.from(JSON.stringify(forge.sign(buildStatement(release.statement))))
  const path = attacked.download({ ...release, bundle })
  const root = join(attacked.base, 'own.json')
  writeFileSync(root, JSON.stringify(forge.trustedRoot))
  await attacked.with(async (manager) => {
    await manager.roots.add(root, 'own')
    await manager.trust.addIdentity({ ...FORGED, root: 'own' }, { pattern: 'acme/*' })
    const consent = async () => {
      await manager.roots.remove('own')
      return true
    }
    await assert.rejects(manager.install(path, { consent }), { code: 'ROOT_NOT_FOUND' })
    assert.deepEqual(manager.list(), [])
  })
})
