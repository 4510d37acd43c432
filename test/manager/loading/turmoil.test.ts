import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { PluginError } from '../../../src/index.ts'
import { SLOW } from '../../helpers/patience.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { HELLO, household } from '../household.ts'
import { pythonSpeaker } from './speakers.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const SPEAKER = `
import os, subprocess, time
import bulkhead_plugin
def fork(params, context):
    for _ in range(2):
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
def slowly(params, context):
    time.sleep(params["ms"] / 1000)
    return params["n"]
bulkhead_plugin.serve({"slowly": slowly, "fork": fork, "sleep": lambda p, c: time.sleep(600)}, workers=8)
`

test('1,000 calls at once over 50 instances that are killed at random: each has its answer or a typed error', {
  skip,
}, async (t) => {
  const house = await household(t)
  await house.install(pythonSpeaker(SPEAKER))
  await using plugin = await house.manager.load(HELLO, {
    instances: 50,
    timeoutMs: 60_000,
    restart: { minMs: 10, maxMs: 200, breaker: { failures: 1_000, withinMs: 60_000, coolMs: 1_000 } },
  })
  // The launchers of those that are there, and the first processes of the sandboxes that come: whichever dies, all of it does.
  const victims = (await plugin.stats()).instances.map(({ pid }) => pid ?? 0)
  plugin.on('started', ({ pid }) => victims.push(pid))
  const wrong: unknown[] = []
  let answered = 0
  const codes = new Map<string, number>()
  const calls = Array.from({ length: 1_000 }, async (_, n) => {
    try {
      const answer = await plugin.call('slowly', { n, ms: 100 + (n % 100) })
      if (answer === n) answered++
      else wrong.push([n, answer])
    } catch (error) {
      if (!(error instanceof PluginError)) wrong.push(error)
      else codes.set(error.code, (codes.get(error.code) ?? 0) + 1)
    }
  })
  let killed = 0
  const all = Promise.allSettled(calls).then(() => true)
  while (killed < 40 && !(await Promise.race([all, sleep(10, false)]))) {
    const [victim] = victims.splice(Math.floor(Math.random() * victims.length), 1)
    if (victim === undefined) continue
    try {
      process.kill(victim, 'SIGKILL')
      killed++
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  await all
  assert.deepEqual(wrong, [])
  const failed = [...codes.values()].reduce((sum, count) => sum + count, 0)
  assert.equal(answered + failed, 1_000)
  assert.ok(killed >= 5 && failed > 0, `${killed} kills, ${failed} calls failed`)
  assert.deepEqual([...codes.keys()], ['PLUGIN_ENDED'])
  console.log(`${answered} answered, ${failed} failed, ${killed} instances killed`)

  // All of them come back.
  for (let tries = 0; (await plugin.health()).status !== 'ok'; tries++) {
    assert.ok(tries < 200, 'they did not come back')
    await sleep(50)
  }
})

/** One that has ended and that process 1 has not looked at yet is none. */
const ENDED = /^State:\tZ/m

const hasProcess = (pid: number): boolean => isAlive(pid, /./)

function isAlive(pid: number, kind: RegExp): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return kind.test(status) && !ENDED.test(status)
  } catch {
    // It has ended meanwhile.
    return false
  }
}

/** Every process whose user is the plugin's. */
function processesOf(uid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isAlive(pid, new RegExp(`^Uid:\\t${uid}\\t`, 'm')))
}

test('a host that is killed leaves no process after two seconds, and nothing after the next start', {
  skip,
}, async (t) => {
  const house = await household(t)
  await house.install(pythonSpeaker(SPEAKER))
  const uid = house.raw((db) => (db.prepare('SELECT uid FROM plugins').get() as { uid: number }).uid)
  await house.manager.close()
  const host = spawn(process.execPath, [join(import.meta.dirname, 'host.ts'), house.layout.home, HELLO, '5'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(host.stdout, 'data')) as [Buffer]
  const running = JSON.parse(line.toString()) as { run: string; pid: number }[]
  assert.equal(running.length, 5)
  // Root: of each sandbox its first process, the program, and two that it has forked; all are the plugin's user.
  const isRoot = process.geteuid?.() === 0
  if (isRoot) assert.ok(processesOf(uid).length >= 15, `${processesOf(uid).length} processes`)
  host.kill('SIGKILL')
  await once(host, 'exit')
  // Two seconds of a machine that has a processor for whoever wants one.
  const deadline = Date.now() + 2_000 * Math.max(1, (loadavg()[0] ?? 0) / availableParallelism()) * SLOW
  const left = () => running.filter(({ pid }) => hasProcess(pid)).map(({ pid }) => pid)
  while (Date.now() < deadline && (left().length > 0 || (isRoot && processesOf(uid).length > 0))) await sleep(20)
  assert.deepEqual(left(), [])
  if (isRoot) assert.deepEqual(processesOf(uid), [])

  const manager = await house.reopen()
  assert.deepEqual(await manager.ps(), [])
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  for (const { run } of running) {
    assert.ok(!mounts.includes(run))
    assert.ok(!existsSync(join(house.layout.spool, run)))
    assert.equal(manager.history(HELLO, 50).find(({ id }) => id === run)?.outcome?.signal, 'SIGKILL')
    for (const leaf of leavesOf(run)) assert.fail(`${leaf} is left`)
  }
})

/** Every cgroup folder of a run, in any hierarchy, three levels deep. */
function leavesOf(run: string, folder = '/sys/fs/cgroup', depth = 4): string[] {
  let entries: string[]
  try {
    entries = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  } catch {
    // Another run's, which has ended meanwhile.
    return []
  }
  return entries.flatMap((name) => {
    const path = join(folder, name)
    return name === `bulkhead-${run}` ? [path] : depth > 0 ? leavesOf(run, path, depth - 1) : []
  })
}
