// An ordinary user and a real systemd: nobody has prepared anything but a login.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { before, test } from 'node:test'
import {
  asService,
  asTester,
  FOLDER,
  moveIn,
  PROJECT,
  plugins,
  runPlugin,
  skip,
  startAsTester,
  systemctl,
  UNIT,
  WAYS,
} from './tester.ts'

const PRINT_IDS = '#!/bin/sh\nread inside outside count < /proc/self/uid_map\necho "$inside $outside $count"\n'
const WAIT = '#!/bin/sh\necho up\nread line\n'

before(async () => {
  if (skip) return
  await moveIn({
    ids: { runtime: 'exec', program: PRINT_IDS },
    others: { runtime: 'exec', program: PRINT_IDS },
    waits: { runtime: 'exec', program: WAIT },
    greedy: {
      runtime: 'exec',
      program: '#!/bin/sh\nx=0123456789abcdef\nwhile :; do x=$x$x; done\n',
      manifest: { limits: { memory: '32M', cpu: 2 } },
    },
    busy: {
      runtime: 'exec',
      program: '#!/bin/sh\nwhile :; do :; done\n',
      manifest: { limits: { cpu: 0.2, timeout: '4s' } },
    },
    forks: {
      runtime: 'python',
      program:
        'import os, time\nn = 0\ntry:\n    while True:\n        if os.fork() == 0: time.sleep(60)\n        n += 1\nexcept OSError:\n    print(n)\n',
      manifest: { limits: { processes: 8 } },
    },
    keeps: {
      runtime: 'python',
      program:
        'import errno, os\nkept = len(os.listdir("/data"))\nn = 0\ntry:\n    with open(f"/data/{kept}", "wb", 0) as f:\n' +
        '        while True: n += f.write(bytes(65536))\nexcept OSError as e:\n    print(kept, n, errno.errorcode[e.errno])\n',
      manifest: { limits: { data: '4M' } },
    },
    node: { runtime: 'node', program: 'process.stdout.write([process.getuid(), process.versions.node].join())\n' },
  })
})

const members = (cgroup: string): number[] =>
  existsSync(cgroup)
    ? readFileSync(`${cgroup}/cgroup.procs`, 'utf8').trim().split('\n').filter(Boolean).map(Number)
    : []
const leaves = (): string[] => readdirSync(`${UNIT}/bulkhead`).filter((name) => name.startsWith('bulkhead-'))

async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (isSo()) return
    await new Promise((go) => setTimeout(go, 100))
  }
  assert.fail(`${what}: not after 30 s`)
}

test('doctor finds every required layer, though nothing has been prepared', { skip }, () => {
  assert.equal(existsSync(UNIT), false)
  const { stdout, code } = asTester(plugins('doctor --json'))
  const { layers, canRun } = JSON.parse(stdout)
  const missing = layers.filter((one: { required: boolean; available: boolean }) => one.required && !one.available)
  assert.deepEqual(missing, [])
  assert.equal(canRun, true)
  assert.equal(code, 0)
  const memory = layers.find((one: { layer: string }) => one.layer === 'memory')
  assert.match(memory.detail, /bulkhead\.service/)
  assert.equal(existsSync(UNIT), false, 'looking starts nothing')
})

for (const [name, way] of Object.entries(WAYS)) {
  test(`a plugin runs from ${name}, with every layer, and leaves no cgroup behind`, { skip }, () => {
    const { code, stdout, stderr, outcome } = runPlugin('acme/ids', { way })
    assert.equal(code, 0, stderr)
    assert.equal(stdout, '1000 100000 1\n')
    assert.deepEqual(outcome.weaker, [])
    assert.ok((outcome.usage.memoryPeakBytes ?? 0) > 0)
    assert.deepEqual(leaves(), [])
  })
}

