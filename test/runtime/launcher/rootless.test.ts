// Mode user: an ordinary caller, as far as the kernel lets it.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { compile, needsRoot } from './launch.ts'
import { CALLER, needsHelpers, runAs, subordinateUser } from './user.ts'

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

test('a plugin cannot use up what its user has of inotify', {
  skip: skip || (!existsSync('/proc/sys/user/max_inotify_instances') && 'the kernel has no such limit'),
}, () => {
  const watcher = compile(
    '#include <stdio.h>\n#include <sys/inotify.h>\nint main(void) { int n = 0; while (inotify_init1(0) >= 0) n++; printf("%d", n); }',
  )
  assert.equal(runAs(CALLER, { uid: CALLER, gid: CALLER }, ['uid', 'memory'], watcher).stdout, '16')
})

test('an ordinary user runs a plugin with one mapped id and all files in place', { skip }, () => {
  const result = runAs(CALLER, { uid: CALLER, gid: CALLER }, ['uid', 'memory'], program)
  assert.equal(result.stdout, '2 1000 1000 0|1 1 1 0 0\n', `${result.stderr}${JSON.stringify(result.ended)}`)
  assert.equal(result.ended?.outcome, 'exited')
  assert.deepEqual(result.ended?.weaker, ['uid', 'memory'])
})

test('without newuidmap a uid of its own is refused unless given up by name', { skip }, () => {
  const result = runAs(CALLER, { uid: CALLER, gid: CALLER }, ['memory'], program)
  assert.equal(result.status, 125)
  assert.equal(result.ended?.error, 'LAYER_UNAVAILABLE')
  assert.equal(result.ended?.layer, 'uid')
})

test('only the caller’s own id can be mapped directly', { skip }, () => {
  const result = runAs(CALLER, { uid: CALLER + 1, gid: CALLER + 1 }, ['uid', 'memory'], program)
  assert.equal(result.ended?.error, 'SPEC_INVALID')
})

test('memory without a cgroup is refused unless given up by name', { skip }, () => {
  const result = runAs(CALLER, { uid: CALLER, gid: CALLER }, ['uid'], program)
  assert.equal(result.ended?.error, 'LAYER_UNAVAILABLE')
  assert.equal(result.ended?.layer, 'memory')
})

test('the user namespace cannot be given up', { skip }, () => {
  const result = runAs(CALLER, { uid: CALLER, gid: CALLER }, ['uid', 'memory', 'user-namespace'], program)
  assert.equal(result.ended?.layer, 'user-namespace')
})

test('root that may set ids and nothing else, as in a container, gives the plugin an id of its own', { skip }, () => {
  const { stdout, stderr, ended } = runAs(0, { uid: CALLER, gid: CALLER }, ['memory'], program, { rights: SETIDS_ONLY })
  assert.equal(stdout, '2 1000 1000 0|1 1 1 0 0\n', `${stderr}${JSON.stringify(ended)}`)
  assert.deepEqual(ended?.weaker, ['memory'])
  const outside = compile(`
    #include <stdio.h>
    int main(void) { char line[64]; FILE *f = fopen("/proc/self/uid_map", "r"); if (f && fgets(line, sizeof line, f)) puts(line); }`)
  const map = runAs(0, { uid: CALLER, gid: CALLER, proc: 1 }, ['memory'], outside, { rights: SETIDS_ONLY })
    .stdout.trim()
    .split(/\s+/)
  assert.deepEqual(map, ['1000', String(CALLER), '1'])
})

test('root in mode user is never the plugin, and needs no helper', { skip }, () => {
  assert.equal(
    runAs(0, { uid: CALLER, gid: CALLER, idmap: 'helper' }, ['memory'], program).ended?.error,
    'SPEC_INVALID',
  )
  assert.equal(runAs(0, { uid: 0, gid: 0 }, ['memory'], program).ended?.error, 'SPEC_INVALID')
})

test('root that may not set ids is refused, by the layer', { skip }, () => {
  const { ended } = runAs(0, { uid: CALLER, gid: CALLER }, ['memory'], program, { rights: ['--bounding-set', '-all'] })
  assert.equal(ended?.error, 'LAYER_UNAVAILABLE')
  assert.equal(ended?.layer, 'uid')
})

test('with newuidmap the plugin is a subordinate uid of its own', { skip: skip || needsHelpers }, (t) => {
  const user = subordinateUser()
  if (typeof user === 'string') return t.skip(user)
  const { uid, sub } = user
  const result = runAs(uid, { idmap: 'helper', uid: sub, gid: sub }, ['memory'], program)
  assert.equal(result.stdout, '2 1000 1000 0|1 1 1 0 0\n', `${result.stderr}${JSON.stringify(result.ended)}`)
  assert.deepEqual(result.ended?.weaker, ['memory'])
  const foreign = runAs(uid, { idmap: 'helper', uid: 12345, gid: 12345 }, ['memory'], program)
  assert.equal(foreign.ended?.error, 'LAYER_UNAVAILABLE')
  assert.equal(foreign.ended?.layer, 'uid')
})

test('only a plugin that serves at a socket makes files that its user may open, and only with subordinate ids', {
  skip: skip || needsHelpers,
}, (t) => {
  const user = subordinateUser()
  if (typeof user === 'string') return t.skip(user)
  const { uid, sub } = user
  const asking = compile(
    '#include <stdio.h>\n#include <sys/stat.h>\nint main(void) { printf("%03o", umask(0)); return 0; }',
  )
  const helped = { idmap: 'helper', uid: sub, gid: sub }
  assert.equal(runAs(uid, { ...helped, 'unix-sockets': 1 }, ['memory'], asking).stdout, '000')
  assert.equal(runAs(uid, helped, ['memory'], asking).stdout, '077')
  const direct = { uid: CALLER, gid: CALLER, 'unix-sockets': 1 }
  assert.equal(runAs(CALLER, direct, ['uid', 'memory'], asking).stdout, '077')
})
