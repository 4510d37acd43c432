// A version that is kept from before is installed again. It was let in before there was a scanner, or before the scanner knew
// what it knows now: its tree is here, but it is asked as about any other that comes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { script } from '../../helpers/script.ts'
import { says, suppliedHome } from '../../helpers/supplied-home.ts'

const yes = () => true

test('a kept version that a scanner refuses now does not come back by an install, and what is installed stays', async (t) => {
  const home = await suppliedHome(t)
  await home.offer(says('acme/app', '1.0.0'), says('acme/app', '1.1.0'))
  await home.with(async (manager) => {
    await manager.installAll(['acme/app@1.0.0'], { consent: yes })
    await manager.installAll(['acme/app@1.1.0'], { consent: yes })
    await manager.rollback('acme/app')
  })
  const body = 'grep -q 1.1.0 "$BULKHEAD_PLUGIN_PATH/plugin.json" && exit 1; exit 0'
  home.configure({ scanners: [{ name: 'look', command: [script(t, body)] }] })
  await home.with(async (manager) => {
    await assert.rejects(manager.installAll(['acme/app@1.1.0'], { consent: yes }), { code: 'SCANNER_REFUSED' })
    const [app] = manager.list()
    assert.deepEqual([app?.version, app?.kept], ['1.0.0', ['1.1.0']])
  })
  assert.deepEqual(home.staged(), [])
  home.configure({ scanners: [{ name: 'look', command: [script(t, 'exit 0')] }] })
  await home.with(async (manager) => {
    await manager.installAll(['acme/app@1.1.0'], { consent: yes })
    assert.equal(manager.list()[0]?.version, '1.1.0')
    assert.equal((await manager.verify('acme/app')).ok, true)
  })
  assert.deepEqual(home.staged(), [])
})
