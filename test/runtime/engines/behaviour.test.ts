// One table of behaviour, run with every engine of this host: who builds the sandbox must make no difference.
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Outcome } from '../../../src/core/outcome.ts'
import { leavesOf, type RunRequest } from '../../../src/runtime/index.ts'
import { compile } from '../../helpers/compile.ts'
import { makeHouse } from '../plan/house.ts'
import { engines } from './engines.ts'

interface Row {
  readonly says: string
  /** C, or the files of a package. */
  readonly program: string
  readonly manifest?: object
  readonly rest?: Partial<RunRequest> & { input?: string }
  readonly outcome: Partial<Outcome>
  readonly stdout?: string | RegExp
  readonly stderr?: string | RegExp
}

const C = (body: string): string => `#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
int main(int argc, char **argv) { ${body} }`

const TRY_WRITE = `const char *paths[] = {"/x", "/plugin/x", "/usr/x", "/dev/x", "/proc/x", "/etc/x", "/tmp/x", "/dev/shm/x"};
  for (int i = 0; i < 8; i++) { int fd = open(paths[i], O_CREAT | O_WRONLY, 0600);
    printf("%s %s;", paths[i], fd < 0 ? "no" : "yes"); }`

const ROWS: readonly Row[] = [
  { says: 'tells an exit code', program: C('return 7;'), outcome: { outcome: 'exited', code: 7 } },
  {
    says: 'tells a code beyond 128 from a signal',
    program: C('return 143;'),
    outcome: { outcome: 'exited', code: 143 },
  },
  {
    says: 'tells the signal a program ends itself by',
    program: C('abort();'),
    outcome: { outcome: 'signalled', signal: 'SIGABRT' },
  },
  {
    says: 'tells a crash',
    program: C('*(volatile int *)0 = 1; return 0;'),
    outcome: { outcome: 'signalled', signal: 'SIGSEGV' },
  },
  {
    says: 'passes standard input, output and error',
    program: C('int c; while ((c = getchar()) != EOF) putchar(c); fprintf(stderr, "said"); return 0;'),
    rest: { input: 'through' },
    outcome: { outcome: 'exited', code: 0 },
    stdout: 'through',
    stderr: 'said',
  },
  {
    says: 'gives arguments, an environment built from nothing, and a working folder',
    program: C(`for (int i = 0; i < argc; i++) printf("[%s]", argv[i]);
      for (char **e = environ; *e; e++) printf("{%s}", *e);
      char cwd[99]; printf("(%s)", getcwd(cwd, 99)); return 0;`),
    rest: { args: ['a b', '', 'é\n"\\'] },
    outcome: { outcome: 'exited', code: 0 },
    stdout:
      '[/plugin/bin/x][a b][][é\n"\\]{PATH=/usr/bin:/bin}{HOME=/tmp}{TMPDIR=/tmp}{LANG=C.UTF-8}{PLUGIN_NAME=acme/tried}{PLUGIN_VERSION=1.2.3}(/plugin)',
  },
  {
    says: 'writes to /tmp and nowhere else',
    program: C(`${TRY_WRITE} return 0;`),
    outcome: { outcome: 'exited', code: 0 },
    stdout: '/x no;/plugin/x no;/usr/x no;/dev/x no;/proc/x no;/etc/x no;/tmp/x yes;/dev/shm/x yes;',
  },
  {
    says: 'ends at its time',
    program: C('for (;;) pause();'),
    rest: { flags: { timeoutMs: 700 } },
    outcome: { outcome: 'limited', limit: 'wall-time' },
  },
  {
    says: 'ends when it is idle',
    program: C('for (;;) pause();'),
    manifest: { limits: { idle: '700ms' } },
    outcome: { outcome: 'limited', limit: 'idle' },
  },
  {
    says: 'ends at its output, and passes no more than that on',
    program: C('char b[4096]; memset(b, 65, 4096); for (;;) if (write(1, b, 4096) < 0) return 1;'),
    manifest: { limits: { output: '64K' } },
    outcome: { outcome: 'limited', limit: 'output' },
    stdout: /^A{65536}$/,
  },
  {
    says: 'ends at its memory',
    program: C('for (;;) { char *p = malloc(1 << 20); if (!p) return 1; memset(p, 1, 1 << 20); }'),
    manifest: { limits: { memory: '64M' } },
    outcome: { outcome: 'limited', limit: 'memory' },
  },
  {
    says: 'makes no more processes than its limit',
    program:
      C(`int made = 0; for (int i = 0; i < 40; i++) { pid_t p = fork(); if (p == 0) { pause(); _exit(0); } if (p > 0) made++; }
      printf("%d", made); fflush(stdout); return 0;`),
    manifest: { limits: { processes: 8 } },
    outcome: { outcome: 'exited', code: 0 },
    stdout: '7',
  },
  {
    says: 'opens no more files than its limit',
    program: C('int n = 0; while (open("/dev/null", O_RDONLY) >= 0) n++; printf("%d", n < 64); return 0;'),
    manifest: { limits: { files: 64 } },
    outcome: { outcome: 'exited', code: 0 },
    stdout: '1',
  },
  {
    says: 'fills /tmp to its limit',
    program:
      C(`int fd = open("/tmp/big", O_CREAT | O_WRONLY, 0600); char b[65536]; memset(b, 1, sizeof b); long n = 0, got;
      while ((got = write(fd, b, sizeof b)) > 0) n += got; printf("%d %ld", errno == ENOSPC, n); return 0;`),
    manifest: { limits: { tmp: '1M' } },
    outcome: { outcome: 'exited', code: 0 },
    stdout: '1 1048576',
  },
  {
    says: 'has no capability, no way to get one, and a filter',
    program: C(`char line[256]; FILE *f = fopen("/proc/self/status", "r");
      while (fgets(line, 256, f)) if (!strncmp(line, "Cap", 3) || !strncmp(line, "NoNew", 5) || !strncmp(line, "Seccomp:", 8)) printf("%s", line);
      return 0;`),
    outcome: { outcome: 'exited', code: 0 },
    stdout: /^(Cap\w+:\t0{16}\n){5}NoNewPrivs:\t1\nSeccomp:\t2\n$/,
  },
  {
    says: 'cannot make a namespace, load a program into the kernel, or make a local socket',
    program: C(`printf("%d %d %d", unshare(0x10000000) < 0, (int)syscall(SYS_bpf, 0, 0, 0) < 0 && errno == EPERM,
      socket(AF_UNIX, SOCK_STREAM, 0) < 0); return 0;`),
    outcome: { outcome: 'exited', code: 0 },
    stdout: '1 1 1',
  },
  {
    says: 'sees no other process',
    program: C('printf("%d", kill(1, 0) < 0 || getppid() <= 1); return 0;'),
    outcome: { outcome: 'exited', code: 0 },
    stdout: '1',
  },
]

