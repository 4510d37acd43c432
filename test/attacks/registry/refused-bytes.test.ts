// Somebody on the way, or in the registry, puts other bytes where the listed ones were. That they were refused is told by the
// audit trail, whichever command came upon them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { says, suppliedHome } from '../../helpers/supplied-home.ts'

const refused = { code: 'REGISTRY_MISMATCH' }

test('other bytes than were listed leave their line in the audit trail, at an install and at an update', async (t) => {
  const home = await suppliedHome(t)
  await home.offer(says('acme/app', '1.0.0'))
  await home.with(async (manager) => {
    await manager.installAll(['acme/app'], { consent: () => true })
  })
  await home.offer(says('acme/app', '1.1.0'), says('acme/other', '1.0.0'))
  for (const name of ['acme-app-1.1.0', 'acme-other-1.0.0']) home.shelf.write(`${name}.tgz`, 'something else')
  await home.with(async (manager) => {
    await assert.rejects(manager.installAll(['acme/other'], { consent: () => true }), refused)
    await assert.rejects(manager.update(['acme/app'], { consent: () => true }), refused)
    const told = (name: string) => manager.audit(name, 20).filter(({ kind }) => kind === 'refused')
    for (const [name, version] of [
      ['acme/other', '1.0.0'],
      ['acme/app', '1.1.0'],
    ] as const) {
      assert.deepEqual(
        told(name).map(({ details }) => [details.version, details.code, details.registry]),
        [[version, 'REGISTRY_MISMATCH', 'main']],
      )
    }
  })
})
