// An installation that comes in with others takes over what an earlier one has left, and its hooks write to it. Until the last of the
// others is in, it may have to go again, and what was there must come back. `gc` by a timer meanwhile must not find that it is nobody's.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openManager } from '../../../src/index.ts'
import { agree } from '../../manager/household.ts'
import { registered, withManifest } from '../../manager/lifecycle/registered.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const APP = 'acme/app'
const LIB = 'acme/lib'

const scripted = (name: string, manifest: object, path: string, text: string) => {
  const { files, ...spec } = withManifest(name, '1.0.0', manifest)
  return { ...spec, files: { ...files, [path]: `#!/bin/sh\n${text}\n` }, executable: [path] }
}

test('data that may have to come back is not collected', { skip }, async (t) => {
  const house = await registered(t)
  const config = JSON.parse(readFileSync(house.layout.configFile, 'utf8')) as object
  const plugins = { [LIB]: { weaker: ['data-quota'] } }
  writeFileSync(house.layout.configFile, JSON.stringify({ ...config, plugins }), { mode: 0o600 })
  await house.reopen()
  const hooks = { postinstall: { runtime: 'exec', path: 'bin/setup' } }
  const health = { runtime: 'exec', path: 'bin/check', limits: { timeout: '5s' } }
  await house.list(
    scripted(LIB, { limits: { data: '1M' }, hooks }, 'bin/setup', 'echo "of the hook" >/data/state'),
    scripted(APP, { requires: { [LIB]: '*' }, health }, 'bin/check', 'while :; do :; done'),
  )
  await house.manager.installAll([LIB], { consent: agree })
  await house.manager.remove(LIB, { purge: false })
  const data = join(house.layout.data(LIB as never), 'files', 'state')
  writeFileSync(data, 'of before')

  const other = await openManager({ home: house.layout.home })
  t.after(() => other.close())
  const collecting: ReturnType<typeof other.gc>[] = []
  const onProgress = ({ text }: { text?: string }) => {
    if (text?.includes('health') === true && collecting.length === 0) collecting.push(other.gc())
  }
  const install = house.manager.installAll([APP], { consent: agree, onProgress: onProgress as never })
  await assert.rejects(install, { code: 'HEALTH_FAILED', message: /taken back with it: acme\/lib 1\.0\.0/ })
  assert.equal(collecting.length, 1)
  assert.deepEqual((await collecting[0])?.collected, [])
  assert.deepEqual(house.manager.list(), [])
  assert.equal(readFileSync(data, 'utf8'), 'of before')
  assert.equal(existsSync(house.layout.snapshots(LIB as never)), false)
})
