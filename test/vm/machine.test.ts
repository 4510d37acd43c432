import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { test } from 'node:test'

// What the other tests take for granted in the emulated machine. Elsewhere it may rightly be otherwise.
const inside = { skip: process.env.BULKHEAD_VM ? false : 'only in the machine of npm run test:vm' }
const withSystemd = {
  skip: process.env.BULKHEAD_VM === 'systemd' ? false : 'only in the machine of npm run test:vm -- --systemd',
}

const read = (path: string) => readFileSync(path, 'utf8')
const words = (path: string) =>
  read(path)
    .trim()
    .split(/[\s,]+/)
const shell = (script: string) => execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim()

test('runs Linux 6.1', inside, () => {
  assert.match(release(), /^6\.1\./)
})

test('has cgroup v2 with the controllers a plugin is held by, and no v1 hierarchy', inside, () => {
  const controllers = words('/sys/fs/cgroup/cgroup.controllers')
  for (const name of ['cpu', 'memory', 'pids']) assert.ok(controllers.includes(name), `${name} in ${controllers}`)

  const types = read('/proc/self/mounts')
    .split('\n')
    .map((line) => line.split(' ')[2])
  assert.ok(types.includes('cgroup2'))
  assert.ok(!types.includes('cgroup'))
})

test('runs its tests in a cgroup of their own, as a service would', inside, () => {
  assert.equal(read('/proc/self/cgroup'), '0::/system.slice/tests.service\n')
})

test('has Landlock', inside, () => {
  assert.ok(words('/sys/kernel/security/lsm').includes('landlock'))
})

test('lets root make every namespace a plugin runs in', inside, () => {
  assert.equal(
    shell('unshare --user --map-root-user --mount --pid --net --ipc --uts --cgroup --fork echo made'),
    'made',
  )
})

test('has an ordinary user with a user namespace, subordinate ids and a delegated cgroup', inside, () => {
  const made = shell(`as-tester bash -c '
    id -un
    mkdir /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/trial && echo delegated
    unshare --user --map-auto --map-root-user --mount --pid --fork id -u'`)
  assert.equal(made, 'tester\ndelegated\n0')
})

test('has loop devices, a sized tmpfs, pseudo-terminals and shared memory', inside, () => {
  assert.ok(existsSync('/dev/loop-control'))
  assert.ok(existsSync('/dev/ptmx'))
  assert.equal(shell('d=$(mktemp -d); mount -t tmpfs -o size=1M tmpfs $d && stat -f -c %T $d; umount $d'), 'tmpfs')
  assert.equal(shell('stat -f -c %T /dev/shm'), 'tmpfs')
})

test('has its loopback interface up and no other', inside, () => {
  assert.match(shell('ip -brief link'), /^lo\s+UNKNOWN .*<LOOPBACK,UP,LOWER_UP>$/)
})

test('runs the system Python with its standard library', inside, () => {
  assert.equal(shell(`/usr/bin/python3 -c 'import json, ssl, sqlite3; print(json.dumps([1]))'`), '[1]')
})

test('loads the native parts of the store', inside, async () => {
  const { default: Database } = await import('better-sqlite3')
  const database = new Database(':memory:')
  assert.deepEqual(database.prepare('SELECT 6 * 7 AS answer').get(), { answer: 42 })
  database.close()
})

test('is booted by systemd, which has delegated a cgroup to the manager of the ordinary user', withSystemd, () => {
  assert.equal(read('/proc/1/comm'), 'systemd\n')
  assert.equal(shell('systemctl is-active user@1000.service'), 'active')
  const own = '/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service'
  assert.equal(shell(`stat -c %U ${own}`), 'tester')
  for (const name of ['cpu', 'memory', 'pids']) assert.ok(words(`${own}/cgroup.controllers`).includes(name), name)
})

test('logs the ordinary user in to a session of its own, in a cgroup of root', withSystemd, () => {
  assert.match(shell('as-tester cat /proc/self/cgroup'), /^0::\/user\.slice\/user-1000\.slice\/session-\w+\.scope$/)
})
