// Hosts of every kind: a worker of a cluster, one that changes its group all the time, one at its limit of open files.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Launchers } from '../../src/runtime/index.ts'
import { ForkServer } from '../../src/runtime/launching/fork-server.ts'
import { SLOW } from '../helpers/patience.ts'
import { HELLO, household, manifestOf } from '../manager/household.ts'
import { asked, childrenOf, serverOf, serverPidOf, serverPids, spoolOf, startOf, until, withServer } from './forks.ts'
import { cannotLaunch } from './plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const source = (name: string) => JSON.stringify(join(import.meta.dirname, '../../src/runtime', name))
const said = (program: string) => {
  const words = ['--input-type=module', '-e', program]
  const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', timeout: 30_000 })
  return stdout + stderr
}

test('a worker of a cluster has a server of its own', { skip }, (t) => {
  const file = join(spoolOf(t), 'worker.mjs')
  writeFileSync(
    file,
    `import { ForkServer } from ${source('launching/fork-server.ts')}
    import { findLauncher } from ${source('index.ts')}
    const server = await ForkServer.start(findLauncher(), ${JSON.stringify(spoolOf(t))})
    console.log(typeof (await server?.ask(${JSON.stringify(startOf())}))?.pid)
    process.exit()`,
  )
  const program = `
    import cluster from 'node:cluster'
    cluster.setupPrimary({ exec: ${JSON.stringify(file)}, execArgv: [] })
    cluster.fork().on('exit', () => process.exit())`
  assert.equal(said(program), 'number\n')
})

test('a server that could not be started leaves nothing that keeps its host', { skip }, (t) => {
  // This one Node throws for: what its path leads through is no folder.
  const program = `
    import { ForkServer } from ${source('launching/fork-server.ts')}
    console.log(await ForkServer.start('/etc/passwd/launcher', ${JSON.stringify(spoolOf(t))}))
    setTimeout(() => console.log('it is kept'), 2000).unref()`
  assert.equal(said(program), 'null\n')
})

test('a server that is not asked any more ends with the last of its launchers', { skip }, async (t) => {
  const group = process.getegid?.() ?? 0
  t.after(() => process.setegid?.(group))
  const launchers = new Launchers({ spool: spoolOf(t) })
  t.after(() => launchers.close())
  for (let run = 0; run < 2; run++) await launchers.ask(startOf())
  const first = await asked(launchers, startOf())
  const server = serverPidOf()
  for (let count = 0; count < 6; count++) {
    process.setegid?.(count % 2 === 0 ? 65_534 : group)
    assert.equal(await launchers.ask(startOf()), null)
    const one = await asked(launchers, startOf())
    one.abandon()
    await one.gone
  }
  await until('no other is left', () => serverPids().length === 2)
  assert.ok(serverPids().includes(server), 'it has a launcher still')
  first.abandon()
  await until('it ends', () => !serverPids().includes(server))
})

test('where no server answers, one is tried less and less often', { skip }, async (t) => {
  const folder = spoolOf(t)
  const binary = join(folder, 'launcher')
  writeFileSync(binary, `#!/bin/sh\necho >> '${folder}/tried'\n`)
  chmodSync(binary, 0o755)
  const launchers = new Launchers({ spool: folder })
  t.after(() => launchers.close())
  for (let run = 0; run < 40; run++) {
    assert.equal(await launchers.ask(startOf({ binary })), null)
    await sleep(20 * SLOW)
  }
  const tried = readFileSync(join(folder, 'tried'), 'utf8').length
  assert.ok(tried >= 2 && tried <= 6, `${tried} times`)
})

test('a key that stops what is in the foreground does not stop the server of a host that goes on', {
  skip,
}, async (t) => {
  const server = await serverOf(t)
  process.kill(serverPidOf(), 'SIGTSTP')
  const forked = await server.ask(startOf())
  assert.ok(forked)
  forked.abandon()
  assert.match(await forked.gone, /^(?:exit 125|SIGPIPE)$/)
})

test('a host at its limit of open files is told so, and nothing is left of the run', { skip }, async (t) => {
  const house = await household(t)
  await house.install({
    files: { 'main.py': '', 'plugin.json': manifestOf({ entry: { runtime: 'python', path: 'main.py' } }) },
  })
  await withServer(async () => (await house.manager.run(HELLO)).outcome)
  // prlimit(1) by somebody who is there already: to start it needs descriptors.
  const helper = spawn('sh', [], { stdio: ['pipe', 'pipe', 'inherit'] })
  const most = Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])
  const limit = async (files: number) => {
    helper.stdin.write(`prlimit --pid ${process.pid} --nofile=${files}: && echo done\n`)
    await new Promise((done) => helper.stdout.once('data', done))
  }
  t.after(async () => {
    await limit(most)
    helper.kill()
  })
  await sleep(1_200)
  const open = readdirSync('/proc/self/fd').length
  let refused = 0
  for (let spare = 0; spare < 12; spare++) {
    await limit(open + spare)
    try {
      await (await house.manager.run(HELLO)).outcome
    } catch (error) {
      refused++
      assert.equal((error as { code: string }).code, 'LAUNCH_FAILED', String((error as Error).stack))
    }
    await limit(most)
    await until('nothing of it is left', () => serverPids().every((pid) => childrenOf(pid).length === 0))
  }
  assert.ok(refused > 0 && refused < 12, `${refused} were refused`)
  await until('no descriptor is', () => readdirSync('/proc/self/fd').length <= open)
})

test('an end that is told late is not taken for that of the next one with its number', { skip }, async (t) => {
  const folder = spoolOf(t)
  const binary = join(folder, 'server')
  // Gives all its launchers one number, lets their streams come before it says so, and tells of an end in between.
  writeFileSync(
    binary,
    `#!${process.execPath}
    const { openSync } = require('node:fs')
    const { connect, Socket } = require('node:net')
    const O_PATH = 0o10000000
    const door = '/proc/self/fd/' + openSync(process.argv[3], O_PATH)
    const host = new Socket({ fd: 3 })
    host.write('ready\\n')
    let before = ''
    host.on('data', (line) => {
      const [, token] = String(line).split(' ')
      for (let fd = 0; fd < 6; fd++) connect(door).on('error', () => {}).write(token + ' ' + fd + '\\n')
      setTimeout(() => {
        host.write(before + 'begun ' + token + ' 77\\n')
        before = 'exit 77 0\\n'
      }, 200)
    })
    host.on('close', () => process.exit())`,
  )
  chmodSync(binary, 0o755)
  const server = await ForkServer.start(binary, folder)
  assert.ok(server)
  t.after(() => server.close())
  const [first, second] = [await server.ask(startOf()), await server.ask(startOf())]
  assert.ok(first && second)
  assert.equal(await first.gone, 'exit 0')
  assert.equal(second.isWaiting, true)
})
