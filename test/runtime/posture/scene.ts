// One running plugin, in one of the ways and modes there are, for a test to look at.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, chownSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { RunPlan } from '../../../src/index.ts'
import { compile, eventually, scratch } from '../launcher/launch.ts'
import { CALLER, subordinateUser } from '../launcher/user.ts'
import { childrenOf, type Posture, postureOf } from './sight.ts'

export type Way = 'command' | 'library'
export type Mode = 'root' | 'subordinate' | 'direct'
export type Profile = 'development' | 'production' | 'strict'

export interface Scene {
  readonly plan: RunPlan
  readonly caller: { readonly uid: number; readonly gid: number }
  /** A process that was started in the same way and did nothing. */
  readonly idle: Posture
  readonly pids: { readonly launcher: number; readonly init: number; readonly payload: number; readonly child: number }
  /** What the program says of itself that nobody else can see. */
  readonly said: string
}

/** A second thread, a child, and the secure bits, which only their owner can read. */
const PROGRAM = `
#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
static void *wait_for_ever(void *unused) { for (;;) pause(); }
int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, wait_for_ever, NULL);
  if (fork() == 0) wait_for_ever(NULL);
  printf("securebits %d\\n", prctl(PR_GET_SECUREBITS));
  fflush(stdout);
  wait_for_ever(NULL);
}`

const MANIFEST = { protocol: 'mcp', limits: {}, permissions: { env: ['GRANTED'] } }
let program: string | undefined

/** Starts it, and ends it with the test. The reason why it cannot be had, where it cannot. */
export async function scene(t: TestContext, way: Way, mode: Mode, profile: Profile): Promise<Scene | string> {
  const user = mode === 'subordinate' ? subordinateUser() : { uid: CALLER }
  if (typeof user === 'string') return user
  const uid = mode === 'root' ? 0 : user.uid
  program ??= compile(PROGRAM, '-pthread')
  const folder = scratch()
  chownSync(folder, uid, uid)
  chmodSync(folder, 0o700)
  const weaker = { root: [], subordinate: ['memory', 'processes'], direct: ['uid', 'memory', 'processes'] }[mode]
  const given = JSON.stringify({ folder, program, way, profile, weaker, manifest: MANIFEST })
  const host = as(uid, [process.execPath, join(import.meta.dirname, 'start.ts'), given], folder)
  const idle = as(uid, ['/bin/sleep', '600'], folder)
  t.after(async () => {
    for (const one of [host, idle]) {
      one.stdin?.end()
      one.kill('SIGTERM')
    }
    await new Promise((resolve) =>
      (host.exitCode ?? host.signalCode) === null ? host.once('exit', resolve) : resolve(null),
    )
  })
  let said = ''
  let wrong = ''
  host.stdout?.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
  host.stderr?.setEncoding('utf8').on('data', (chunk: string) => (wrong += chunk))
  assert.ok(await eventually(() => said.endsWith('\n'), 20_000), `the plugin does not run: ${wrong}${said}`)
  const hostPid = host.pid ?? 0
  const launcher = way === 'command' ? hostPid : only(childrenOf(hostPid))
  const init = only(childrenOf(launcher))
  const payload = only(childrenOf(init))
  const child = only(childrenOf(payload))
  assert.deepEqual(childrenOf(child), [])
  // The program speaks while init still lets go of what it had for starting it: both are looked at when they wait.
  const waits = (pid: number): boolean => /^State:\tS/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  assert.ok(await eventually(() => waits(init) && waits(launcher)))
  return {
    plan: JSON.parse(readFileSync(join(folder, 'plan'), 'utf8')),
    caller: { uid, gid: uid },
    idle: postureOf(idle.pid ?? 0),
    pids: { launcher, init, payload, child },
    said,
  }
}

function only(pids: readonly number[]): number {
  assert.equal(pids.length, 1, `one child was expected: ${pids.join(' ')}`)
  return pids[0] as number
}

function as(uid: number, command: readonly string[], home: string): ChildProcess {
  const [program = '', ...args] = command
  const ids = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups', '--', program, ...args]
  return spawn('setpriv', ids, {
    stdio: 'pipe',
    cwd: '/',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: home, USER: `u${uid}` },
  })
}
