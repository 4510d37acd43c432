// Mode user: an ordinary caller, as far as the kernel lets it.

import assert from 'node:assert/strict'
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Ended } from './launch.ts'
import {
  compartment,
  compile,
  encode,
  type Layer,
  launcherPath,
  needsRoot,
  parseReport,
  scratch,
  specification,
} from './launch.ts'

// Run by root, the tests become an unprivileged uid that nobody has.
const caller = 1879070000
const skip = needsRoot
const SETIDS_ONLY = ['--bounding-set', '-all,+setuid,+setgid']
const program = compile(`
  #include <fcntl.h>
  #include <grp.h>
  #include <stdio.h>
  #include <unistd.h>
  int main(void) {
    printf("%d %d %d %d|", getpid(), getuid(), getgid(), getgroups(0, NULL));
    printf("%d %d %d %d %d\\n", open("/tmp/x", O_CREAT | O_WRONLY, 0600) >= 0, open("/data/x", O_CREAT | O_WRONLY, 0600) >= 0,
           open("/dev/null", O_RDWR) >= 0, open("/etc/passwd", O_RDONLY) >= 0, open("/plugin/x", O_CREAT | O_WRONLY, 0600) >= 0); }`)

interface Outcome extends Pick<SpawnSyncReturns<string>, 'status' | 'stdout' | 'stderr'> {
  readonly ended: Ended | undefined
}

function runAs(
  uid: number,
  set: Record<string, string | number | undefined>,
  weaker: readonly Layer[],
  what = program,
  rights: readonly string[] = [],
): Outcome {
  const there = compartment(what)
  const folder = scratch()
  const own = {
    'cgroup1-memory': undefined,
    'cgroup1-pids': undefined,
    'cgroup1-cpu': undefined,
    'cgroup1-cpuacct': undefined,
    'cgroup1-blkio': undefined,
    'io-bytes-per-second': undefined,
    cgroup2: undefined,
    'cgroup2-controllers': undefined,
    'cpu-permille': undefined,
  }
  spawnSync('chown', ['-R', `${uid}:${uid}`, there.root, there.data])
  if (set.uid !== uid) chownSync(there.data, Number(set.uid), Number(set.gid))
  const fields = specification({ in: there, data: true, weaker, set: { mode: 'user', ...own, ...set } })
  writeFileSync(join(folder, 'spec'), encode(fields))
  writeFileSync(join(folder, 'report'), '')
  chmodSync(join(folder, 'report'), 0o666)
  copyFileSync(launcherPath(), join(folder, 'launch'))
  const result = spawnSync(
    'setpriv',
    [
      '--reuid',
      String(uid),
      '--regid',
      String(uid),
      '--clear-groups',
      ...rights,
      '/bin/sh',
      '-c',
      './launch 3<spec 4>report',
    ],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  )
  return { ...result, ended: parseReport(readFileSync(join(folder, 'report'), 'utf8')).ended }
}

test('a plugin cannot use up what its user has of inotify', {
  skip: skip || (!existsSync('/proc/sys/user/max_inotify_instances') && 'the kernel has no such limit'),
}, () => {
  const watcher = compile(
    '#include <stdio.h>\n#include <sys/inotify.h>\nint main(void) { int n = 0; while (inotify_init1(0) >= 0) n++; printf("%d", n); }',
  )
  assert.equal(runAs(caller, { uid: caller, gid: caller }, ['uid', 'memory'], watcher).stdout, '16')
})

test('an ordinary user runs a plugin with one mapped id and all files in place', { skip }, () => {
  const result = runAs(caller, { uid: caller, gid: caller }, ['uid', 'memory'])
  assert.equal(result.stdout, '2 1000 1000 0|1 1 1 0 0\n', `${result.stderr}${JSON.stringify(result.ended)}`)
  assert.equal(result.ended?.outcome, 'exited')
  assert.deepEqual(result.ended?.weaker, ['uid', 'memory'])
})

