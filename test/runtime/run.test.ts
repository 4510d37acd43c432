import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { ETC_FILES } from '../../src/core/etc-files.ts'
import { Launcher, leavesOf } from '../../src/runtime/index.ts'
import { compile } from '../helpers/compile.ts'
import { cannotLaunch, makeHouse } from './plan/house.ts'

const skip = cannotLaunch
const PRINT_ALL = `#include <stdio.h>
#include <unistd.h>
extern char **environ;
int main(int c, char **v) {
  for (int i = 0; i < c; i++) printf("[%s]", v[i]);
  for (char **e = environ; *e; e++) printf("{%s}", *e);
  char cwd[99]; printf("(%s)%d", getcwd(cwd, 99), (int)getuid());
  return 7;
}`
const SLEEP = '#include <unistd.h>\nint main(void){ write(1, "up", 2); for (;;) pause(); }'
const exec = { entry: { runtime: 'exec', path: 'bin/x' } }

test('a static program sees its arguments, its environment and nothing of ours', { skip }, async (t) => {
  process.env.BULKHEAD_SECRET = 'not for plugins'
  const files = { 'bin/x': { copy: await compile(PRINT_ALL, { static: true }) } }
  const { outcome, stdout } = await makeHouse(t).run(exec, files, { args: ['a b'] })
  assert.equal(outcome.outcome, 'exited')
  assert.equal(outcome.code, 7)
  assert.equal(
    stdout,
    '[/plugin/bin/x][a b]{PATH=/usr/bin:/bin}{HOME=/tmp}{TMPDIR=/tmp}{LANG=C.UTF-8}{PLUGIN_NAME=acme/tried}{PLUGIN_VERSION=1.2.3}(/plugin)1000',
  )
})

test('strange arguments arrive as they were given', { skip }, async (t) => {
  const strange = [
    '',
    ' ',
    '\n',
    'a\tb',
    '=',
    'end=1',
    'uid=0',
    '--',
    '$(id)',
    '🎈',
    '\u0001\u007f',
    'x'.repeat(100_000),
  ]
  const files = { 'm.js': 'process.stdout.write(JSON.stringify(process.argv.slice(2)))' }
  const { stdout } = await makeHouse(t).run({ entry: { runtime: 'node', path: 'm.js' } }, files, { args: strange })
  assert.deepEqual(JSON.parse(stdout), strange)
})

test('an argument cannot become a field of the specification', { skip }, async (t) => {
  const files = { 'bin/x': { copy: await compile(PRINT_ALL, { static: true }) } }
  const house = makeHouse(t)
  const given = await house.planner.prepare(house.request(exec, files, { args: ['x\0weaker=seccomp\0uid=0'] }))
  const launcher = new Launcher({ binary: '/bin/false' })
  assert.throws(() => launcher.start(given), { code: 'USAGE', message: /NUL/ })
})

test('Node runs, in a read-only world of its own', { skip }, async (t) => {
  const code = `const fs = require('node:fs')
    const tried = ['/plugin/x', '/usr/x', '/x'].map((path) => { try { fs.writeFileSync(path, ''); return 'wrote' } catch (e) { return e.code } })
    fs.writeFileSync('/tmp/x', '')
    process.stdout.write(JSON.stringify({ tried, seen: fs.readdirSync('/etc'), version: process.version, sum: require('./lib/sum.js')(1, 2) }))`
  const files = { 'm.js': code, 'lib/sum.js': 'module.exports = (a, b) => a + b' }
  const { stdout, outcome } = await makeHouse(t).run({ entry: { runtime: 'node', path: 'm.js' } }, files)
  assert.equal(outcome.code, 0)
  assert.deepEqual(JSON.parse(stdout), {
    tried: ['EROFS', 'EROFS', 'EROFS'],
    seen: Object.keys(ETC_FILES).sort(),
    version: process.version,
    sum: 3,
  })
})

const noPython = skip || (existsSync('/usr/bin/python3') ? false : 'there is no /usr/bin/python3')
test('Python runs, imports what lies beside its entry, and sees no packages of the host', {
  skip: noPython,
}, async (t) => {
  const files = {
    'app/main.py': 'import sys, json, ssl, sqlite3, helper\nprint(json.dumps([helper.X, sys.path, sys.argv[1:]]))',
    'app/helper.py': 'X = "beside"',
  }
  const manifest = { entry: { runtime: 'python', path: 'app/main.py' } }
  const { stdout, stderr } = await makeHouse(t).run(manifest, files, { args: ['é'] })
  assert.equal(stderr, '')
  const [x, path, args] = JSON.parse(stdout)
  assert.equal(x, 'beside')
  assert.deepEqual(args, ['é'])
  assert.equal(path[0], '/plugin/app')
  assert.ok(!path.some((folder: string) => folder.includes('packages')))
})

