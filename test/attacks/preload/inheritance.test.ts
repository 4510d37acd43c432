// What an execve takes away from a process, or a fork hands down: a copy has no more of it than a cold start.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SLOW } from '../../helpers/patience.ts'
import { launch } from '../../runtime/launcher/launch.ts'
import { coldOf, copyOf, needsParent, startParent } from '../../runtime/preload/parent.ts'

const options = { skip: needsParent, timeout: 60_000 * SLOW }

/** By number, as linux/prctl.h has them: what is read without an argument, by value or by address. */
const STATE = `
import ctypes, json, os, signal
libc = ctypes.CDLL(None, use_errno=True)
def said(result): return result if result >= 0 else -ctypes.get_errno()
def read(path):
    try: return open(path).read()
    except OSError as error: return type(error).__name__
def at(number):
    value = ctypes.c_int(-1)
    return [said(libc.prctl(number, ctypes.byref(value), 0, 0, 0)), value.value]
stack = (ctypes.c_uint64 * 3)()
timer = (ctypes.c_uint64 * 4)()
state = {
    'by value': {n: said(libc.prctl(n, 0, 0, 0, 0)) for n in (3, 7, 21, 27, 30, 34, 39, 42, 52, 58, 66)},
    'by address': {n: at(n) for n in (2, 25, 37)},
    'bounding': [libc.prctl(23, n, 0, 0, 0) for n in range(48)],
    'ambient': [said(libc.prctl(47, 1, n, 0, 0)) for n in range(41)],
    'raises ambient': said(libc.prctl(47, 2, 10, 0, 0)),
    'keeps capabilities': said(libc.prctl(8, 1, 0, 0, 0)),
    'changes secure bits': said(libc.prctl(28, 0, 0, 0, 0)),
    'personality': said(libc.personality(0xffffffff)),
    'io priority': said(libc.syscall(31 if os.uname().machine == 'aarch64' else 252, 1, 0)),
    'scheduler': [os.sched_getscheduler(0), os.sched_getparam(0).sched_priority],
    'stack for signals': [said(libc.sigaltstack(None, stack)), stack[1] & 0xffffffff],
    'timers': [[said(libc.getitimer(n, timer)), list(timer)] for n in range(3)],
    'files': {name: read('/proc/self/' + name) for name in
              ('coredump_filter', 'attr/current', 'loginuid', 'sessionid', 'personality', 'uid_map', 'gid_map', 'setgroups', 'projid_map', 'timens_offsets', 'clear_refs')},
    'namespaces': sorted(os.listdir('/proc/self/ns')),
    'shared': [line.split()[-1] for line in open('/proc/self/maps') if line.split()[1][3] == 's'],
    'locked': [line for line in open('/proc/self/status') if line.startswith(('VmLck', 'VmPin', 'NoNewPrivs', 'Seccomp', 'Cap', 'Speculation', 'SigPnd', 'SigBlk', 'SigIgn', 'SigCgt', 'Shd', 'Threads', 'THP', 'Core'))],
    'children': read('/proc/self/task/%d/children' % os.getpid()), 'ignores': signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL,
    'again': [said(libc.setns(n, 0)) for n in (0, 1)], 'unshares': said(libc.unshare(0x10000000)),
    'umask': os.umask(0o77), 'groups': os.getgroups(), 'ids': [os.getresuid(), os.getresgid()],
    'signals its own': said(libc.kill(0, 0)),
}
print(json.dumps(state, sort_keys=True))`

test('of what is handed down by a fork, a copy has what a cold start has', options, async (t) => {
  const parent = await startParent(t, ['ctypes', 'json', 'signal'])
  const run = copyOf(parent, STATE)
  const [copied, cold] = [await launch(run), await launch(coldOf(run))]
  assert.deepEqual([copied.stderr, cold.stderr], ['', ''])
  const [one, other] = [JSON.parse(copied.stdout), JSON.parse(cold.stdout)]
  // Its user namespace is one of the parent's, which knows no number of the host's.
  for (const map of ['uid_map', 'gid_map']) {
    assert.deepEqual(one.files[map].trim().split(/\s+/), ['1000', '1000', '1'])
    other.files[map] = one.files[map]
  }
  assert.deepEqual(one, other)
  assert.equal(one['by value'][27], 0xef, 'the secure bits, all locked')
})