test('without newuidmap a uid of its own is refused unless given up by name', { skip }, () => {
  const result = runAs(caller, { uid: caller, gid: caller }, ['memory'])
  assert.equal(result.status, 125)
  assert.equal(result.ended?.error, 'LAYER_UNAVAILABLE')
  assert.equal(result.ended?.layer, 'uid')
})

test('only the caller’s own id can be mapped directly', { skip }, () => {
  const result = runAs(caller, { uid: caller + 1, gid: caller + 1 }, ['uid', 'memory'])
  assert.equal(result.ended?.error, 'SPEC_INVALID')
})

test('memory without a cgroup is refused unless given up by name', { skip }, () => {
  const result = runAs(caller, { uid: caller, gid: caller }, ['uid'])
  assert.equal(result.ended?.error, 'LAYER_UNAVAILABLE')
  assert.equal(result.ended?.layer, 'memory')
})

test('the user namespace cannot be given up', { skip }, () => {
  const result = runAs(caller, { uid: caller, gid: caller }, ['uid', 'memory', 'user-namespace'])
  assert.equal(result.ended?.layer, 'user-namespace')
})

test('root that may set ids and nothing else, as in a container, gives the plugin an id of its own', { skip }, () => {
  const { stdout, stderr, ended } = runAs(0, { uid: caller, gid: caller }, ['memory'], program, SETIDS_ONLY)
  assert.equal(stdout, '2 1000 1000 0|1 1 1 0 0\n', `${stderr}${JSON.stringify(ended)}`)
  assert.deepEqual(ended?.weaker, ['memory'])
  const outside = compile(`
    #include <stdio.h>
    int main(void) { char line[64]; FILE *f = fopen("/proc/self/uid_map", "r"); if (f && fgets(line, sizeof line, f)) puts(line); }`)
  const map = runAs(0, { uid: caller, gid: caller, proc: 1 }, ['memory'], outside, SETIDS_ONLY)
    .stdout.trim()
    .split(/\s+/)
  assert.deepEqual(map, ['1000', String(caller), '1'])
})

test('root in mode user is never the plugin, and needs no helper', { skip }, () => {
  assert.equal(runAs(0, { uid: caller, gid: caller, idmap: 'helper' }, ['memory']).ended?.error, 'SPEC_INVALID')
  assert.equal(runAs(0, { uid: 0, gid: 0 }, ['memory']).ended?.error, 'SPEC_INVALID')
})

test('root that may not set ids is refused, by the layer', { skip }, () => {
  const { ended } = runAs(0, { uid: caller, gid: caller }, ['memory'], program, ['--bounding-set', '-all'])
  assert.equal(ended?.error, 'LAYER_UNAVAILABLE')
  assert.equal(ended?.layer, 'uid')
})

const helpers = existsSync('/usr/bin/newuidmap') && existsSync('/usr/bin/newgidmap')

test('with newuidmap the plugin is a subordinate uid of its own', {
  skip: skip || (!helpers && 'no newuidmap and newgidmap (Debian: uidmap)'),
}, (t) => {
  const name = `bulkhead-t${process.pid % 100000}`
  if (spawnSync('useradd', ['--no-create-home', name]).status !== 0) return t.skip('cannot make a throw-away user')
  try {
    const uid = Number(spawnSync('id', ['-u', name], { encoding: 'utf8' }).stdout)
    const range = readFileSync('/etc/subuid', 'utf8')
      .split('\n')
      .find((line) => line.startsWith(`${name}:`))
    if (!range) return t.skip('useradd gave no subordinate ids')
    const sub = Number(range.split(':')[1])
    const result = runAs(uid, { idmap: 'helper', uid: sub, gid: sub }, ['memory'])
    assert.equal(result.stdout, '2 1000 1000 0|1 1 1 0 0\n', `${result.stderr}${JSON.stringify(result.ended)}`)
    assert.deepEqual(result.ended?.weaker, ['memory'])
    const foreign = runAs(uid, { idmap: 'helper', uid: 12345, gid: 12345 }, ['memory'])
    assert.equal(foreign.ended?.error, 'LAYER_UNAVAILABLE')
    assert.equal(foreign.ended?.layer, 'uid')
  } finally {
    spawnSync('userdel', [name])
  }
})
