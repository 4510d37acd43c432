import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { compile } from '../helpers/compile.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { HELLO, type Household, household, manifestOf } from './household.ts'

const GONE = '1:1:00000000-0000-0000-0000-000000000000'

test('an install that was interrupted after its tree stood never was', async (t) => {
  const house = await household(t)
  await house.install()
  house.raw((db) => db.prepare("UPDATE installations SET state = 'installing', holder = ?").run(GONE))
  mkdirSync(join(house.layout.staging, `${GONE}~0123456789abcdef`))
  await house.reopen()
  assert.deepEqual(house.manager.list(), [])
  assert.deepEqual(readdirSync(house.layout.staging), [])
  assert.equal(existsSync(join(house.layout.plugins, 'acme')), false)
  await house.install()
})

test('a removal that was interrupted is finished by whichever command comes next, and by one only', async (t) => {
  const house = await household(t)
  await house.install()
  house.raw((db) => db.prepare("UPDATE installations SET state = 'removing', holder = ?").run(GONE))
  const { openManager } = await import('../../src/index.ts')
  const all = await Promise.all(Array.from({ length: 5 }, () => openManager({ home: house.layout.home })))
  for (const manager of all) assert.deepEqual(manager.list(), [])
  assert.equal(all[0]?.audit(HELLO, 100).filter(({ kind }) => kind === 'forgotten').length, 1)
  for (const manager of all) await manager.close()
  assert.equal(existsSync(join(house.layout.plugins, 'acme')), false)
})

test('staging of a living process is left alone', async (t) => {
  const house = await household(t)
  await house.install()
  const { holderOf } = await import('../../src/store/holder.ts')
  const living = join(house.layout.staging, `${holderOf(process.ppid)}~0123456789abcdef`)
  mkdirSync(living)
  house.raw((db) => db.prepare("UPDATE installations SET state = 'removing', holder = ?").run(GONE))
  await house.reopen()
  assert.equal(existsSync(living), true)
})

test('what dead processes left in staging goes with the next command; what cannot, keeps it from nothing', async (t) => {
  const house = await household(t)
  await house.install()
  const [dead, stuck] = ['0123', '4567'].map((end) => join(house.layout.staging, `${GONE}~${end}`)) as [string, string]
  for (const path of [dead, stuck]) mkdirSync(join(path, 'root'), { recursive: true })
  const isStuck = process.geteuid?.() === 0 && spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', stuck]).status === 0
  try {
    await house.reopen()
    assert.deepEqual(readdirSync(house.layout.staging), isStuck ? [basename(stuck)] : [])
    assert.equal(house.manager.list().length, 1)
  } finally {
    if (isStuck) execFileSync('umount', [stuck])
  }
  await house.reopen()
  assert.deepEqual(readdirSync(house.layout.staging), [])
})

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)
const BIN = resolve(import.meta.dirname, '../../src/cli/bin.cjs')

/** `plugins run`, up to the first output of the plugin. */
async function running(t: TestContext, house: Household) {
  const env = { PATH: '/usr/bin:/bin', BULKHEAD_HOME: house.layout.home }
  const child = spawn(process.execPath, [BIN, 'run', HELLO], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

async function installWaiting(house: Household) {
  const code =
    '#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("up"); fflush(stdout); char c; return read(0, &c, 1) == 1 ? c : 9; }'
  const files = { 'bin/x': readFileSync(await compile(code, { static: true })), 'plugin.json': manifestOf() }
  await house.install({ files, executable: ['bin/x'] })
}

test('a run that ended without a Node process to see it is in the history of the next command', { skip }, async (t) => {
  const house = await household(t)
  await installWaiting(house)
  const child = await running(t, house)
  assert.equal(house.manager.history(HELLO, 1)[0]?.outcome, null, 'it runs')
  await house.reopen()
  assert.equal(house.manager.history(HELLO, 1)[0]?.outcome, null, 'looking does not end it')
  child.stdin.end('*')
  assert.deepEqual(await once(child, 'exit'), [42, null])
  await house.reopen()
  assert.equal(house.manager.history(HELLO, 1)[0]?.outcome?.code, 42)
  assert.deepEqual(readdirSync(house.layout.spool), [])
})

test('a run whose launcher was killed is told as killed, and its plugin is gone with it', { skip }, async (t) => {
  const house = await household(t)
  await installWaiting(house)
  const child = await running(t, house)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await house.reopen()
  assert.equal(house.manager.history(HELLO, 1)[0]?.outcome?.signal, 'SIGKILL')
  assert.deepEqual(readdirSync(house.layout.spool), [])
  await house.manager.remove(HELLO, { purge: true })
})

test('what lies in the spool and is no run is left alone', async (t) => {
  const house = await household(t)
  mkdirSync(house.layout.spool, { recursive: true, mode: 0o700 })
  writeFileSync(join(house.layout.spool, 'NOTES'), 'mine')
  await house.reopen()
  assert.deepEqual(readdirSync(house.layout.spool), ['NOTES'])
})
