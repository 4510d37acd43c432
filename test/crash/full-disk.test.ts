// A home on a disk that is really full, or becomes read-only: a sentence with a code, the old state, and the next command works
// once there is room again.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { before, suite, type TestContext, test } from 'node:test'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { aftermathOf, againFaults, type Expected } from './aftermath.ts'
import { type Call, cannotTrace, trace } from './boundary.ts'
import { run } from './condition.ts'
import { cannotMakeDisk, checkDisk, type Disk, errorTrigger, fill, makeDisk, moveIn, takeAway } from './disk.ts'
import { type Estate, openEstate } from './estate.ts'
import { untroubled } from './kills.ts'
import { operation } from './operations.ts'

const skip = cannotLaunch || cannotMakeDisk || (await cannotTrace())
if (skip !== false) console.log(`skipped: ${skip}`)

const DISK_BYTES = 64 * 2 ** 20
const KIB = 1024

interface Refused {
  readonly error: { readonly code: string; readonly message: string; readonly hint: string | null }
}

suite('a home on a disk of its own', { skip }, () => {
  let estate: Estate
  let update: Expected & { readonly calls: readonly Call[] }
  before(async () => {
    estate = await openEstate()
    update = await untroubled(estate, operation('update, with hooks and data'))
  })

  async function onDisk(t: TestContext, options?: string): Promise<{ disk: Disk; home: string }> {
    const disk = makeDisk(DISK_BYTES, options)
    t.after(() => takeAway(disk))
    return { disk, home: moveIn(disk, await update.operation.before(estate)) }
  }

  function updated(home: string): { code: number | null; stdout: string } {
    const [command = '', ...args] = [...update.operation.argv(home, estate), '--json']
    const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' })
    return { code: status, stdout }
  }

  function assertDiskFailed({ code, stdout }: { code: number | null; stdout: string }, message = /^cannot /): void {
    assert.equal(code, 1, stdout)
    const { error } = JSON.parse(stdout) as Refused
    assert.equal(error.code, 'DISK_FAILED', stdout)
    assert.match(error.message, message)
  }

  async function assertOldThenDone(home: string): Promise<void> {
    const { state, faults } = await aftermathOf(home, update)
    assert.deepEqual([state, faults], ['old', []])
    assert.deepEqual(againFaults(home, update, state, estate), [])
  }

  for (const leftKib of [0, 40, 600]) {
    test(`with ${leftKib} KiB left, an update fails and is as if it had not been`, async (t) => {
      const { disk, home } = await onDisk(t)
      const ballast = fill(disk, leftKib * KIB)
      assertDiskFailed(updated(home))
      rmSync(ballast)
      await assertOldThenDone(home)
    })
  }

  test('that is mounted read-only, nothing is changed, and it says why', async (t) => {
    const { disk, home } = await onDisk(t)
    run('mount', '-o', 'remount,ro', disk.top)
    assertDiskFailed(updated(home), /^cannot open .*bulkhead\.db: its disk is mounted read-only$/)
    run('mount', '-o', 'remount,rw', disk.top)
    await assertOldThenDone(home)
  })

  for (const share of [0.3, 0.7]) {
    test(`that becomes read-only after ${share * 100} % of an update`, async (t) => {
      const { disk, home } = await onDisk(t, 'errors=remount-ro')
      const trigger = errorTrigger(disk)
      if (trigger === null) return t.skip('this kernel makes no file system fail on request')
      const at = Math.floor(update.calls.length * share)
      const command = `f() { echo ${at} > ${trigger}; }; f`
      const argv = [...update.operation.argv(home, estate), '--json']
      const { code, stdout } = await trace(home, { do: 'run', at, every: 1e9, command }, argv)
      assert.throws(() => writeFileSync(`${disk.top}/probe`, ''), { code: 'EROFS' })
      assertDiskFailed({ code, stdout })
      checkDisk(disk)
      await assertOldThenDone(home)
    })
  }
})
