// Launchers that a fork server starts are just what this process would start, know nothing, and end with their host.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { findLauncher, Launchers } from '../../src/runtime/index.ts'
import { startChild } from '../../src/runtime/launching/child-launcher.ts'
import { ForkServer } from '../../src/runtime/launching/fork-server.ts'
import type { LauncherProcess } from '../../src/runtime/launching/launcher-process.ts'
import { takeUp } from '../../src/runtime/spool.ts'
import { HELLO, household, manifestOf } from '../manager/household.ts'
import {
  asked,
  childrenOf,
  doorOf,
  field,
  hasEnded,
  serverOf,
  serverPidOf,
  serverPids,
  spoolOf,
  startOf,
  until,
} from './forks.ts'
import { cannotLaunch } from './plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

/** Everything that can be seen of a launcher which waits for its specification, but numbers that are given anew. */
async function portrait({ pid }: LauncherProcess): Promise<Record<string, unknown>> {
  await until('it is one', () => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('bulkhead-launch: '))
  const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'latin1')
  const descriptors = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    const leadsTo = readlinkSync(`/proc/${pid}/fd/${fd}`)
    return `${fd} ${leadsTo.replace(/\d+/, 'N')}`
  })
  // Its name is its own as soon as it has read what the plugin is called.
  const status = ['Umask', 'Uid', 'Gid', 'Groups', 'NoNewPrivs', 'Seccomp', 'SigBlk', 'SigIgn', 'SigCgt', 'CapEff']
  return {
    cmdline: read('cmdline'),
    environ: read('environ').replaceAll('\0', ''),
    cwd: readlinkSync(`/proc/${pid}/cwd`),
    exe: readlinkSync(`/proc/${pid}/exe`),
    cgroup: read('cgroup'),
    limits: read('limits'),
    oom: read('oom_score_adj'),
    session: read('stat').split(') ')[1]?.split(' ').slice(2, 4),
    descriptors,
    ...Object.fromEntries(status.map((name) => [name, field(pid, name)])),
  }
}

test('a launcher of the server is what this process would start, to the last descriptor', { skip }, async (t) => {
  const server = await serverOf(t)
  // Such as a terminal's shell, or whoever started this, leaves to its children: the server lets go of them.
  const leaked = (one: Record<string, unknown>) =>
    (one.descriptors as string[]).filter((line) => Number(line.split(' ')[0]) < 6)
  for (const stdio of [
    ['pipe', 'pipe', 'pipe'],
    ['ignore', 'pipe', 'ignore'],
  ] as const) {
    const start = startOf({ stdio })
    const child = startChild(start)
    const forked = await server.ask(start)
    assert.ok(child && forked)
    const [mine, its] = [await portrait(child), await portrait(forked)]
    assert.deepEqual({ ...its, descriptors: leaked(its) }, { ...mine, descriptors: leaked(mine) })
    assert.deepEqual(its.descriptors, leaked(its), 'and it has no other')
    for (const launcher of [child, forked]) launcher.kill()
    assert.deepEqual(await Promise.all([child.gone, forked.gone]), ['SIGKILL', 'SIGKILL'])
  }
})

test('its streams lead each to its place, and how it ended is told', { skip }, async (t) => {
  const server = await serverOf(t)
  const start = startOf()
  const [child, forked] = [startChild(start), await server.ask(start)]
  assert.ok(child && forked)
  for (const launcher of [child, forked]) {
    launcher.specification.end('no specification\n')
    assert.match(await text(launcher.report), /"event":"ended".*"error":"SPEC_INVALID"/)
    assert.equal(await launcher.gone, 'exit 125')
    assert.deepEqual([await text(launcher.stdout as never), await text(launcher.stderr as never)], ['', ''])
    assert.equal(launcher.stdin?.destroyed, true)
  }
})

