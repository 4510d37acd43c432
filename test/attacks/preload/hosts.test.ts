// The host process of bad or broken parents: whatever they say, and however either ends, it goes on and nothing is left.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { clear } from '../../../src/manager/clearance.ts'
import { type Host, openHost } from '../../../src/manager/host.ts'
import { launch } from '../../../src/manager/launch.ts'
import { PreloadParents, type RunPlan } from '../../../src/runtime/index.ts'
import { SLOW } from '../../helpers/patience.ts'
import { HELLO, household, manifestOf } from '../../manager/household.ts'
import { eventually } from '../../runtime/launcher/launch.ts'
import { needsParent } from '../../runtime/preload/parent.ts'
import { hostileFolder, PACKAGES_INSIDE } from './hostile.ts'

const options = { skip: needsParent, timeout: 60_000 * SLOW }

async function hosted(t: TestContext): Promise<Host> {
  const house = await household(t)
  const entry = { runtime: 'python', path: 'main.py', preload: ['json'] }
  await house.install({
    files: { 'main.py': `import time; time.sleep(600)`, 'plugin.json': manifestOf({ entry }) },
  } as never)
  writeFileSync(house.layout.configFile, JSON.stringify({ preload: { python: ['json'] } }), { mode: 0o600 })
  const host = await openHost({ home: house.layout.home })
  t.after(async () => {
    await host.parents.close()
    host.store.close()
  })
  return host
}

let runs = 0
const planned = async (host: Host): Promise<RunPlan> =>
  await host.planner.prepare((await clear(host, HELLO, `r-${++runs}`, {})).request)

/** The plan of a run whose parent imports `odd`. */
async function withHostile(host: Host, source: string): Promise<RunPlan> {
  const plan = await planned(host)
  const bind = { outside: hostileFolder(source), inside: PACKAGES_INSIDE, executable: true }
  return { ...plan, preload: { ...plan.preload, modules: ['odd'], binds: [...plan.preload.binds, bind] } }
}

const parentsIn = ({ layout }: Host): string[] => readdirSync(join(layout.spool, '_parents'))
/** Its launcher has said how it ended, and goes in a moment: sooner than anybody would end it. */
const isGone = async (pid: number): Promise<boolean> => await eventually(() => !existsSync(`/proc/${pid}`), 500)

/** What it says in the place of "ready", and what the host makes of it. */
const SAID: Readonly<Record<string, readonly [source: string, reason: RegExp]>> = {
  'a line without an end': [`\nwhile True: os.write(1, b'x' * 65536)`, /^there is no preloaded parent: [^x]*$/],
  garbage: [`\nos.write(1, bytes(range(256)) * 8 + READY)`, /^there is no preloaded parent: /],
  'ready, in capitals': [`\nos.write(1, b'READY\\n')`, /: READY$/],
  nothing: [`\nos._exit(0)`, /ended before$/],
  'nothing, and closes what it would say it by': [`\nos.close(1); time.sleep(600)`, /^there is no preloaded parent: /],
}

for (const [what, [source, reason]] of Object.entries(SAID))
  test(`a parent that says ${what} is none, and runs are started cold`, options, async (t) => {
    const host = await hosted(t)
    const began = performance.now()
    const { preload } = await host.parents.lend(await withHostile(host, source))
    assert.equal(preload.parent, null)
    assert.match(String(preload.reason), reason)
    assert.ok(String(preload.reason).length < 5_000, 'nor is all of it kept')
    assert.ok(performance.now() - began < 20_000 * SLOW)
    assert.deepEqual([host.parents.list(), parentsIn(host)], [[], []])
  })

test('one that says it is ready, and never stops talking, is ended', options, async (t) => {
  const host = await hosted(t)
  const plan = await withHostile(
    host,
    `\nos.write(1, READY * 2)\ntime.sleep(0.3)\nwhile True: os.write(1, READY * 9999)`,
  )
  const { preload } = await host.parents.lend(plan)
  assert.notEqual(preload.parent, null)
  const [{ pid } = { pid: 0 }] = host.parents.list()
  assert.ok(await eventually(() => !existsSync(`/proc/${pid}`), 5_000), 'it goes on')
  assert.ok(await eventually(() => parentsIn(host).length === 0))
})

