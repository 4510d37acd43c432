// Many MCP servers side by side, each a `plugins run` that handed itself over: nothing stays when their client goes,
// however it goes and however they take it.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { commOf, sumOf, treeOf } from '../../../bench/processes.ts'
import { SLOW } from '../../helpers/patience.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { household, manifestOf } from '../household.ts'
import { type Connected, call, connectAll, type Servers } from './client.ts'

const PROJECT = resolve(import.meta.dirname, '../../..')
/** Fifty where that takes seconds; emulated processors need one for each start. */
const MANY = process.env.BULKHEAD_VM ? 5 : 50
const FEW = process.env.BULKHEAD_VM ? 2 : 8
const skip = cannotLaunch || (existsSync('/usr/bin/python3') ? false : 'no python3 on this host')
if (skip !== false) console.log(`skipped: ${skip}`)

/** The plugin is the program named so; all else in its tree is there because it is sandboxed. */
const PLUGIN = 'python3'

async function host(t: TestContext) {
  const house = await household(t)
  const server = readFileSync(join(import.meta.dirname, 'server.py'))
  const manifest = manifestOf({ entry: { runtime: 'python', path: 'server.py' }, protocol: 'mcp' })
  await house.install({ files: { 'plugin.json': manifest, 'server.py': server } })
  const servers = (count: number, manner: string): Servers => ({
    command: process.execPath,
    args: [join(PROJECT, 'src/cli/bin.cjs'), '--home', house.layout.home, 'run', 'acme/hello', '--', manner],
    count,
  })

  /** What is left of them, and every launcher of this home. */
  const left = (seen: ReadonlyMap<number, string>): string[] =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => commandOf(pid).includes(house.layout.home) || (seen.has(pid) && seen.get(pid) === startOf(pid)))
      .map((pid) => `${pid} ${commandOf(pid)}`)

  /** After the next command, as is promised: a killed launcher cannot sweep behind itself. */
  const leavesNothing = async (count: number, seen: ReadonlyMap<number, string>): Promise<void> => {
    assert.ok(seen.size >= 3 * count, 'each is a launcher, its init and the server')
    for (let tries = 0; left(seen).length > 0 && tries < 100 * SLOW; tries++) await sleep(20)
    assert.deepEqual(left(seen), [], 'a process stayed')
    const runs = (await house.reopen()).history(null, 1000).map(({ id }) => id)
    assert.ok(runs.length >= count)
    const leaves = cgroupsUnder('/sys/fs/cgroup', 5).filter((path) => runs.some((run) => path.endsWith(`-${run}`)))
    assert.deepEqual(leaves, [], 'a cgroup stayed')
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(house.layout.home), 'a mount stayed')
    const { spool } = house.layout
    assert.deepEqual(existsSync(spool) ? readdirSync(spool) : [], [], 'the spool is not empty')
    for (const { outcome } of house.manager.history(null, count)) assert.ok(outcome, 'a run without an end')
  }
  return { servers, leavesNothing }
}

/** Every process that is there for these, by pid and start time: a pid alone is given again. */
const processesOf = (pids: readonly number[]): Map<number, string> =>
  new Map(pids.flatMap(treeOf).map((pid) => [pid, startOf(pid)]))
const pidsOf = (connected: readonly Connected[]) => connected.map(({ pid }) => pid)

const closeAll = (connected: readonly Connected[]) => Promise.all(connected.map(({ client }) => client.close()))

test(`${MANY} servers answer, cost at most 3 MiB each beside themselves, and end with their client`, {
  skip,
}, async (t) => {
  const { servers, leavesNothing } = await host(t)
  const connected = await connectAll(servers(MANY, 'polite'))
  assert.equal(connected.length, MANY)
  const answers = await Promise.all(connected.map((one, at) => call(one, 'echo', `number ${at}`)))
  assert.deepEqual(
    answers,
    connected.map((_, at) => `number ${at}`),
  )
  assert.equal(await call(connected[0] as Connected, 'whoami', ''), '1000')

  const around = connected.map(({ pid }) => treeOf(pid).filter((one) => commOf(one) !== PLUGIN))
  for (const pids of around) assert.ok(pids.length >= 2 && pids.length <= 3, `${pids.map(commOf)}`)
  const each = sumOf(around.flat(), 'Rss') / MANY
  t.diagnostic(
    `${each.toFixed(2)} MiB beside each of ${MANY} servers (RSS), PSS ${(sumOf(around.flat(), 'Pss') / MANY).toFixed(2)}`,
  )
  assert.ok(each > 0 && each <= 3, `${each} MiB beside each`)

  const seen = processesOf(pidsOf(connected))
  const began = performance.now()
  await closeAll(connected)
  const ms = performance.now() - began
  // An ordinary client's first step is enough: no SIGTERM, which would come after 2 s, was needed.
  assert.ok(ms < 1900 * SLOW, `${ms} ms`)
  await leavesNothing(MANY, seen)
})

for (const [manner, what] of [
  ['stubborn', 'the end of their input'],
  ['deaf', 'their input and SIGTERM'],
] as const) {
  test(`${FEW} servers that ignore ${what} are gone when the client has done all it does`, { skip }, async (t) => {
    const { servers, leavesNothing } = await host(t)
    const connected = await connectAll(servers(FEW, manner))
    const seen = processesOf(pidsOf(connected))
    const began = performance.now()
    await closeAll(connected)
    const ms = performance.now() - began
    // SIGTERM after 2 s, and what ignores it is killed 1.5 s later: before the client's own SIGKILL would come.
    assert.ok(ms >= 1900 && ms < 3950 * SLOW, `${ms} ms`)
    await leavesNothing(FEW, seen)
  })
}

test(`${FEW} launchers that are killed take their servers with them`, { skip }, async (t) => {
  const { servers, leavesNothing } = await host(t)
  const connected = await connectAll(servers(FEW, 'deaf'))
  const gone = connected.map(({ client }) => new Promise<void>((done) => (client.onclose = done)))
  const seen = processesOf(pidsOf(connected))
  for (const pid of pidsOf(connected)) process.kill(pid, 'SIGKILL')
  await Promise.all(gone)
  await leavesNothing(FEW, seen)
})

test(`a client that is killed takes its ${FEW} servers with it`, { skip }, async (t) => {
  const { servers, leavesNothing } = await host(t)
  const program = [join(import.meta.dirname, 'client.ts'), JSON.stringify(servers(FEW, 'deaf'))]
  const child = spawn(process.execPath, ['--no-warnings', ...program], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => void child.kill('SIGKILL'))
  const [word, ...pids] = await new Promise<string[]>((done) =>
    child.stdout.once('data', (chunk) => done(String(chunk).trim().split(' '))),
  )
  assert.equal(word, 'ready')
  const seen = processesOf(pids.map(Number))
  child.kill('SIGKILL')
  await leavesNothing(FEW, seen)
})

/** Field 22 of its stat; empty for one that is only its ashes, which are its parent's affair. */
function startOf(pid: number): string {
  const fields = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /, '')
    .split(' ')
  return fields[0] === 'Z' ? '' : (fields[19] ?? '')
}

const commandOf = (pid: number): string => (pid === process.pid ? '' : read(`/proc/${pid}/cmdline`))

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function cgroupsUnder(folder: string, depth: number): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => {
        const path = join(folder, name)
        return [path, ...(depth > 0 ? cgroupsUnder(path, depth - 1) : [])]
      })
  } catch {
    return []
  }
}