test('nobody finds its socket, and whoever comes to it is asked who it is', { skip }, async (t) => {
  const spool = spoolOf(t)
  const server = await serverOf(t, spool)
  assert.deepEqual(readdirSync(spool), [], 'its name is gone')
  const forked = await server.ask(startOf())
  assert.ok(forked)
  // Only a process that has it open can lead there: this is what the server itself does.
  const door = doorOf(serverPidOf())
  for (const words of ['', 'hello\n', `${'0'.repeat(32)} 3\n`, `${'0'.repeat(32)} 3\nmore`, 'x'.repeat(200)]) {
    const socket = connect(door)
    socket.on('error', () => {})
    if (words === '') socket.end()
    else socket.write(words)
    await new Promise((done) => socket.once('close', done).resume())
  }
  const next = await server.ask(startOf())
  assert.ok(next, 'it goes on')
})

test('what does not come in time is not waited for, and what comes late finds nobody', { skip }, async (t) => {
  const server = await serverOf(t)
  const pid = serverPidOf()
  process.kill(pid, 'SIGSTOP')
  assert.equal(await server.ask(startOf()), null)
  process.kill(pid, 'SIGCONT')
  await until('the late one has ended', () => childrenOf(pid).every(hasEnded))
  assert.ok(await server.ask(startOf()))
})

test('a server that is killed takes its launchers along, and none is asked of it', { skip }, async (t) => {
  const server = await serverOf(t)
  const forked = await server.ask(startOf())
  assert.ok(forked)
  process.kill(serverPidOf(), 'SIGKILL')
  assert.equal(await forked.gone, 'its parent cannot tell')
  assert.equal(await server.ask(startOf()), null)
  forked.abandon()
  await until('it ends', () => hasEnded(forked.pid))
})

test('where there is no folder for its socket there is none', { skip }, async (t) => {
  assert.equal(await ForkServer.start(findLauncher(), join(spoolOf(t), 'not-there')), null)
  assert.equal(await ForkServer.start('/bin/false', spoolOf(t)), null)
})

test('a folder with a path that is too long for a socket is none the worse', { skip }, async (t) => {
  const spool = join(spoolOf(t), 'x'.repeat(200))
  mkdirSync(spool)
  const server = await serverOf(t, spool)
  assert.ok(await server.ask(startOf()))
})

test('a socket that a killed host has left is swept, and that of a living one is not', { skip }, async (t) => {
  const spool = spoolOf(t)
  const names = [`launchers-${process.pid}-0123456789abcdef`, 'launchers-4194303-0123456789abcdef']
  const servers = await Promise.all(
    names.map(
      (name) =>
        new Promise<ReturnType<typeof createServer>>((done) => {
          const one = createServer().listen(join(spool, name), () => done(one))
        }),
    ),
  )
  t.after(() => servers.map((one) => one.close()))
  takeUp(
    spool,
    () => true,
    () => assert.fail('there is no run'),
  )
  assert.deepEqual(readdirSync(spool), [names[0]])
})

test('from the second run on there is one, until the manager is closed', { skip }, async (t) => {
  const launchers = new Launchers({ spool: spoolOf(t) })
  assert.equal(await launchers.ask(startOf()), null)
  await sleep(100)
  assert.deepEqual(serverPids(), [], 'a process that runs one plugin pays for nothing')
  assert.equal(await launchers.ask(startOf()), null)
  await until('it is there', () => serverPids().length === 1)
  const third = await asked(launchers, startOf())
  assert.equal(field(third.pid, 'PPid'), String(serverPids()[0]))
  for (const stream of ['inherit', 1] as const)
    assert.equal(await launchers.ask(startOf({ stdio: ['ignore', stream, 'ignore'] })), null, `${stream}`)
  await launchers.close()
  assert.deepEqual(serverPids(), [])
  third.abandon()
  await until('and its launcher', () => hasEnded(third.pid))
})

test('one that is not what this process is any more is not asked', { skip }, async (t) => {
  const folder = spoolOf(t)
  const binary = join(folder, 'launcher')
  copyFileSync(findLauncher(), binary)
  const launchers = new Launchers({ spool: folder })
  t.after(() => launchers.close())
  for (let run = 0; run < 2; run++) await launchers.ask(startOf({ binary }))
  await asked(launchers, startOf({ binary }))
  copyFileSync(findLauncher(), `${binary}.new`)
  renameSync(`${binary}.new`, binary)
  assert.equal(await launchers.ask(startOf({ binary })), null, 'an upgrade')
  await asked(launchers, startOf({ binary }))
  const group = process.getegid?.() ?? 0
  t.after(() => process.setegid?.(group))
  process.setegid?.(65_534)
  assert.equal(await launchers.ask(startOf({ binary })), null, 'a group that was given up')
  const forked = await asked(launchers, startOf({ binary }))
  assert.equal(field(forked.pid, 'Gid')?.split('\t')[1], '65534')
})

