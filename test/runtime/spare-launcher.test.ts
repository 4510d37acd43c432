// A launcher that was started ahead is what would be started now, knows nothing, and stays for nobody.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { findLauncher } from '../../src/runtime/index.ts'
import type { LauncherStart } from '../../src/runtime/launcher-process.ts'
import { SPARE_MS, SpareLauncher } from '../../src/runtime/spare-launcher.ts'
import { SLOW } from '../helpers/patience.ts'
import { HELLO, household, manifestOf } from '../manager/household.ts'
import { cannotLaunch } from './plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const TITLE = 'bulkhead-launch'
const startOf = (binary = findLauncher()): LauncherStart => ({
  binary,
  title: TITLE,
  stdio: ['ignore', 'pipe', 'pipe'],
})

/** Launchers that are children of a process and have not been told anything. */
function waiting(parent = process.pid): number[] {
  const children = readdirSync(`/proc/${parent}/task`).flatMap((task) =>
    readFileSync(`/proc/${parent}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  )
  return children.filter((pid) => {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return words === `${TITLE}\0`
  })
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    assert.ok(tries < 200 * SLOW, what)
    await sleep(10)
  }
}

async function readied(start: LauncherStart): Promise<{ spare: SpareLauncher; pid: number }> {
  const spare = new SpareLauncher()
  spare.follow(start)
  spare.follow(start)
  await until('one waits', () => waiting().length === 1)
  return { spare, pid: waiting()[0] ?? 0 }
}

test('one waits where runs follow one another, and the next run has it', { skip }, async (t) => {
  const { spare, pid } = await readied(startOf())
  const child = spare.take(startOf())
  t.after(() => child?.kill('SIGKILL'))
  assert.equal(child?.pid, pid)
  assert.equal(spare.take(startOf()), null, 'there is one')
})

test('nothing of its host is in it', { skip }, async () => {
  process.env.OF_THE_HOST = 'secret'
  const { spare, pid } = await readied(startOf())
  await until('it runs', () => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'bulkhead-launch\n')
  assert.equal(readFileSync(`/proc/${pid}/environ`, 'utf8').replaceAll('\0', ''), '')
  const streams = ['0', '1', '2'].map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
  assert.equal(streams[0], '/dev/null')
  assert.ok(
    streams.slice(1).every((stream) => stream.startsWith('socket:')),
    `${streams}`,
  )
  assert.equal(readlinkSync(`/proc/${pid}/cwd`), '/')
  await spare.close()
})

test('a run by itself leaves none, nor one whose streams are descriptors of the host', { skip }, async () => {
  const spare = new SpareLauncher()
  spare.follow(startOf())
  await sleep(50)
  assert.deepEqual(waiting(), [])
  for (const stream of ['inherit', 1] as const) {
    spare.follow({ ...startOf(), stdio: ['ignore', stream, 'ignore'] })
    await sleep(50)
    assert.deepEqual(waiting(), [], `${stream}`)
  }
})

test('it is gone after a while, and when it is closed', { skip }, async () => {
  await readied(startOf())
  await sleep(SPARE_MS)
  await until('it goes by itself', () => waiting().length === 0)
  const { spare } = await readied(startOf())
  await spare.close()
  assert.deepEqual(waiting(), [])
  spare.follow(startOf())
  spare.follow(startOf())
  await sleep(50)
  assert.deepEqual(waiting(), [], 'nothing is started after the end')
})

test('one that is not what would be started now is not used, and ends', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-spare-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const others: Record<string, () => LauncherStart> = {
    streams: () => ({ ...startOf(), stdio: ['pipe', 'pipe', 'pipe'] }),
    title: () => ({ ...startOf(), title: `${TITLE}: acme/hello one` }),
  }
  for (const [what, other] of Object.entries(others)) {
    const { spare } = await readied(startOf())
    assert.equal(spare.take(other()), null, what)
    await until(`${what}: it ends`, () => waiting().length === 0)
  }
  const binary = join(folder, 'launcher')
  copyFileSync(findLauncher(), binary)
  const { spare } = await readied(startOf(binary))
  copyFileSync(findLauncher(), `${binary}.new`)
  renameSync(`${binary}.new`, binary)
  assert.equal(spare.take(startOf(binary)), null, 'an upgrade')
  await until('the old one ends', () => waiting().length === 0)
})

test('a process that has given up its group since starts another one', { skip }, async (t) => {
  const { spare } = await readied(startOf())
  const group = process.getegid?.() ?? 0
  t.after(() => process.setegid?.(group))
  process.setegid?.(65_534)
  assert.equal(spare.take(startOf()), null)
  await until('it ends', () => waiting().length === 0)
})

test('one that was killed is not used', { skip }, async () => {
  const { spare, pid } = await readied(startOf())
  process.kill(pid, 'SIGKILL')
  await until('it is gone', () => waiting().length === 0)
  await sleep(50)
  assert.equal(spare.take(startOf()), null)
})

test('a host that is killed leaves none', { skip }, async () => {
  const program = `
    import { SpareLauncher } from ${JSON.stringify(join(import.meta.dirname, '../../src/runtime/spare-launcher.ts'))}
    const spare = new SpareLauncher()
    const start = ${JSON.stringify(startOf())}
    spare.follow(start)
    spare.follow(start)
    setInterval(() => {}, 1000)`
  const host = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'ignore' })
  const parent = host.pid ?? 0
  await until('it waits', () => waiting(parent).length === 1)
  const [pid = 0] = waiting(parent)
  host.kill('SIGKILL')
  await until('it is gone', () => isGone(pid))
})

test('it keeps no process from its end', { skip }, async () => {
  const program = `
    import { SpareLauncher } from ${JSON.stringify(join(import.meta.dirname, '../../src/runtime/spare-launcher.ts'))}
    const spare = new SpareLauncher()
    const start = ${JSON.stringify(startOf())}
    spare.follow(start)
    spare.follow(start)
    setTimeout(() => console.log(performance.now()), 100)`
  const host = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const began = performance.now()
  let said = ''
  host.stdout.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  await new Promise((done) => host.once('exit', done))
  assert.ok(Number(said) > 100, said)
  assert.ok(performance.now() - began - Number(said) < SPARE_MS * SLOW - 500, 'it has not waited for the spare one')
})

test('clocks of a run begin with it, not with the launcher it was given', { skip }, async (t) => {
  const house = await household(t)
  await house.install({
    files: {
      'main.py': `import time\ntime.sleep(0.3)\nprint('there')`,
      'plugin.json': manifestOf({ entry: { runtime: 'python', path: 'main.py' } }),
    },
  })
  const run = async () => {
    const began = await house.manager.run(HELLO, { timeout: `${1200 * SLOW}ms` })
    return { pid: began.pid, outcome: await began.outcome }
  }
  await run()
  await run()
  await until('one waits', () => waiting().length === 1)
  const [pid] = waiting()
  await sleep(1_000)
  const third = await run()
  assert.equal(third.pid, pid)
  assert.equal(third.outcome.outcome, 'exited')
  assert.ok(third.outcome.usage.wallMs < 1_000 * SLOW, `${third.outcome.usage.wallMs} ms`)
  await house.manager.close()
  assert.deepEqual(waiting(), [])
})

function isGone(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}
