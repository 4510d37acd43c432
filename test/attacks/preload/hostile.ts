// Parents whose listed module is bad: it never lets the real one begin, and answers launchers itself.

import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { scratch } from '../../runtime/launcher/launch.ts'
import { type Parent, startParent } from '../../runtime/preload/parent.ts'

/** What every one of them can do: answer as the real one does, with a pid 1 that does as it likes. */
const ARSENAL = `
import array, ctypes, os, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
READY = b'ready\\n'

def callers():
    os.write(1, READY)
    listener = socket.socket(fileno=3)
    listener.setblocking(True)
    while True:
        caller, _ = listener.accept()
        _, descriptors, _, _ = socket.recv_fds(caller, 4096, 16)
        yield caller, descriptors

class CloneArguments(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in
                ('flags', 'pidfd', 'child_tid', 'parent_tid', 'exit_signal', 'stack', 'stack_size', 'tls', 'set_tid', 'set_tid_size', 'cgroup')]

def clone_into(leaf):
    """(pid, pidfd); in the child (0, None)."""
    pidfd = ctypes.c_int(-1)
    arguments = CloneArguments(flags=0x200000000 | 0x1000, pidfd=ctypes.addressof(pidfd), exit_signal=17, cgroup=leaf)
    pid = libc.syscall(435, ctypes.byref(arguments), ctypes.sizeof(arguments))
    if pid < 0: raise OSError(ctypes.get_errno(), 'clone3')
    return pid, pidfd.value

def answer(caller, pidfd, network=None):
    network = os.open('/proc/self/ns/net', os.O_RDONLY) if network is None else network
    socket.send_fds(caller, [bytes(256)], [pidfd, network])

def refuse(caller, reason):
    caller.send(reason.encode()[:255].ljust(256, b'\\0'))

def work_of(caller):
    """Everything that was meant for pid 1: specification, stdin, stdout, stderr, status, go, trees, tasks."""
    descriptors = []
    while True:
        letter, more, _, _ = socket.recv_fds(caller, 4096, 256)
        descriptors += more
        if not letter or len(descriptors) >= struct.unpack('III', letter)[0]: return descriptors
STATUS, GO = 4, 5

def member_and_work(caller, leaf):
    pid, pidfd = clone_into(leaf)
    if pid == 0:
        time.sleep(600)
        os._exit(0)
    answer(caller, pidfd)
    return pid, work_of(caller)

REFUSED, STARTED, ENDED = 0, 1, 2
def message(kind, status=0, error=0, layer=0, reason=b'', room=0):
    return struct.pack('=iiqq qq iii600s4x', kind, status, room, 0, room, 0, error, layer, 0, reason)

def end(caller, status=0, amount=0):
    caller.send(struct.pack('=i4x18q', status, *[amount] * 18))
`

/** The listed module `odd`, of that and of `source`. */
export function hostileFolder(source: string): string {
  const folder = scratch()
  writeFileSync(join(folder, 'odd.py'), ARSENAL + source)
  chmodSync(join(folder, 'odd.py'), 0o644)
  return folder
}

export const PACKAGES_INSIDE = '/usr/lib/python3/dist-packages'

export async function startHostile(t: TestContext, source: string): Promise<Parent> {
  return await startParent(t, ['odd'], {
    add: [['bind-exec', `${hostileFolder(source)}\t${PACKAGES_INSIDE}`]],
  })
}