for (const how of ['is killed', 'comes to its end'] as const) {
  test(`a host that ${how} leaves no server and no launcher`, { skip }, async (t) => {
    const spool = spoolOf(t)
    const host = hostOf(spool, how === 'is killed' ? 'setInterval(() => {}, 1000)' : '')
    const said = await new Promise<string>((done) => host.stdout?.once('data', (bytes) => done(String(bytes))))
    const [server = 0, launcher = 0] = said.trim().split(' ').map(Number)
    assert.equal(field(server, 'PPid'), String(host.pid))
    if (how === 'is killed') host.kill('SIGKILL')
    await until('they end', () => hasEnded(server) && hasEnded(launcher))
    await until('the host has ended', () => host.exitCode !== null || host.signalCode !== null)
    if (how !== 'is killed') assert.equal(host.exitCode, 0, 'nothing keeps it')
  })
}

test('a run has all of its streams, its arguments and its end, whoever has started its launcher', {
  skip,
}, async (t) => {
  const house = await household(t)
  await house.install({
    files: {
      'main.py': `import sys\nsaid = sys.stdin.read()\nprint(said * 3, end='')\nprint(sys.argv[1], file=sys.stderr)\nsys.exit(len(said))`,
      'plugin.json': manifestOf({ entry: { runtime: 'python', path: 'main.py' } }),
    },
  })
  const told = 'x'.repeat(100_000)
  const parents = new Set<string | undefined>()
  for (let count = 0; count < 4; count++) {
    const run = await house.manager.run(HELLO, { args: [`run ${count}`], name: 'one' })
    parents.add(field(run.pid, 'PPid'))
    run.stdin?.end(count === 3 ? 'abc' : told)
    const [output, words, outcome] = await Promise.all([
      text(run.stdout as never),
      text(run.stderr as never),
      run.outcome,
    ])
    assert.equal(output, (count === 3 ? 'abc' : told).repeat(3))
    assert.equal(words, `run ${count}\n`)
    assert.equal(outcome.code, count === 3 ? 3 : 100_000 % 256)
    await until('it is there', () => count < 1 || serverPids().length === 1)
  }
  assert.deepEqual([...parents], [String(process.pid), String(serverPids()[0])])
  await house.manager.close()
  assert.deepEqual(serverPids(), [])
})

test('many at once come each to their own run', { skip }, async (t) => {
  const house = await household(t)
  await house.install({
    files: {
      'main.py': `import sys\nprint(sys.argv[1])`,
      'plugin.json': manifestOf({ entry: { runtime: 'python', path: 'main.py' } }),
    },
  })
  for (let count = 0; count < 2; count++) await (await house.manager.run(HELLO, { args: ['first'] })).outcome
  await until('it is there', () => serverPids().length === 1)
  const said = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const run = await house.manager.run(HELLO, { args: [`${index}`] })
      const [output] = await Promise.all([text(run.stdout as never), run.outcome])
      return output
    }),
  )
  assert.deepEqual(
    said,
    Array.from({ length: 20 }, (_, index) => `${index}\n`),
  )
})

function hostOf(spool: string, then: string): ChildProcess {
  const source = (name: string) => JSON.stringify(join(import.meta.dirname, '../../src/runtime', name))
  const program = `
    import { readFileSync } from 'node:fs'
    import { ForkServer } from ${source('launching/fork-server.ts')}
    import { findLauncher } from ${source('index.ts')}
    const server = await ForkServer.start(findLauncher(), ${JSON.stringify(spool)})
    const launcher = await server.ask(${JSON.stringify(startOf())})
    const parent = /^PPid:\\t(.*)$/m.exec(readFileSync('/proc/' + launcher.pid + '/status', 'utf8'))[1]
    console.log(parent, launcher.pid)
    launcher.keepAlive('unref')
    ${then}`
  return spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
}