const tried = new Map<string, Promise<string>>()
/** Each program is compiled once for all engines. */
function compiled(source: string): Promise<string> {
  const known = tried.get(source) ?? compile(source, { static: true })
  tried.set(source, known)
  return known
}

async function run(t: TestContext, engine: (typeof engines)[number], row: Row) {
  const house = makeHouse(t)
  const manifest = { entry: { runtime: 'exec', path: 'bin/x' }, ...row.manifest }
  const files = { 'bin/x': { copy: await compiled(row.program) } }
  const { weaker = [], ...rest } = row.rest ?? {}
  const ran = await house.run(manifest, files, { engine: engine.name, weaker: [...engine.weaker, ...weaker], ...rest })
  return { house, ...ran }
}

for (const engine of engines) {
  for (const row of ROWS) {
    test(`${engine.name}: ${row.says}`, { skip: engine.skip, timeout: 60_000 }, async (t) => {
      const { outcome, stdout, stderr, house } = await run(t, engine, row)
      for (const [key, value] of Object.entries(row.outcome)) {
        assert.equal(outcome[key as keyof Outcome], value, `${JSON.stringify(outcome)} ${stderr}`)
      }
      for (const [given, expected] of [
        [stdout, row.stdout],
        [stderr, row.stderr],
      ] as const) {
        if (typeof expected === 'string') assert.equal(given, expected)
        else if (expected !== undefined) assert.match(given, expected)
      }
      const { spool } = house.layout
      assert.deepEqual(existsSync(spool) ? readdirSync(spool) : [], [], 'a run leaves nothing in the spool')
    })
  }

  test(`${engine.name}: a signal reaches the program, and no cgroup stays`, { skip: engine.skip }, async (t) => {
    const house = makeHouse(t)
    const program = C(
      'signal(SIGUSR1, SIG_IGN); signal(SIGUSR1, (void (*)(int))_exit); write(1, "up", 2); for (;;) pause();',
    )
    const files = { 'bin/x': { copy: await compiled(program) } }
    const request = house.request({ entry: { runtime: 'exec', path: 'bin/x' } }, files, {
      engine: engine.name,
      weaker: engine.weaker,
    })
    const run = await house.start(request)
    await new Promise((resolve) => run.stdout?.once('data', resolve))
    run.kill('SIGUSR1')
    const outcome = await run.outcome
    assert.equal(outcome.outcome, 'exited')
    assert.equal(outcome.code, 10)
    await leftNothing(await house.planner.survey(request), house.layout.spool)
  })

  test(`${engine.name}: SIGTERM ends a program that does not know it`, { skip: engine.skip }, async (t) => {
    const house = makeHouse(t)
    const files = { 'bin/x': { copy: await compiled(C('write(1, "up", 2); for (;;) pause();')) } }
    const request = house.request({ entry: { runtime: 'exec', path: 'bin/x' } }, files, {
      engine: engine.name,
      weaker: engine.weaker,
    })
    const run = await house.start(request)
    await new Promise((resolve) => run.stdout?.once('data', resolve))
    const began = Date.now()
    run.kill('SIGTERM')
    const outcome = await run.outcome
    assert.equal(outcome.signal, 'SIGTERM', JSON.stringify(outcome))
    assert.ok(Date.now() - began < 1_400, 'not by the grace')
  })

  test(`${engine.name}: a supervisor that is killed takes the container with it`, { skip: engine.skip }, async (t) => {
    const house = makeHouse(t)
    const files = { 'bin/x': { copy: await compiled(C('write(1, "up", 2); for (;;) pause();')) } }
    const request = house.request({ entry: { runtime: 'exec', path: 'bin/x' } }, files, {
      engine: engine.name,
      weaker: engine.weaker,
    })
    const run = await house.start(request)
    const started = await run.started
    await new Promise((resolve) => run.stdout?.once('data', resolve))
    process.kill(run.pid, 'SIGKILL')
    await assert.rejects(run.outcome, { code: 'LAUNCH_FAILED' })
    for (let tries = 0; existsSync(`/proc/${started?.pid}`) && tries < 300; tries++) await pause(10)
    assert.equal(existsSync(`/proc/${started?.pid}`), false, 'its first process is gone')
    await leftNothing(await house.planner.survey(request), house.layout.spool)
  })

  test(`${engine.name}: an entry that is not there is a refusal`, { skip: engine.skip }, async (t) => {
    const house = makeHouse(t)
    const files = { 'bin/y': { copy: await compiled(C('return 0;')) } }
    const { outcome } = await house
      .run({ entry: { runtime: 'exec', path: 'bin/x' } }, files, { engine: engine.name, weaker: engine.weaker })
      .catch((error) => ({ outcome: { outcome: 'refused', error: error.code } }))
    assert.equal(outcome.outcome, 'refused')
    assert.equal(outcome.error, 'ENTRY_NOT_FOUND')
  })
}

async function leftNothing(plan: Parameters<typeof leavesOf>[0], spool: string): Promise<void> {
  for (const leaf of leavesOf(plan)) {
    for (let tries = 0; existsSync(leaf) && tries < 200; tries++) await pause(10)
    assert.equal(existsSync(leaf), false, leaf)
  }
  assert.equal(existsSync(join(spool, plan.run)), false)
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