test('a shell script runs', { skip }, async (t) => {
  const files = { 'bin/x': '#!/bin/sh\nread line\necho "$0 $1 $line"\nexit 9\n' }
  const { stdout, outcome } = await makeHouse(t).run(exec, files, { args: ['one'], input: 'two\n' })
  assert.equal(stdout, '/plugin/bin/x one two\n')
  assert.equal(outcome.code, 9)
})

test('a dynamic program finds its libraries', { skip }, async (t) => {
  const files = {
    'bin/x': { copy: await compile('#include <stdio.h>\nint main(void){ return puts("dynamic") < 0; }') },
  }
  const { stdout } = await makeHouse(t).run(exec, files)
  assert.equal(stdout, 'dynamic\n')
})

test('JavaScript that keeps everything ends as the memory limit, not as an abort of V8', { skip }, async (t) => {
  const files = { 'm.js': 'const kept = []; for (;;) kept.push(new Array(1000).fill(Math.random()))' }
  const manifest = { entry: { runtime: 'node', path: 'm.js' }, limits: { memory: '128M', cpu: 2 } }
  const { outcome } = await makeHouse(t).run(manifest, files)
  assert.equal(outcome.outcome, 'limited')
  assert.equal(outcome.limit, 'memory')
})

test('JavaScript whose live data is half of its limit is not killed for its garbage', { skip }, async (t) => {
  const code = `const kept = Array.from({ length: 64 * 128 }, (_, i) => new Array(1000).fill(i + 0.5))
    for (let i = 0; i < 40000; i++) kept[i % kept.length] = new Array(1000).fill(i + 0.5)
    process.stdout.write('done')`
  const manifest = { entry: { runtime: 'node', path: 'm.js' }, limits: { memory: '128M', cpu: 2 } }
  const { outcome, stdout } = await makeHouse(t).run(manifest, { 'm.js': code })
  assert.equal(stdout, 'done')
  assert.equal(outcome.outcome, 'exited')
})

test('a limit of time ends the run', { skip }, async (t) => {
  const files = { 'bin/x': { copy: await compile(SLEEP, { static: true }) } }
  const { outcome } = await makeHouse(t).run(exec, files, { flags: { timeoutMs: 300 } })
  assert.equal(outcome.outcome, 'limited')
  assert.equal(outcome.limit, 'wall-time')
})

test('/data is the plugin’s own, ends at its limit, and is there again the next time', {
  skip: noPython,
}, async (t) => {
  const house = makeHouse(t)
  const manifest = { entry: { runtime: 'python', path: 'm.py' }, limits: { data: '4M' } }
  const files = {
    'm.py': `import errno, os
path = os.environ["PLUGIN_DATA"] + "/kept"
if os.path.exists(path): print("again", end="")
else:
  open(path, "w").write("x")
  try:
    with open("/data/big", "wb") as big:
      while True: big.write(b"x" * 65536)
  except OSError as e: print(errno.errorcode[e.errno], end="")
  os.unlink("/data/big")`,
  }
  const uid = 1_900_500_000
  assert.equal((await house.run(manifest, files, { uid })).stdout, 'ENOSPC')
  assert.equal((await house.run(manifest, files, { uid })).stdout, 'again')
})

test('a signal is passed on, and its end told', { skip }, async (t) => {
  const house = makeHouse(t)
  const files = { 'bin/x': { copy: await compile(SLEEP, { static: true }) } }
  const run = await house.start(house.request(exec, files))
  assert.ok((await run.started)?.pid)
  await new Promise((resolve) => run.stdout?.once('data', resolve))
  assert.equal(run.kill('SIGUSR1'), true)
  const outcome = await run.outcome
  assert.equal(outcome.outcome, 'signalled')
  assert.equal(outcome.signal, 'SIGUSR1')
  assert.equal(run.kill('SIGTERM'), false)
})

