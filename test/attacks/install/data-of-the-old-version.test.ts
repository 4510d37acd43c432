// After an update the old version's run goes on, with /data of both. The new version's first run wants a larger one, and takes the file
// system down to see that it is in use. Killed in that moment it leaves it unmounted, and the next run, which takes that for unused, would
// grow and mount under the old one what it is writing to: two file systems over one image, and nothing left of what the plugin kept.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isMounted } from '../../../src/runtime/data/mounting.ts'
import { missingDataTools } from '../../../src/runtime/data.ts'
import type { Run } from '../../../src/runtime/index.ts'
import { BIN } from '../../cli/cli.ts'
import { HELLO, type Household, household, manifestOf } from '../../manager/household.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const noImages = missingDataTools()[0] ?? (existsSync('/dev/loop-control') ? false : 'no loop devices')
const skip = cannotLaunch === false ? noImages : cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

/** Keeps each line that it is told. */
const DIARY = '#!/bin/sh\necho up\nwhile read line; do echo "$line" >>/data/diary; echo kept; done\n'

const spec = (version: string, data: string) => ({
  version,
  files: { 'plugin.json': manifestOf({ version, limits: { data } }), 'bin/x': DIARY },
  executable: ['bin/x'],
})

const said = ({ stdout }: Run): Promise<unknown> => new Promise((resolve) => stdout?.once('data', resolve))

async function tell(run: Run, line: string): Promise<void> {
  const answer = said(run)
  run.stdin?.write(`${line}\n`)
  await answer
}

const devicesOf = (image: string): string[] =>
  execFileSync('losetup', ['-n', '-O', 'NAME', '-j', image], { encoding: 'utf8' }).trim().split('\n')

async function runKilledInTheMiddle({ layout }: Household, mount: string): Promise<void> {
  const command = spawn(process.execPath, [BIN, 'run', HELLO], {
    env: { PATH: '/usr/bin:/bin', BULKHEAD_HOME: layout.home },
    stdio: 'ignore',
  })
  const end = once(command, 'close')
  while (isMounted(mount) && command.exitCode === null) await new Promise((done) => setTimeout(done, 1))
  command.kill('SIGKILL')
  await end
  assert.equal(command.signalCode, 'SIGKILL', 'it is killed while nothing is mounted')
}

test('what an old run still writes to is neither grown nor mounted a second time', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec('1.0.0', '16M'))
  const old = await house.manager.run(HELLO, { stdio: { stdin: 'pipe' } })
  t.after(() => old.close())
  await said(old)
  await tell(old, 'first')
  const [image, mount] = ['image.ext4', 'mnt'].map((name) => join(house.layout.data(HELLO), name)) as [string, string]
  if (!existsSync(image)) return t.skip('/data is no image here')
  await house.install(spec('1.1.0', '32M'))

  await runKilledInTheMiddle(house, mount)
  assert.equal(isMounted(mount), false)
  await assert.rejects(house.manager.run(HELLO), { code: 'STORE_BUSY', message: /while the plugin runs/ })
  assert.equal(devicesOf(image).length, 1)
  await tell(old, 'second')
  await old.close()

  const fresh = await house.manager.run(HELLO, { stdio: { stdin: 'pipe' } })
  await said(fresh)
  await tell(fresh, 'third')
  await fresh.close()
  assert.equal(execFileSync('cat', [join(mount, 'diary')], { encoding: 'utf8' }), 'first\nsecond\nthird\n')
})
