// What the code of a bad module can do to the host, and to the launchers that call it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
import { SLOW } from '../../helpers/patience.ts'
import { eventsOf } from '../../runtime/launcher/held.ts'
import { eventually, launch, leavesOf, start } from '../../runtime/launcher/launch.ts'
import { copyOf, needsParent, type Parent, PYTHON, startParent } from '../../runtime/preload/parent.ts'
import { startHostile } from './hostile.ts'

const options = { skip: needsParent, timeout: 60_000 * SLOW }

/** What the parent answers the first launcher, who is refused with it. */
async function toldBy(parent: Parent): Promise<string> {
  const { ended } = await launch(copyOf(parent, ''))
  assert.equal(ended?.error, 'PRELOAD_FAILED')
  return String(ended?.reason).replace('cannot start from the preloaded parent: ', '')
}

test('the one descriptor that it is given leads to no file of the host', options, async (t) => {
  const parent = await startHostile(
    t,
    `
for caller, [leaf] in callers():
    at = leaf
    for _ in range(16): at = os.open('..', os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
    refuse(caller, 'cgroup.procs' in os.listdir(at) and os.path.samestat(os.fstat(at), os.fstat(leaf)) and 'the leaf' or str(os.listdir(at)))`,
  )
  assert.equal(parent.fault, null)
  assert.equal(await toldBy(parent), 'the leaf')
})

test('nor to the cgroup of its copies, in which nothing limits it', options, async (t) => {
  const parent = await startHostile(
    t,
    `
def own(): return next(line.strip() for line in open('/proc/self/cgroup') if line.startswith('0::'))
for caller, [leaf] in callers():
    tried = []
    for _ in range(3):
        for file in ('../cgroup.procs', '../cgroup.subtree_control', '../../cgroup.procs', '../memory.max'):
            try: os.write(os.open(file, os.O_WRONLY, dir_fd=leaf), b'0')
            except OSError: pass
        tried.append(own())
    refuse(caller, tried[-1])`,
  )
  const inLeaf = await toldBy(parent)
  // As far as it may go, since it may clone into it: the leaf of the run that called, with the limits of that run.
  assert.match(inLeaf, new RegExp(`/${basename(parent.family)}/bulkhead-[^/]+$`))
})

test('it can still clone into that leaf, and what it makes there ends with the run', options, async (t) => {
  const parent = await startHostile(
    t,
    `
for caller, [leaf] in callers():
    pid, work = member_and_work(caller, leaf)
    os.write(work[STATUS], message(STARTED))`,
  )
  const running = start(copyOf(parent, '', { control: true }))
  const { pid } = await running.started
  assert.match(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), new RegExp(`bulkhead-${running.name}$`, 'm'))
  running.control?.destroy()
  const { ended } = await running.result
  assert.deepEqual([ended?.outcome, ended?.signal], ['signalled', 'SIGKILL'])
  assert.deepEqual(leavesOf(running.name), [])
})

/** What it writes on the status pipe, which no plugin ever sees and pid 1 alone should hold. */
const MESSAGES: Readonly<Record<string, string>> = {
  'an error that is none': `message(REFUSED, error=0x7ffffff0, layer=3, reason=b'no')`,
  'one below none': `message(REFUSED, error=-1000000, layer=25, reason=b'no')`,
  'a layer that is none': `message(REFUSED, error=1, layer=0x7ffffff0, reason=b'no')`,
  'a reason without an end': `message(REFUSED, error=1, layer=3, reason=b'x' * 600)`,
}

for (const [what, words] of Object.entries(MESSAGES))
  test(`a launcher that is told ${what} refuses, and is not taken down by it`, options, async (t) => {
    const parent = await startHostile(
      t,
      `
for caller, [leaf] in callers():
    pid, work = member_and_work(caller, leaf)
    os.write(work[STATUS], ${words})`,
    )
    const running = start(copyOf(parent, ''))
    const { status, signal, ended } = await running.result
    assert.deepEqual([status, signal, ended?.outcome], [125, null, 'refused'])
    assert.ok(String(ended?.reason).length < 600, 'nor does it tell what lies behind')
    assert.deepEqual(leavesOf(running.name), [])
  })

test('a run that is held has not started because a parent says so', options, async (t) => {
  const parent = await startHostile(
    t,
    `
for caller, [leaf] in callers():
    pid, work = member_and_work(caller, leaf)
    os.write(work[STATUS], message(STARTED))`,
  )
  const copy = copyOf(parent, '')
  const { ended, report } = await launch({ ...copy, control: true, set: { ...copy.set, held: 1 } })
  assert.deepEqual(eventsOf(report), ['ended'])
  assert.equal(ended?.signal, 'SIGKILL')
})

