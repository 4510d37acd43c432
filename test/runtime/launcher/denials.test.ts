// report-denials: what an author is told of the calls that were refused and the paths that are not there.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  compartment,
  compile,
  encode,
  launch,
  launcherPath,
  needsRoot,
  scratch,
  specification,
  systemLibraries,
} from './launch.ts'
import { CALLER, needsHelpers, runAs, subordinateUser } from './user.ts'

const skip = needsRoot
const program = compile(`
  #include <fcntl.h>
  #include <stdio.h>
  #include <sys/ptrace.h>
  #include <sys/stat.h>
  #include <unistd.h>
  int main(void) {
    struct stat status;
    for (int i = 0; i < 3; i++) ptrace(PTRACE_TRACEME, 0, 0, 0);
    open("/etc/ssl/openssl.cnf", O_RDONLY);
    chdir("/tmp"); stat("../var/lib", &status);
    open("/plugin/cache", O_CREAT | O_WRONLY, 0600);
    /* What a plugin may, or is its own affair, is not told. */
    open("/tmp/new", O_CREAT | O_WRONLY, 0600); open("/tmp/none", O_RDONLY); open("/plugin/none", O_RDONLY);
    open("/dev/null", O_WRONLY); open("/proc/self/none", O_RDONLY); open("/dev/fd/9", O_RDONLY); fstat(0, &status);
    fprintf(stderr, "its own\\n"); }`)

const WORDS = `its own
plugins: denied ptrace (EPERM) 3 times
plugins: not there: /etc/ssl/openssl.cnf
plugins: not there: /tmp/../var/lib
plugins: read-only: /plugin/cache
plugins: this list helps an author; it is no record of all that was tried
`

type Line = { event: string; call?: string; path?: string | null; answer?: string; count?: number }
const linesOf = (text: string): Line[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

const told = (lines: readonly Line[]) =>
  lines
    .filter(({ event }) => event === 'denial')
    .map(({ call, path, answer, count }) => [call?.replace('newfstatat', 'stat'), path, answer, count])

/** Each the first time it is met; how often more, at the end. */
const DENIALS = [
  ['openat', '/etc/ssl/openssl.cnf', 'ENOENT', 1],
  ['stat', '/tmp/../var/lib', 'ENOENT', 1],
  ['openat', '/plugin/cache', 'EROFS', 1],
]

test('a library’s run tells in its report, between its start and its end', { skip }, async () => {
  const result = await launch({ in: compartment(program), set: { 'report-denials': 1 } })
  const lines = linesOf(result.report)
  assert.equal(lines[0]?.event, 'started')
  assert.equal(lines.at(-1)?.event, 'ended')
  const all = told(lines)
  assert.deepEqual(
    all.filter(([call]) => call !== 'ptrace'),
    DENIALS,
  )
  const traced = all.filter(([call]) => call === 'ptrace')
  assert.deepEqual(
    traced.map(([, path, answer]) => [path, answer]),
    traced.map(() => [null, 'EPERM']),
  )
  assert.equal(
    traced.reduce((sum, [, , , count]) => sum + Number(count), 0),
    3,
  )
  assert.equal(result.stderr, 'its own\n')
})

test('nothing is told unless it was asked for', { skip }, async () => {
  const result = await launch({ in: compartment(program) })
  assert.equal(linesOf(result.report).length, 2)
})

function handOver(what: string): { stderr: string; journal: string } {
  const folder = scratch()
  const fields = specification({ in: compartment(what), set: { 'report-denials': 1, control: undefined } })
  const files = ['report', 'journal'].map((name) => [`${name}-file`, join(folder, name)] as const)
  writeFileSync(join(folder, 'spec'), encode([...fields.slice(0, -1), ...files, ['end', 1]]), { mode: 0o600 })
  const { stderr } = spawnSync(launcherPath(), ['--spec', join(folder, 'spec')], { encoding: 'utf8', input: '' })
  return { stderr, journal: readFileSync(join(folder, 'journal'), { encoding: 'utf8', flag: 'a+' }) }
}

test('a handed-over run tells in its journal, and in words after the plugin’s last', { skip }, () => {
  const { stderr, journal } = handOver(program)
  assert.equal(stderr, WORDS)
  assert.equal(
    told(linesOf(journal)).reduce((sum, [, , , count]) => sum + Number(count), 0),
    6,
  )
})

test('it says so when there was nothing to tell', { skip }, () => {
  const { stderr, journal } = handOver(compile('int main(void) { return 0; }'))
  assert.equal(stderr, 'plugins: nothing was denied, and no path was missed\n')
  assert.equal(journal, '')
})

test('an ordinary user is told the same', { skip }, () => {
  const set = { uid: CALLER, gid: CALLER, 'report-denials': 1 }
  const result = runAs(CALLER, set, ['uid', 'memory'], program)
  assert.deepEqual(
    told(linesOf(result.report)).filter(([call]) => call !== 'ptrace'),
    DENIALS,
    result.report,
  )
})

test('and so is one with a subordinate uid', { skip: skip || needsHelpers }, (t) => {
  const user = subordinateUser()
  if (typeof user === 'string') return t.skip(user)
  const set = { idmap: 'helper', uid: user.sub, gid: user.sub, 'report-denials': 1 }
  const result = runAs(user.uid, set, ['memory'], program)
  assert.deepEqual(
    told(linesOf(result.report)).filter(([call]) => call !== 'ptrace'),
    DENIALS,
    result.report,
  )
})

test('Python and its threads run as they do without', { skip }, async () => {
  const there = compartment()
  there.write(
    'main.py',
    'import threading, json, subprocess, sys\n' +
      'work = [threading.Thread(target=lambda: json.loads("[1]")) for _ in range(8)]\n' +
      '[t.start() for t in work]; [t.join() for t in work]\n' +
      'print(subprocess.run([sys.executable, "-c", "print(6*7)"], capture_output=True, text=True).stdout.strip())',
  )
  const result = await launch({
    in: there,
    exec: '/usr/bin/python3',
    args: ['/plugin/main.py'],
    add: systemLibraries(),
    set: { 'report-denials': 1, 'memory-bytes': 268435456 },
  })
  assert.equal(result.stdout, '42\n', result.stderr)
  assert.ok(told(linesOf(result.report)).length > 0)
})

test('the filter is what reports, so it cannot be switched off as well', { skip }, async () => {
  const result = await launch({ in: compartment(program), set: { 'report-denials': 1 }, weaker: ['seccomp'] })
  assert.equal(result.ended?.error, 'SPEC_INVALID')
})
