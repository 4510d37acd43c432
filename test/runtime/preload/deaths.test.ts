// Whoever of a run's makers dies, stops or talks nonsense: nobody is left behind, and the next run is served.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SLOW } from '../../helpers/patience.ts'
import { eventually, launch, leavesOf, type Running, start } from '../launcher/launch.ts'
import { childOf, copyOf, needsParent, type Parent, PYTHON, startParent } from './parent.ts'

const options = { skip: needsParent, timeout: 60_000 * SLOW }
const WAITING = `import os, time\nos.fork()\nprint('here', flush=True)\ntime.sleep(600)`

/** A copy with a child, all of whose processes are there. */
async function waiting(parent: Parent): Promise<{ running: Running; pids: number[] }> {
  const running = start(copyOf(parent, WAITING, { control: true }))
  let said = ''
  running.process.stdout?.on('data', (part) => (said += part))
  assert.ok(await eventually(() => said.split('here').length === 3))
  const { pid } = await running.started
  const program = childOf(pid)
  return { running, pids: [pid, program, childOf(program)] }
}

const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
const areGone = async (pids: readonly number[]) =>
  assert.ok(await eventually(() => pids.every((pid) => !isAlive(pid))), 'somebody is left')

const assertServes = async (parent: Parent) =>
  assert.equal((await launch(copyOf(parent, `print('served')`))).stdout, 'served\n')

test('a parent that is killed takes its copies along; their launchers say how they ended', options, async (t) => {
  const parent = await startParent(t, ['json'])
  const { running, pids } = await waiting(parent)
  process.kill(parent.pid, 'SIGKILL')
  const { ended } = await running.result
  assert.deepEqual([ended?.outcome, ended?.signal], ['signalled', 'SIGKILL'])
  await areGone(pids)
  assert.deepEqual(leavesOf(running.name), [])
  await parent.running.result
  assert.equal(existsSync(parent.family), false, 'nor is a cgroup left')
})

test("a parent's launcher that is killed takes all of them along", options, async (t) => {
  const parent = await startParent(t, ['json'])
  const { running, pids } = await waiting(parent)
  parent.running.process.kill('SIGKILL')
  assert.equal((await running.result).ended?.signal, 'SIGKILL')
  await areGone([...pids, parent.pid])
})

test("a parent's launcher whose host is gone does the same", options, async (t) => {
  const parent = await startParent(t, ['json'])
  const { running, pids } = await waiting(parent)
  parent.running.control?.destroy()
  await parent.running.result
  await running.result
  await areGone([...pids, parent.pid])
  assert.equal(existsSync(parent.family), false)
})

test('a launcher that is killed takes its copy along, and no other', options, async (t) => {
  const parent = await startParent(t, ['json'])
  const [one, other] = [await waiting(parent), await waiting(parent)]
  one.running.process.kill('SIGKILL')
  await areGone(one.pids)
  assert.ok(other.pids.every(isAlive))
  await assertServes(parent)
  other.running.control?.destroy()
  assert.equal((await other.running.result).ended?.signal, 'SIGKILL')
  await areGone(other.pids)
  await assertServes(parent)
})

test('so it does while the parent stands still, and nobody but pid 1 can see to it', options, async (t) => {
  const parent = await startParent(t, ['json'])
  const { running, pids } = await waiting(parent)
  process.kill(parent.pid, 'SIGSTOP')
  running.process.kill('SIGKILL')
  await areGone(pids)
  process.kill(parent.pid, 'SIGCONT')
  await assertServes(parent)
})

test('a parent that stands still is a refusal after a while, and no hang', options, async (t) => {
  const parent = await startParent(t, ['json'])
  process.kill(parent.pid, 'SIGSTOP')
  const began = performance.now()
  const running = start(copyOf(parent, `print('no')`))
  const { status, ended } = await running.result
  assert.deepEqual([status, ended?.outcome, ended?.error], [125, 'refused', 'PRELOAD_FAILED'])
  assert.equal(ended?.reason, 'cannot start from the preloaded parent: it has not answered within 5 s')
  assert.ok(performance.now() - began < 10_000 * SLOW)
  assert.deepEqual(leavesOf(running.name), [])
  process.kill(parent.pid, 'SIGCONT')
  await assertServes(parent)
})

test('a parent that is not there is a refusal', options, async (t) => {
  const parent = await startParent(t, ['json'])
  process.kill(parent.pid, 'SIGKILL')
  await parent.running.result
  const { ended } = await launch({ ...copyOf(parent, ''), set: { ...copyOf(parent, '').set, cgroup2: undefined } })
  assert.equal(ended?.error, 'SPEC_INVALID', 'nor can it be without a cgroup')
  const gone = copyOf({ ...parent, family: join(parent.family, '..') }, '')
  assert.equal((await launch(gone)).ended?.error, 'PRELOAD_FAILED')
})

/** What a launcher would send, cut short: nothing, half a message, one of another version, one without its descriptor. */
const NONSENSE = `
import os, socket, struct, sys, time
os.chdir(sys.argv[1])
def call(data, fds=[]):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect('socket')
    if data is not None: socket.send_fds(s, [data], fds)
    return s
version = struct.pack('I', 0x42485031)
null = os.open('/dev/null', os.O_RDONLY)
held = [call(None), call(version[:2], [null]), call(b'\\0' * 4, [null]), call(version), call(version, [null]), call(version * 99, [null] * 50)]
held += [call(None) for _ in range(20)]
print('sent', flush=True)
sys.stdin.read()`

test('half a message, or any other, holds up nobody', options, async (t) => {
  const parent = await startParent(t, ['json'])
  const talker = spawn(PYTHON, ['-c', NONSENSE, parent.folder], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => talker.kill('SIGKILL'))
  await new Promise((done) => talker.stdout.once('data', done))
  await assertServes(parent)
  talker.kill('SIGKILL')
  await sleep(50)
  await assertServes(parent)
  assert.ok(await eventually(() => childrenOf(parent.pid).length === 0), 'and nothing came of it')
})

const childrenOf = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter((one) => one.trim() !== '')

test('many at once', options, async (t) => {
  const parent = await startParent(t, ['json'])
  const all = await Promise.all(Array.from({ length: 40 }, (_, number) => launch(copyOf(parent, `print(${number})`))))
  assert.deepEqual(
    all.map(({ stdout }) => stdout),
    all.map((_, number) => `${number}\n`),
  )
  assert.ok(await eventually(() => childrenOf(parent.pid).length === 0))
})

test('who dies half-way through a call leaves nothing', options, async (t) => {
  const parent = await startParent(t, ['json'])
  for (let ms = 0; ms < 12; ms++) {
    const running = start(copyOf(parent, WAITING))
    await sleep(ms)
    running.process.kill('SIGKILL')
    await running.result
  }
  assert.ok(await eventually(() => childrenOf(parent.pid).length === 0))
  await assertServes(parent)
})