test('what is closed at the moment of its end is gone when that is done', options, async (t) => {
  const host = await hosted(t)
  for (const idleMs of [0, 1]) {
    const parents = new PreloadParents({ spool: host.layout.spool, idleMs })
    const plan = await parents.lend(await planned(host))
    assert.notEqual(plan.preload.parent, null)
    const [{ pid } = { pid: 0 }] = parents.list()
    parents.giveBack(plan.run) // idle for long enough at once, or in a moment
    await parents.close()
    assert.deepEqual(parentsIn(host), [], `${idleMs}`)
    assert.ok(await isGone(pid))
  }
})

test('many runs, ends and beginnings at once leave nothing', options, async (t) => {
  const host = await hosted(t)
  const parents = new PreloadParents({ spool: host.layout.spool, max: 1, idleMs: 1 })
  const pids = new Set<number>()
  const plan = await planned(host)
  await Promise.all(
    Array.from({ length: 12 }, async (_, number) => {
      const one = { ...plan, run: `race-${number}`, name: number % 3 === 0 ? 'acme/other' : plan.name }
      const lent = await parents.lend(one)
      for (const { pid } of parents.list()) pids.add(pid)
      parents.giveBack(lent.run, number % 4 === 0)
    }),
  )
  await parents.close()
  assert.ok(pids.size > 0)
  assert.deepEqual([parents.list(), parentsIn(host)], [[], []])
  for (const pid of pids) assert.ok(await isGone(pid))
  assert.equal((await parents.lend(plan)).preload.reason, 'its manager has been closed')
})

test('a folder that cannot be removed is an end of nothing else', options, async (t) => {
  const host = await hosted(t)
  const parents = new PreloadParents({ spool: host.layout.spool, idleMs: 0 })
  const plan = await parents.lend(await planned(host))
  const [{ pid } = { pid: 0 }] = parents.list()
  const held = join(String(plan.preload.parent), 'held')
  const gone = spawn('true')
  await once(gone, 'exit')
  const left = join(host.layout.spool, '_parents', `${gone.pid}-parent-0`, 'held')
  const unmount = [mount(held), mount(left)]
  try {
    parents.giveBack(plan.run)
    await parents.close()
    assert.ok(await isGone(pid))
    assert.ok(existsSync(held))
    // As that of a process that is gone it is in nobody's way either.
    assert.notEqual((await host.parents.lend(await planned(host))).preload.parent, null)
    assert.ok(existsSync(left))
  } finally {
    for (const one of unmount) one()
  }
})

/** A folder that is somewhere else, until what it gives is called. */
function mount(folder: string): () => void {
  mkdirSync(folder, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', 'none', folder])
  return () => execFileSync('umount', [folder])
}

/** Prints its launchers, and stays. */
const HOST = `
import { openHost } from ${JSON.stringify(join(import.meta.dirname, '../../../src/manager/host.ts'))}
import { launch } from ${JSON.stringify(join(import.meta.dirname, '../../../src/manager/launch.ts'))}
const host = await openHost({ home: process.argv[1] })
const run = await launch(host, ${JSON.stringify(HELLO)}, {}, () => true)
await run.started
console.log(JSON.stringify({ launchers: [run.pid, ...host.parents.list().map(({ pid }) => pid)] }))
setInterval(() => {}, 1000)`

test(
  'a host that is killed with all its launchers, as by systemd, leaves no cgroup behind for long',
  options,
  async (t) => {
    const host = await hosted(t)
    const { cgroups } = await planned(host)
    const cgroup = String(cgroups.cgroup2)
    const before = new Set(existsSync(cgroup) ? readdirSync(cgroup) : [])
    const child = spawn(
      process.execPath,
      ['--input-type=module-typescript', '--no-warnings', '-e', HOST, host.layout.home],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    t.after(() => child.kill('SIGKILL'))
    const [said] = await once(child.stdout, 'data')
    const { launchers } = JSON.parse(String(said)) as { launchers: number[] }
    const families = readdirSync(cgroup).filter((name) => name.startsWith('bulkhead-parent-') && !before.has(name))
    assert.equal(families.length, 1)
    const leaves = [cgroup, ...Object.values(cgroups.cgroup1)].map((parent) =>
      join(String(parent), String(families[0])),
    )
    assert.ok(leaves.every((leaf) => existsSync(leaf)))
    child.kill('SIGSTOP') // it would see them go
    for (const pid of launchers) process.kill(pid, 'SIGKILL')
    child.kill('SIGKILL')
    await once(child, 'exit')
    // The next host of this home, with its first parent.
    const run = await launch(host, HELLO, {}, () => true)
    await run.started
    assert.deepEqual(
      leaves.filter((leaf) => existsSync(leaf)),
      [],
    )
    assert.equal(parentsIn(host).length, 1)
    await run.close()
  },
)