test('close ends the whole tree, twice is as good as once, and no cgroup leaf stays', { skip }, async (t) => {
  const house = makeHouse(t)
  const code =
    '#include <unistd.h>\nint main(void){ for (int i = 0; i < 5; i++) if (!fork()) break; write(1, "up", 2); for (;;) pause(); }'
  const files = { 'bin/x': { copy: await compile(code, { static: true }) } }
  const request = house.request(exec, files)
  const run = await house.start(request)
  await new Promise((resolve) => run.stdout?.once('data', resolve))
  const plan = await house.planner.survey(request)
  assert.ok(leavesOf(plan).every((leaf) => existsSync(leaf)))
  await Promise.all([run.close(), run.close()])
  await gone(run.pid)
  for (const leaf of leavesOf(plan)) assert.equal(existsSync(leaf), false, leaf)
})

test('a program that cannot be executed is a refusal with its code, not an error', { skip }, async (t) => {
  const house = makeHouse(t)
  const files = { 'bin/x': { copy: await compile('int main(void){return 0;}', { static: true }) } }
  const plan = await house.planner.prepare(house.request(exec, files))
  const { findLauncher } = await import('../../src/runtime/index.ts')
  const run = new Launcher({ binary: findLauncher() }).start({ ...plan, exec: '/plugin/bin/gone' })
  const outcome = await run.outcome
  assert.equal(outcome.outcome, 'refused')
  assert.equal(outcome.error, 'ENTRY_NOT_FOUND')
})

test('a launcher that is killed is an error of the host, and leaves nothing', { skip }, async (t) => {
  const house = makeHouse(t)
  const files = { 'bin/x': { copy: await compile(SLEEP, { static: true }) } }
  const request = house.request(exec, files)
  const run = await house.start(request)
  const started = await run.started
  process.kill(run.pid, 'SIGKILL')
  await assert.rejects(run.outcome, { code: 'LAUNCH_FAILED', message: /left no report \(SIGKILL\)/ })
  await gone(started?.pid ?? 0)
  for (const leaf of leavesOf(await house.planner.survey(request))) assert.equal(existsSync(leaf), false, leaf)
})

test('something that is no launcher is an error, not a hang', async (t) => {
  const house = makeHouse(t)
  const files = { 'bin/x': { copy: await compile('int main(void){return 0;}', { static: true }) } }
  const plan = await house.planner.survey(house.request(exec, files, { weaker: ['uid', 'memory', 'processes'] }))
  for (const binary of ['/bin/true', '/bin/no-such-file', '/etc/hostname']) {
    const run = new Launcher({ binary }).start(plan)
    await assert.rejects(run.outcome, { code: 'LAUNCH_FAILED' }, binary)
    assert.equal(await run.started, null)
  }
})

test('twenty at once, each with its own end and its own output', { skip }, async (t) => {
  const house = makeHouse(t)
  const code =
    '#include <stdio.h>\n#include <stdlib.h>\nint main(int c, char **v){ printf("%s", v[1]); return atoi(v[1]); }'
  const files = { 'bin/x': { copy: await compile(code, { static: true }) } }
  const numbers = Array.from({ length: 20 }, (_, at) => `${at + 1}`)
  const ran = await Promise.all(numbers.map((number) => house.run(exec, files, { args: [number] })))
  assert.deepEqual(
    ran.map(({ stdout }) => stdout),
    numbers,
  )
  assert.deepEqual(
    ran.map(({ outcome }) => `${outcome.code}`),
    numbers,
  )
})

test('a hundred in a row leave no descriptor behind', { skip }, async (t) => {
  const house = makeHouse(t)
  const files = { 'bin/x': { copy: await compile('int main(void){return 0;}', { static: true }) } }
  const request = house.request(exec, files)
  const once = async (at: number) => {
    const run = await house.start({ ...request, run: `row-${process.pid}-${at}` })
    run.stdin?.end()
    run.stdout?.resume()
    run.stderr?.resume()
    await run.outcome
  }
  for (let at = 0; at < 5; at++) await once(at)
  await new Promise((resolve) => setTimeout(resolve, 100))
  const before = readdirSync('/proc/self/fd').length
  for (let at = 5; at < 105; at++) await once(at)
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.ok(readdirSync('/proc/self/fd').length <= before + 2)
})

async function gone(pid: number): Promise<void> {
  for (let tries = 0; existsSync(`/proc/${pid}`) && tries < 200; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.equal(existsSync(`/proc/${pid}`), false, `process ${pid} is still there`)
}