test('figures that cannot be are not passed on', options, async (t) => {
  const parent = await startHostile(
    t,
    `
for caller, [leaf] in callers():
    pid, work = member_and_work(caller, leaf)
    os.write(work[STATUS], message(STARTED))
    os.write(work[STATUS], message(ENDED, room=1 << 62))
    end(caller, 0, 1 << 62)
    os.kill(pid, 9)`,
  )
  const { status, ended } = await launch(copyOf(parent, ''))
  assert.equal(status, 0)
  for (const [name, value] of Object.entries(ended?.usage ?? {}))
    assert.ok(value === null || (Number.isSafeInteger(value) && value >= 0), `${name}: ${value}`)
})

const ANSWERS: Readonly<Record<string, string>> = {
  'descriptors that are none of a process': `answer(caller, os.open('/usr', os.O_RDONLY))`,
  'a pidfd of itself': `answer(caller, os.pidfd_open(os.getpid()))`,
  'a pidfd of its pid 1': `answer(caller, os.pidfd_open(1))`,
  'a process that has ended': `
    pid, pidfd = clone_into(leaf)
    if pid == 0: os._exit(0)
    os.waitpid(pid, 0)
    answer(caller, pidfd)`,
  'a network that is none': `
    pid, pidfd = clone_into(leaf)
    if pid == 0: time.sleep(600); os._exit(0)
    answer(caller, pidfd, os.open('/usr', os.O_RDONLY))`,
  'a user namespace for a network': `
    pid, pidfd = clone_into(leaf)
    if pid == 0: time.sleep(600); os._exit(0)
    answer(caller, pidfd, os.open('/proc/self/ns/user', os.O_RDONLY))`,
  'one descriptor': `socket.send_fds(caller, [bytes(256)], [os.pidfd_open(1)])`,
  'sixteen descriptors': `socket.send_fds(caller, [bytes(256)], [os.pidfd_open(1)] * 16)`,
  'half a letter': `caller.send(b'x')`,
  'ten of them': `
    for _ in range(10): caller.send(b'x' * 4000, socket.MSG_DONTWAIT)`,
  'a reason without an end': `caller.send(b'x' * 256)`,
  'nothing, and hangs up': `caller.close()`,
}

for (const [what, words] of Object.entries(ANSWERS))
  test(`a launcher that is answered with ${what} refuses, and leaves nothing`, options, async (t) => {
    const parent = await startHostile(t, `\nfor caller, [leaf] in callers():\n    ${words.trim()}`)
    const running = start(copyOf(parent, ''))
    const { status, ended } = await running.result
    assert.equal(status, 125)
    assert.ok(['PRELOAD_FAILED', 'LAYER_UNAVAILABLE'].includes(String(ended?.error)), running.name)
    assert.deepEqual(leavesOf(running.name), [])
  })

/** What pid 1 waits for, and whoever waits for pid 1, when there is no limit of time. */
const STANDSTILL: Readonly<Record<string, string>> = {
  'pid 1 does nothing': `member_and_work(caller, leaf)`,
  'nobody takes the work': `
    pid, pidfd = clone_into(leaf)
    if pid == 0: time.sleep(600); os._exit(0)
    answer(caller, pidfd)`,
}

for (const [what, words] of Object.entries(STANDSTILL))
  test(`a run that never begins is a refusal after a while: ${what}`, options, async (t) => {
    const parent = await startHostile(t, `\nfor caller, [leaf] in callers():\n    ${words.trim()}`)
    const began = performance.now()
    const running = start(copyOf(parent, '', { set: { 'timeout-ms': undefined }, control: true }))
    setTimeout(() => running.control?.destroy(), 30_000 * SLOW).unref()
    const { ended } = await running.result
    assert.deepEqual([ended?.outcome, ended?.error], ['refused', 'PRELOAD_FAILED'])
    assert.match(String(ended?.reason), /its copy has not begun within 10 s$/)
    assert.ok(performance.now() - began < 20_000 * SLOW)
    assert.deepEqual(leavesOf(running.name), [])
  })

test('nor does it keep anybody who wants it to end', options, async (t) => {
  const parent = await startHostile(t, `\nfor caller, [leaf] in callers(): member_and_work(caller, leaf)`)
  const running = start(copyOf(parent, '', { control: true }))
  await eventually(() => leavesOf(running.name).length > 0)
  const began = performance.now()
  running.control?.destroy()
  await running.result
  assert.ok(performance.now() - began < 6_000 * SLOW)
})

/** As a launcher does, and with one descriptor too many. */
const TWO = `
import os, socket, struct, sys
os.chdir(sys.argv[1])
null = os.open('/dev/null', os.O_RDONLY)
for _ in range(40):
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    caller.connect('socket')
    socket.send_fds(caller, [struct.pack('I', 0x42485031)], [null, null])
    caller.recv(4096)
    caller.close()`

test('a letter with one descriptor too many is written over nothing, and kept by nobody', options, async (t) => {
  const parent = await startParent(t, ['json'])
  const open = () => readdirSync(`/proc/${parent.pid}/fd`).length
  const before = open()
  execFileSync(PYTHON, ['-c', TWO, parent.folder])
  assert.ok(await eventually(() => open() === before), `${open() - before} more than before`)
  assert.equal((await launch(copyOf(parent, `print('served')`))).stdout, 'served\n')
})
