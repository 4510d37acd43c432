// A version that is kept is gone back to. It was let in before there was a scanner, or before the scanner knew what it knows
// now: going back is no way round what an installation of the same release would be asked.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { script } from '../../helpers/script.ts'
import { says, suppliedHome } from '../../helpers/supplied-home.ts'

const yes = () => true

test('what a scanner refuses now is not gone back to, and what is installed stays', async (t) => {
  const home = await suppliedHome(t)
  await home.offer(says('acme/app', '1.0.0'), says('acme/app', '1.1.0'))
  await home.with(async (manager) => {
    await manager.installAll(['acme/app@1.0.0'], { consent: yes })
    await manager.installAll(['acme/app@1.1.0'], { consent: yes })
  })
  const seen = join(home.base, 'seen.json')
  const body = `cat > ${seen}; grep -q 1.0.0 "$BULKHEAD_PLUGIN_PATH/plugin.json" && exit 1; exit 0`
  home.configure({ scanners: [{ name: 'look', command: [script(t, body)] }] })
  await home.with(async (manager) => {
    await assert.rejects(manager.rollback('acme/app'), {
      code: 'SCANNER_REFUSED',
      message: /^cannot roll back to acme\/app 1\.0\.0: the scanner look refused it/,
    })
    const [app] = manager.list()
    assert.deepEqual([app?.version, app?.kept], ['1.1.0', ['1.0.0']])
    const [scanned, refused] = manager.audit('acme/app', 2)
    assert.deepEqual([refused?.kind, refused?.details.code], ['refused', 'SCANNER_REFUSED'])
    assert.deepEqual([scanned?.kind, scanned?.details.verdict], ['scanned', 'refuse'])
  })
  const { name, version, manifest } = JSON.parse(readFileSync(seen, 'utf8'))
  assert.deepEqual([name, version, manifest.entry.path], ['acme/app', '1.0.0', 'bin/x'])
  assert.deepEqual(home.staged(), [])
  home.configure({ scanners: [{ name: 'look', command: [script(t, 'exit 0')] }] })
  await home.with(async (manager) => {
    assert.equal((await manager.rollback('acme/app')).version, '1.0.0')
    assert.equal((await manager.verify('acme/app')).ok, true)
  })
  assert.deepEqual(home.staged(), [])
})

test('a scanner that writes into what it is shown changes nothing of the version that is kept', async (t) => {
  const home = await suppliedHome(t)
  await home.offer(says('acme/app', '1.0.0'), says('acme/app', '1.1.0'))
  await home.with(async (manager) => {
    await manager.installAll(['acme/app@1.0.0'], { consent: yes })
    await manager.installAll(['acme/app@1.1.0'], { consent: yes })
  })
  const body = 'chmod u+w "$BULKHEAD_PLUGIN_PATH/bin/x"; echo evil >> "$BULKHEAD_PLUGIN_PATH/bin/x"; exit 0'
  home.configure({ scanners: [{ name: 'look', command: [script(t, body)] }] })
  await home.with(async (manager) => {
    await assert.rejects(manager.rollback('acme/app'), { code: 'MODIFIED', message: /^cannot roll back to / })
    assert.equal(manager.list()[0]?.version, '1.1.0')
  })
  home.configure({ scanners: [] })
  await home.with(async (manager) => {
    await manager.rollback('acme/app')
    const { path } = await manager.info('acme/app')
    assert.equal(readFileSync(join(path, 'root/plugin/bin/x'), 'utf8'), '#!/bin/sh\n')
  })
})
