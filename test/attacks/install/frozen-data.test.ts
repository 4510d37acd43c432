// The file system of /data stands still while it is copied, and a second process lets it go should the first be killed. Whoever kills
// all processes of an update at once (a service manager, a container, the kernel out of memory) kills both. What was frozen then stays so:
// the plugin hangs in its next write, hears no signal, meets no limit, and can neither be updated nor removed until the machine is started again.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openManager, type Recovered } from '../../../src/index.ts'
import { missingDataTools } from '../../../src/runtime/data.ts'
import { BIN } from '../../cli/cli.ts'
import { HELLO, type Household, household, manifestOf } from '../../manager/household.ts'
import { eventually } from '../../runtime/launcher/launch.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const noImages = missingDataTools()[0] ?? (existsSync('/dev/loop-control') ? false : 'no loop devices')
const skip = cannotLaunch === false ? noImages : cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const M = 2 ** 20

const spec = (version: string) => ({
  version,
  files: { 'plugin.json': manifestOf({ version, limits: { data: '512M' } }), 'bin/x': '#!/bin/sh\n' },
  executable: ['bin/x'],
})

/** In its own process: whoever writes to what is frozen hangs. */
function writing(mount: string): ChildProcess {
  return spawn('touch', [join(mount, 'written')], { stdio: 'ignore' })
}

const ended = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null

/** Starts the update in a group of its own, and kills that as soon as the copy is being made. */
async function killInTheMiddle({ layout }: Household, tarball: string): Promise<void> {
  const command = spawn(process.execPath, [BIN, 'install', tarball, '--yes'], {
    env: { PATH: '/usr/bin:/bin', BULKHEAD_HOME: layout.home },
    stdio: 'ignore',
    detached: true,
  })
  const end = once(command, 'close')
  const own = layout.snapshots(HELLO)
  const isCopying = () =>
    existsSync(own) &&
    readdirSync(own).some((name) => existsSync(join(own, name, 'image.ext4')) && name.endsWith('.new'))
  while (!isCopying() && !ended(command)) await new Promise((done) => setTimeout(done, 1))
  assert.equal(ended(command), false, 'it is killed while it copies')
  process.kill(-(command.pid ?? 0), 'SIGKILL')
  await end
}

test('what an update had frozen is let go by the next command when all of it was killed at once', {
  skip,
}, async (t) => {
  const house = await household(t)
  await house.install(spec('1.0.0'))
  const first = await house.manager.run(HELLO)
  assert.equal((await first.outcome).code, 0)
  const mount = join(house.layout.data(HELLO), 'mnt')
  if (!existsSync(join(house.layout.data(HELLO), 'image.ext4'))) return t.skip('/data is no image here')
  writeFileSync(join(mount, 'big'), randomFillSync(Buffer.alloc(256 * M)))

  await killInTheMiddle(house, house.publish(spec('1.1.0')))
  const write = writing(mount)
  try {
    assert.ok(!(await eventually(() => ended(write), 500)), 'it is frozen')
    const recovered: Recovered[] = []
    const manager = await openManager({ home: house.layout.home, onRecovered: (one) => recovered.push(one) })
    assert.deepEqual(
      recovered.map(({ name, kind, outcome }) => [name, kind, outcome]),
      [[HELLO, 'update', 'undone']],
    )
    assert.ok(await eventually(() => ended(write), 5_000), 'it can be written to')
    await manager.close()
    await house.install(spec('1.1.0'))
    const again = await house.manager.run(HELLO)
    assert.equal((await again.outcome).code, 0)
  } finally {
    // Or nothing of this test would ever end.
    spawnSync('fsfreeze', ['--unfreeze', mount], { env: { PATH: '/usr/sbin:/sbin' } })
  }
})
