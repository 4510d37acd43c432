// A hook runs in the middle of a change, with all eyes on it, and gets nothing for that: the sandbox is that of any run, and
// nothing of it is left when it has ended.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { compile } from '../../helpers/compile.ts'
import { type Hooked, hooked, hookSpec } from '../../manager/hooked.ts'
import { HELLO, type Household } from '../../manager/household.ts'
import { eventually } from '../../runtime/launcher/launch.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch

/** Each says on stderr how it went, and exits with 1, so that the error quotes it. */
const program =
  skip !== false
    ? Buffer.alloc(0)
    : readFileSync(
        await compile(
          `#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
static int said(const char *what, int ok) { fprintf(stderr, "%s: %s\\n", what, ok >= 0 ? "yes" : strerror(errno)); return 1; }
int main(int c, char **v) {
  const char *what = c > 1 ? v[1] : "";
  if (!strcmp(what, "behind")) {
    if (fork()) return 0;
    setsid(); for (int s = 1; s < 32; s++) signal(s, SIG_IGN);
    if (fork()) return 0;
    for (;;) pause(); }
  if (!strcmp(what, "bomb")) { for (;;) if (fork() < 0 && errno != EAGAIN) break; return 1; }
  if (!strcmp(what, "eat")) { for (;;) { char *m = malloc(1 << 20); if (m) memset(m, 1, 1 << 20); } }
  if (!strcmp(what, "flood")) { static char line[65536]; memset(line, 'x', sizeof line); for (;;) if (write(1, line, sizeof line) < 0) return 1; }
  if (!strcmp(what, "wait")) { signal(SIGTERM, SIG_IGN); for (;;) pause(); }
  if (!strcmp(what, "tree")) return said("write", open("/plugin/bin/x", O_WRONLY)) + said("make", open("/plugin/new", O_CREAT | O_WRONLY, 0600));
  if (!strcmp(what, "read")) return said("read", open(v[2], O_RDONLY));
  if (!strcmp(what, "connect")) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(v[2]))};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    return said("connect", connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof to)); }
  return 0; }`,
          { static: true },
        ),
      )

const attacker = (t: TestContext, args: readonly string[], limits: object = {}) =>
  hooked(
    t,
    hookSpec(
      { health: { path: 'bin/x', args, limits }, hooks: { postinstall: { path: 'bin/x', args, limits } } },
      { 'bin/x': program },
    ),
  )

/** No process that sees its release, no cgroup and no mount of its run, no folder in the spool. */
function assertNothingLeft({ host, house }: Hooked): void {
  const [run] = host.store.runs.history(HELLO, 1)
  assert.ok(run?.outcome, 'its end is recorded')
  assert.deepEqual(processesOf(house), [])
  // Others' cgroups go while it looks: that is no error to `find`.
  const { stdout } = spawnSync('find', ['/sys/fs/cgroup', '-name', `*${run.id}*`], { encoding: 'utf8' })
  assert.equal(stdout, '')
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8').includes(run.id), false)
  assert.equal(existsSync(house.layout.spoolOf(run.id)), false)
}

const processesOf = ({ layout }: Household): string[] =>
  readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isIn(layout.home, pid))

/** Its root is a release of this home: another's plugins have the same ids. */
function isIn(home: string, pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(`${basename(dirname(home))}/`)
  } catch {
    return false
  }
}

test('what these tests look for is there while a hook goes on', { skip }, async (t) => {
  const there = await attacker(t, ['wait'], { timeout: '20s' })
  const giveUp = new AbortController()
  const running = assert.rejects(there.run('postinstall', { signal: giveUp.signal }))
  assert.ok(await eventually(() => processesOf(there.house).length > 0))
  giveUp.abort()
  await running
  assertNothingLeft(there)
})

test('a hook that leaves a process behind leaves none', { skip }, async (t) => {
  const there = await attacker(t, ['behind'])
  await there.run('postinstall')
  assertNothingLeft(there)
})

const BOUNDED = {
  bomb: { limits: { timeout: '2s', processes: 16 }, message: /met its limit/ },
  eat: { limits: { memory: '32M' }, message: /met its limit: .*memory/ },
  flood: { limits: { output: '1M' }, message: /met its limit: .*output/ },
  wait: { limits: { timeout: '1s' }, message: /met its limit/ },
} as const

for (const [what, { limits, message }] of Object.entries(BOUNDED)) {
  for (const hook of ['postinstall', 'health'] as const) {
    test(`${hook}: ${what} ends at its limit, and nothing of it is left`, { skip }, async (t) => {
      const there = await attacker(t, [what], limits)
      const code = hook === 'health' ? 'HEALTH_FAILED' : 'HOOK_FAILED'
      await assert.rejects(there.run(hook), (error: Error & { code: string }) => {
        assert.equal(error.code, code)
        assert.match(error.message, message)
        assert.ok(error.message.length < 2_000, 'however much it said')
        return true
      })
      assertNothingLeft(there)
    })
  }
}

test('a hook cannot write what its release is of', { skip }, async (t) => {
  const there = await attacker(t, ['tree'])
  await assert.rejects(there.run('postinstall'), {
    message: /it said: write: (Read-only|Permission).* \| make: (Read-only|Permission)/,
  })
  assertNothingLeft(there)
})

test('a hook reads neither the home of Bulkhead, nor that of its user, nor what others left in /tmp', {
  skip,
}, async (t) => {
  const secret = join(tmpdir(), `bulkhead-secret-${process.pid}`)
  writeFileSync(secret, 'x')
  t.after(() => rmSync(secret))
  const probe = await hooked(t, hookSpec({}, {}))
  for (const path of [probe.house.layout.database, homedir(), secret, '/etc/shadow']) {
    const there = await attacker(t, ['read', path])
    await assert.rejects(
      there.run('postinstall'),
      { code: 'HOOK_FAILED', message: /it said: read: (No such file|Permission)/ },
      path,
    )
    assertNothingLeft(there)
  }
})

test('a hook has the network that was agreed to, and without that none', { skip }, async (t) => {
  const { createServer } = await import('node:net')
  const server = createServer((socket) => socket.end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as { port: number }
  const there = await attacker(t, ['connect', `${port}`])
  await assert.rejects(there.run('postinstall'), {
    message: /it said: connect: (Network is unreachable|Connection refused|Permission)/,
  })
  assertNothingLeft(there)
})

test('a hook is given no value of the environment that was not agreed to', { skip }, async (t) => {
  process.env.BULKHEAD_TEST_SECRET = 'secret'
  process.env.COLOUR = 'blue'
  t.after(() => {
    delete process.env.BULKHEAD_TEST_SECRET
    delete process.env.COLOUR
  })
  const there = await hooked(
    t,
    hookSpec({ hooks: { postinstall: { path: 'env.sh' } } }, { 'env.sh': '#!/bin/sh\nexport -p >&2\nexit 1\n' }),
  )
  await assert.rejects(there.run('postinstall'), (error: Error & { details: { run: string } }) => {
    const log = readFileSync(join(there.house.layout.logs(HELLO), `${error.details.run}.log`), 'utf8')
    assert.match(log, /PLUGIN_HOOK='postinstall'/)
    assert.match(log, /COLOUR='blue'/)
    assert.doesNotMatch(log, /secret|PLUGIN_FROM_VERSION/)
    return true
  })
})
