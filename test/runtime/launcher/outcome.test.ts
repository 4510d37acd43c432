// How a run ended: in the report, and as the exit status.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compartment, compile, launch, leavesOf, needsRoot, start } from './launch.ts'

const skip = needsRoot
const program = compile(`
  #include <signal.h>
  #include <stdlib.h>
  #include <unistd.h>
  int main(int c, char **v) { if (v[1][0] == 's') { raise(atoi(v[2])); pause(); } return atoi(v[2]); }`)

for (const code of [0, 1, 124, 125, 126, 127, 255])
  test(`an exit with ${code} is an exit with ${code}`, { skip }, async () => {
    const result = await launch({ in: compartment(program), args: ['exit', String(code)] })
    assert.equal(result.ended?.outcome, 'exited')
    assert.equal(result.ended?.code, code)
    assert.equal(result.status, code)
    assert.ok(result.started, 'it did start, so this 125 is the program’s own')
  })

for (const [number, name] of [
  [11, 'SIGSEGV'],
  [6, 'SIGABRT'],
  [15, 'SIGTERM'],
  [9, 'SIGKILL'],
  [40, 'SIG40'],
] as const)
  test(`death by ${name} is signalled, 128+${number}`, { skip }, async () => {
    const result = await launch({ in: compartment(program), args: ['signal', String(number)] })
    assert.equal(result.ended?.outcome, 'signalled')
    assert.equal(result.ended?.signal, name)
    assert.equal(result.ended?.code, null)
    assert.equal(result.status, 128 + number)
  })

test('a program that is not there is ENTRY_NOT_FOUND, 127', { skip }, async () => {
  const run = start({ in: compartment(), exec: '/plugin/nothing' })
  const result = await run.result
  assert.equal(result.ended?.outcome, 'refused')
  assert.equal(result.ended?.error, 'ENTRY_NOT_FOUND')
  assert.equal(result.status, 127)
  assert.equal(result.started, undefined)
  assert.deepEqual(leavesOf(run.name), [])
})

test('a program whose interpreter is not there is ENTRY_NOT_FOUND too', { skip }, async () => {
  const there = compartment()
  there.write('main', '#!/usr/bin/nothing\n', 0o755)
  assert.equal((await launch({ in: there })).ended?.error, 'ENTRY_NOT_FOUND')
})

test('a file that cannot be executed is ENTRY_NOT_EXECUTABLE, 126', { skip }, async () => {
  const there = compartment()
  there.write('main', 'text', 0o644)
  const plainText = await launch({ in: there })
  assert.equal(plainText.ended?.error, 'ENTRY_NOT_EXECUTABLE')
  assert.equal(plainText.status, 126)
  there.write('main', 'text', 0o755)
  assert.equal((await launch({ in: there })).ended?.error, 'ENTRY_NOT_EXECUTABLE')
})

test('a working directory that is not there is a refusal', { skip }, async () => {
  const result = await launch({ in: compartment(program), args: ['exit', '0'], set: { cwd: '/nowhere' } })
  assert.equal(result.ended?.error, 'LAUNCH_FAILED')
  assert.match(result.ended?.reason ?? '', /^cannot enter \/nowhere/)
  assert.equal(result.status, 125)
})

test('a kernel without the Landlock asked for is a refusal that names the layer', { skip }, async () => {
  const result = await launch({ in: compartment(program), args: ['exit', '0'], set: { 'landlock-abi': 999 } })
  assert.equal(result.ended?.error, 'LAYER_UNAVAILABLE')
  assert.equal(result.ended?.layer, 'landlock')
  assert.equal(result.status, 125)
})

test('a cgroup that cannot be had is a refusal that leaves nothing behind', { skip }, async () => {
  const run = start({ in: compartment(program), args: ['exit', '0'], set: { 'cgroup1-cpu': '/nowhere/cgroup' } })
  const result = await run.result
  assert.equal(result.ended?.error, 'LAYER_UNAVAILABLE')
  assert.equal(result.ended?.layer, 'cpu')
  assert.deepEqual(leavesOf(run.name), [])
})

