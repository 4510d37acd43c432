// A plugin that has found a bug in the relay, or a name server one in the dialer: what it has won. Each call is made by that
// very process; with the layer `network` off it must work, or the test proves nothing.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { compileFile, eventually, type Layer, needsRoot, type Running } from '../../runtime/launcher/launch.ts'
import { startWith } from '../../runtime/network/outside.ts'

const skip =
  needsRoot || (process.arch !== 'x64' && 'a process is taken over by writing its registers, here those of x86-64')
if (skip !== false) console.log(`skipped: ${skip}`)

let program: string | undefined
const attacker = (): string => {
  program ??= compileFile(import.meta.dirname, 'takeover.c')
  return program
}

const ROLES = ['dialer', 'relay'] as const
type Role = (typeof ROLES)[number]

function childrenOf(launcher: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => statusOf(Number(pid)).includes(`PPid:\t${launcher}\n`))
    .map(Number)
    .sort((one, other) => one - other)
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return '' // it is gone
  }
}

/** A run that waits, with its network; the launcher makes the dialer first. */
async function running(
  weaker: readonly Layer[],
): Promise<{ run: Running; pids: Record<Role, number>; landlockAbi: number }> {
  const run = startWith({ allow: ['example.com:443'] }, ['wait', '0'], { stdio: ['pipe', 'pipe', 'pipe'], weaker })
  const { pid: init, landlockAbi } = await run.started
  const [dialer = 0, relay = 0] = childrenOf(run.process.pid as number).filter((pid) => pid !== init)
  // Both sleep once all of what they give up is given up.
  await eventually(() => [dialer, relay].every((pid) => statusOf(pid).includes('State:\tS')))
  return { run, pids: { dialer, relay }, landlockAbi }
}

async function end(run: Running): Promise<void> {
  run.process.stdin?.end('\n')
  await run.result
}

async function takenOver(role: Role, call: readonly string[], weaker: readonly Layer[]): Promise<string> {
  const { run, pids } = await running(weaker)
  const words = call.map((word) => (word === 'LAUNCHER' ? String(run.process.pid) : word))
  try {
    return execFileSync(attacker(), [String(pids[role]), ...words], { encoding: 'utf8' }).trim()
  } finally {
    await end(run)
  }
}

const KILLED = 'killed by SIGSYS'
const calls: readonly (readonly [title: string, call: readonly string[], roles: readonly Role[]])[] = [
  ['reads no file', ['open', '/etc/passwd'], ROLES],
  ['makes no local socket', ['unix'], ROLES],
  ['makes no raw socket', ['raw'], ROLES],
  ['speaks with nobody but the dialer', ['inet'], ['relay']],
  ['listens at nothing', ['listen'], ROLES],
  ['signals nobody', ['signal', 'LAUNCHER'], ROLES],
  ['starts nobody', ['fork'], ROLES],
  ['gets no page to write code into', ['code'], ROLES],
  ['becomes nobody else', ['root'], ROLES],
]

for (const [title, call, roles] of calls)
  for (const role of roles)
    test(`a ${role} that was taken over ${title}`, { skip }, async () => {
      assert.equal(await takenOver(role, call, []), KILLED)
      assert.equal(await takenOver(role, call, ['network']), 'yes', 'without the layer it does')
    })

test('a dialer that was taken over reaches no port that is not in the list', { skip }, async (t) => {
  const server = createServer((socket) => socket.on('error', () => {}).end())
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.after(() => server.close())
  const call = ['connect', String((server.address() as { port: number }).port)]
  const { run, landlockAbi } = await running([])
  await end(run)
  if (landlockAbi < 4) return void t.skip(`Landlock has no rules for ports here (ABI ${landlockAbi})`)
  assert.equal(await takenOver('dialer', call, []), 'no EACCES')
  assert.equal(await takenOver('dialer', call, ['network']), 'yes')
})

test('seen from outside both are the plugin’s user, without a right, and hear no debugger', { skip }, async () => {
  for (const weaker of [[], ['network']] as const) {
    const { run, pids } = await running(weaker)
    for (const role of ROLES) {
      const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(statusOf(pids[role]))?.[1]
      const seen = ['Uid', 'CapPrm', 'CapBnd', 'NoNewPrivs', 'Seccomp'].map(field)
      const [uid, permitted] = seen
      if (weaker.length > 0) {
        assert.deepEqual([uid?.split('\t')[0], field('Seccomp')], ['0', '0'], role)
        continue
      }
      assert.notEqual(uid?.split('\t')[0], '0')
      assert.equal(permitted, '0000000000000000')
      assert.deepEqual(seen.slice(2), ['0000000000000000', '1', '2'], role)
      assert.equal(field('Groups')?.trim(), '')
    }
    await end(run)
  }
})