test('the unit was started once, is a few pages large, and holds no process but its own', { skip }, () => {
  assert.equal(systemctl('is-active bulkhead.service'), 'active')
  const [holder, ...others] = members(`${UNIT}/supervisors`)
  assert.deepEqual(others, [])
  assert.equal(systemctl('show --value --property MainPID bulkhead.service'), String(holder))
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${holder}/status`, 'utf8'))?.[1]
  assert.ok(Number(resident) < 256, `${resident} kB`)
})

test('every plugin is a subordinate uid of its own', { skip }, () => {
  assert.equal(runPlugin('acme/others').stdout, '1000 100001 1\n')
  assert.equal(runPlugin('acme/ids').stdout, '1000 100000 1\n')
})

test('Node runs as well: its memory is held by the cgroup', { skip }, () => {
  const { stdout, stderr, outcome } = runPlugin('acme/node')
  assert.equal(stdout, `1000,${process.versions.node}`, stderr)
  assert.deepEqual(outcome.weaker, [])
})

test('more memory than allowed ends the run, and no other one', { skip }, async () => {
  const other = startAsTester(`exec ${plugins('run acme/waits')}`)
  await once(other.stdout ?? assert.fail(), 'data')
  const { code, outcome } = runPlugin('acme/greedy')
  assert.equal(code, 137)
  assert.equal(outcome.limit, 'memory')
  assert.equal(systemctl('is-active bulkhead.service'), 'active')
  assert.equal(other.exitCode, null)
  other.stdin?.end('\n')
  assert.deepEqual(await once(other, 'exit'), [0, null])
})

test('more processes than allowed fail to start', { skip }, () => {
  const { stdout, outcome } = runPlugin('acme/forks')
  // Its own, and the sandbox's init.
  assert.ok(Number(stdout) >= 5 && Number(stdout) <= 7, stdout)
  assert.ok(outcome.limitsMet.includes('processes'))
})

test('a share of a processor is what it gets', { skip }, () => {
  const { code, outcome } = runPlugin('acme/busy')
  assert.equal(code, 124)
  const { cpuMs, wallMs } = outcome.usage
  assert.ok((cpuMs ?? 0) < wallMs * 0.3, `${cpuMs} ms of ${wallMs} ms`)
})

test('what a plugin keeps ends at its quota, stays, and goes with it', { skip }, () => {
  const first = runPlugin('acme/keeps')
  const [kept, bytes, why] = first.stdout.trim().split(' ')
  assert.deepEqual([kept, why], ['0', 'ENOSPC'], first.stderr)
  assert.ok(Number(bytes) >= 4 * 2 ** 20 - 65_536 && Number(bytes) < 4.5 * 2 ** 20, bytes)
  assert.ok(first.outcome.limitsMet.includes('data'), JSON.stringify(first.outcome))
  assert.match(runPlugin('acme/keeps').stdout, /^1 \d+ ENOSPC$/m)
  const doctor = asTester(plugins('doctor')).stdout
  assert.match(doctor, /^data-quota +yes +ext4 image, served by fuse2fs$/m)

  const removed = asTester(plugins('remove acme/keeps --purge --yes'))
  assert.equal(removed.code, 0, removed.stderr)
  assert.equal(existsSync(`${FOLDER}/home/data/acme/keeps`), false)
  assert.equal(asTester('pgrep fuse2fs; grep fuse2fs /proc/mounts').stdout, '')
})

test('a launcher killed with SIGKILL leaves no process, and the next command takes its cgroup away', {
  skip,
}, async () => {
  const shell = startAsTester(`exec ${plugins('run acme/waits')}`)
  await once(shell.stdout ?? assert.fail(), 'data')
  const launcher = members(`${UNIT}/supervisors`).find(
    (pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'bulkhead:acme/w\n',
  )
  const [leaf = assert.fail('there is no leaf')] = leaves()
  process.kill(launcher ?? assert.fail('no launcher in the unit'), 'SIGKILL')
  await until(() => members(`${UNIT}/bulkhead/${leaf}`).length === 0, 'its processes are gone')
  const { stdout } = asTester(plugins('history --json acme/waits'))
  assert.equal(existsSync(`${UNIT}/bulkhead/${leaf}`), false)
  assert.notEqual(JSON.parse(stdout)[0].outcome, null)
})

test('reloading systemd changes nothing for what runs', { skip }, async () => {
  const shell = startAsTester(`exec ${plugins('run acme/waits')}`)
  await once(shell.stdout ?? assert.fail(), 'data')
  systemctl('daemon-reload')
  const [leaf = assert.fail('there is no leaf')] = leaves()
  assert.match(readFileSync(`${UNIT}/bulkhead/cgroup.subtree_control`, 'utf8'), /memory/)
  assert.notEqual(readFileSync(`${UNIT}/bulkhead/${leaf}/memory.max`, 'utf8').trim(), 'max')
  shell.stdin?.end('\n')
  assert.deepEqual(await once(shell, 'exit'), [0, null])
  assert.equal(runPlugin('acme/ids').code, 0)
})

test('stopping the unit ends every sandbox of the user, and the next run starts it again', { skip }, async () => {
  const shells = [0, 1].map(() => startAsTester(`exec ${plugins('run acme/waits')}`))
  for (const shell of shells) await once(shell.stdout ?? assert.fail(), 'data')
  const ends = shells.map((shell) => once(shell, 'exit'))
  systemctl('stop bulkhead.service')
  await Promise.all(ends)
  await until(() => !existsSync(UNIT), 'the cgroup is gone')
  assert.equal(runPlugin('acme/ids').code, 0)
})

test('runs that begin at once, with the unit not there yet, all begin', { skip }, async () => {
  systemctl('stop bulkhead.service')
  const { stdout, stderr } = asTester(
    `for i in 1 2 3 4; do ${plugins('run acme/ids')} & done; wait; systemctl --user is-failed bulkhead.service`,
  )
  assert.equal(stdout, `${'1000 100000 1\n'.repeat(4)}active\n`, stderr)
})

test('where systemd has no socket of its own, it is asked over the bus', { skip }, () => {
  systemctl('stop bulkhead.service')
  const own = '/run/user/1000/systemd/private'
  renameSync(own, `${own}.away`)
  try {
    const { code, stderr } = runPlugin('acme/ids')
    assert.equal(code, 0, stderr)
  } finally {
    renameSync(`${own}.away`, own)
  }
})

test('a host application in a login session starts plugins too, and is not moved itself', { skip }, () => {
  const program = `import { openManager } from '${PROJECT}/dist/js/index.js'
    import { readFileSync } from 'node:fs'
    const manager = await openManager()
    const run = await manager.run('acme/ids')
    run.stdin.end()
    for await (const chunk of run.stdout) process.stdout.write(chunk)
    const { outcome, weaker } = await run.outcome
    console.log(outcome, weaker.length, readFileSync('/proc/self/cgroup', 'utf8').includes('session-'))
    await manager.close()`
  writeFileSync(`${FOLDER}/host.mjs`, program)
  const { stdout, stderr } = asTester('node host.mjs')
  assert.equal(stdout, '1000 100000 1\nexited 0 true\n', stderr)
})

test('a system service of the user runs plugins in its own delegated cgroup, and moves itself aside', { skip }, () => {
  const script = `${plugins('run acme/waits')} < /dev/zero & sleep 8
    find /sys/fs/cgroup/system.slice/host.service -name 'bulkhead-*' -o -name supervisors; kill %1; wait`
  const { stdout, stderr } = asService('--unit=host -p Delegate=yes', script)
  const group = '/sys/fs/cgroup/system.slice/host.service'
  assert.match(stdout, new RegExp(`^${group}/bulkhead/bulkhead-\\w+-\\w+$`, 'm'), stderr)
  assert.match(stdout, new RegExp(`^${group}/supervisors$`, 'm'), stderr)
})

test('a system service of the user without such a cgroup uses that of the user’s systemd', { skip }, () => {
  const { stdout, stderr } = asService('', plugins('run acme/ids'))
  assert.equal(stdout, '1000 100000 1\n', stderr)
})