test('usage is counted', { skip }, async () => {
  const busy = compile('#include <time.h>\nint main(void) { while (clock() < CLOCKS_PER_SEC / 20); return 0; }')
  const { ended } = await launch({ in: compartment(busy) })
  assert.ok((ended?.usage.cpuMs ?? 0) >= 45, JSON.stringify(ended?.usage))
  assert.ok((ended?.usage.wallMs ?? 0) >= 45)
  assert.ok((ended?.usage.memoryPeakBytes ?? 0) > 4096)
  assert.ok([1, null].includes(ended?.usage.processesPeak ?? null))
})

test('output and what lies on /tmp at the end are counted, and /data where it has a size', { skip }, async () => {
  const writer = compile(`
    #include <fcntl.h>
    #include <unistd.h>
    int main(void) {
      static char page[65536];
      int fd = open("/tmp/x", O_CREAT | O_WRONLY, 0600);
      write(fd, page, sizeof page);
      write(1, "12345", 5); write(2, "678", 3);
      return 0; }`)
  const { ended } = await launch({ in: compartment(writer), data: true })
  assert.equal(ended?.usage.outputBytes, 8)
  assert.equal(ended?.usage.tmpBytes, 65536)
  assert.equal(ended?.usage.dataBytes, null)
  const sized = await launch({ in: compartment(writer), data: true, set: { 'data-bytes': 1048576 } })
  assert.ok((sized.ended?.usage.dataBytes ?? 0) > 0)
  const without = await launch({ in: compartment(writer), set: { 'data-bytes': 1048576 } })
  assert.equal(without.ended?.error, 'SPEC_INVALID')
})

test('what was switched off is in the report', { skip }, async () => {
  const { ended } = await launch({ in: compartment(program), args: ['exit', '0'], weaker: ['keyring', 'uid'] })
  assert.deepEqual(ended?.weaker, ['uid', 'keyring'])
})

test('control bytes in a name stay out of the report', { skip }, async () => {
  const result = await launch({ in: compartment(), exec: '/plugin/\u00e9\u0001' })
  assert.ok(!/[\u0000-\u0009\u000b-\u001f\u007f-\uffff]/.test(result.report), JSON.stringify(result.report))
})

test('every layer that can be switched off alone still lets a program run', { skip }, async () => {
  const layers = [
    'user-namespace',
    'mount-namespace',
    'pid-namespace',
    'net-namespace',
    'ipc-namespace',
    'uts-namespace',
    'cgroup-namespace',
    'capabilities',
    'no-new-privs',
    'seccomp',
    'landlock',
    'memory',
    'processes',
    'cpu',
    'read-only',
    'descriptors',
    'session',
    'dev',
    'proc',
    'rlimits',
    'keyring',
    'parent-death',
    'kill-tree',
    'uid',
  ] as const
  for (const layer of layers) {
    const result = await launch({ in: compartment(program), args: ['exit', '7'], weaker: [layer] })
    assert.equal(result.status, 7, `${layer}: ${result.report}${result.stderr}`)
  }
  const none = await launch({ in: compartment(program), args: ['exit', '7'], weaker: layers })
  assert.equal(none.status, 7, none.report)
})

test('a data folder is written to from inside and owned by the plugin outside', { skip }, async () => {
  const { statSync } = await import('node:fs')
  const { PLUGIN_UID } = await import('./launch.ts')
  const writer = compile('#include <fcntl.h>\nint main(void) { return open("/data/x", O_CREAT | O_WRONLY, 0666) < 0; }')
  const there = compartment(writer)
  writeFileSync(join(there.root, 'etc/keep'), '')
  const result = await launch({ in: there, data: true })
  assert.equal(result.status, 0)
  const made = statSync(join(there.data, 'x'))
  assert.equal(made.uid, PLUGIN_UID)
  assert.equal(made.mode & 0o777, 0o600, 'umask 077')
})
