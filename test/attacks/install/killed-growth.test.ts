// The first run of a version with a larger limits.data makes its file system larger. Whoever starts it waits for that, and may press Ctrl-C:
// what the plugin has kept is what it was then, or what it was to be.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { closeData, missingDataTools } from '../../../src/runtime/data.ts'
import { BIN } from '../../cli/cli.ts'
import { HELLO, type Household, household, manifestOf } from '../../manager/household.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const noImages = missingDataTools()[0] ?? (existsSync('/dev/loop-control') ? false : 'no loop devices')
const skip = cannotLaunch === false ? noImages : cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const M = 2 ** 20
const TRIES = 12

const spec = (version: string, data: string) => ({
  version,
  files: { 'plugin.json': manifestOf({ version, limits: { data } }), 'bin/x': '#!/bin/sh\n' },
  executable: ['bin/x'],
})

/** Kills all of it so long after something has become larger. Was it at work still? */
async function runKilled({ layout }: Household, image: string, ms: number): Promise<boolean> {
  const command = spawn(process.execPath, [BIN, 'run', HELLO], {
    env: { PATH: '/usr/bin:/bin', BULKHEAD_HOME: layout.home },
    stdio: 'ignore',
    detached: true,
  })
  const end = once(command, 'close')
  const before = statSync(image).size
  const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0
  while (Math.max(sizeOf(image), sizeOf(`${image}.new`)) <= before && command.exitCode === null) await sleep(1)
  await sleep(ms)
  if (command.exitCode === null) process.kill(-(command.pid ?? 0), 'SIGKILL')
  await end
  return command.signalCode === 'SIGKILL'
}

test('data that is killed while it grows is there, and as large as it is to be', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const house = await household(t)
  await house.install(spec('1.0.0', '16M'))
  await (await house.manager.run(HELLO)).outcome
  const data = house.layout.data(HELLO)
  const [image, kept] = [join(data, 'image.ext4'), join(data, 'mnt', 'kept')]
  if (!existsSync(image)) return t.skip('/data is no image here')
  const bytes = randomBytes(4 * M)
  writeFileSync(kept, bytes)
  await house.install(spec('1.1.0', '1024M'))
  closeData(data)
  const small = join(dirname(house.layout.home), 'small')
  copyFileSync(image, small)

  let killed = 0
  for (let at = 0; at < TRIES; at++) {
    rmSync(image)
    copyFileSync(small, image)
    if (await runKilled(house, image, at * 2)) killed++
    const run = await house.manager.run(HELLO)
    assert.equal((await run.outcome).code, 0)
    assert.ok(readFileSync(kept).equals(bytes), 'it is what it was')
    const { blocks, bsize } = statfsSync(dirname(kept))
    assert.ok(blocks * bsize > 1000 * M, `it has ${Math.round((blocks * bsize) / M)} MiB`)
    closeData(data)
  }
  assert.ok(killed > 0, 'some were killed in the middle')
  t.diagnostic(`${killed} of ${TRIES} were killed in the middle`)
})
