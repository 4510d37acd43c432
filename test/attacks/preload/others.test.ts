// Others on the host: an ordinary user, another plugin's uid, and a process of the plugin's own that sees the host's files.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SLOW } from '../../helpers/patience.ts'
import { launch, PLUGIN_UID, scratch } from '../../runtime/launcher/launch.ts'
import { copyOf, needsParent, type Parent, PYTHON, startParent } from '../../runtime/preload/parent.ts'

const options = { skip: needsParent, timeout: 60_000 * SLOW }

const WHO = {
  'an ordinary user': 65_534,
  'another plugin': PLUGIN_UID + 1,
  'the plugin in a sandbox of its own': PLUGIN_UID,
} as const

/** Each of these on a line of its own: what came of it. */
const REACH = `
import ctypes, os, socket, struct, sys
folder, family, pid = sys.argv[1], sys.argv[2], int(sys.argv[3])
libc = ctypes.CDLL(None, use_errno=True)
def tried(what, work):
    try: print(what, work() or 'yes')
    except OSError as error: print(what, type(error).__name__)
def call():
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    caller.settimeout(10)
    caller.connect(folder + '/socket')
    # The same, met while sending or while reading.
    try:
        socket.send_fds(caller, [struct.pack('I', 0x42485031)], [os.open('/dev/null', os.O_RDONLY)])
        return 'answered' if caller.recv(4096) else 'hung up on'
    except (BrokenPipeError, ConnectionResetError): return 'hung up on'
def checked(result):
    if result < 0: raise OSError(ctypes.get_errno(), '')
tried('call', call)
tried('list', lambda: os.listdir(folder))
tried('replace', lambda: os.rename(folder + '/socket', folder + '/other'))
tried('enter-family', lambda: os.write(os.open(family + '/cgroup.procs', os.O_WRONLY), b'0') and None)
tried('make-leaf', lambda: os.mkdir(family + '/mine'))
tried('end-family', lambda: os.write(os.open(family + '/cgroup.kill', os.O_WRONLY), b'1') and None)
tried('memory', lambda: open('/proc/%d/mem' % pid, 'rb') and None)
tried('words', lambda: open('/proc/%d/environ' % pid, 'rb').read() and None)
tried('root', lambda: os.listdir('/proc/%d/root' % pid))
tried('network', lambda: checked(libc.setns(os.open('/proc/%d/ns/net' % pid, os.O_RDONLY), 0)))
tried('trace', lambda: checked(libc.ptrace(16, pid, 0, 0)))
tried('descriptor', lambda: checked(libc.syscall(438, os.pidfd_open(pid), 3, 0)))`

function reached(parent: Parent, uid: number): Record<string, string> {
  // As any run's: outside of all user namespaces that uid would own those of its runs.
  const inside = uid === PLUGIN_UID ? ['unshare', '--user', '--map-current-user'] : []
  const ids = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups', '--', ...inside]
  const words = [...ids, PYTHON, '-c', REACH, parent.folder, parent.family, String(parent.pid)]
  const said = execFileSync('setpriv', words, { encoding: 'utf8', cwd: '/' })
  return Object.fromEntries(
    said
      .trim()
      .split('\n')
      .map((line) => line.split(/ (.*)/s) as [string, string]),
  )
}

for (const [who, uid] of Object.entries(WHO))
  test(`${who} reaches nothing of a parent`, options, async (t) => {
    const parent = await startParent(t, ['json'])
    for (const [what, came] of Object.entries(reached(parent, uid))) assert.equal(came, 'PermissionError', what)
    assert.equal((await launch(copyOf(parent, `print('served')`))).stdout, 'served\n')
  })

test('it is the folder that keeps others out, and the uid that keeps the plugin out', options, async (t) => {
  const parent = await startParent(t, ['json'])
  chmodSync(parent.folder, 0o711)
  const calls = Object.fromEntries(Object.entries(WHO).map(([who, uid]) => [who, reached(parent, uid).call]))
  assert.deepEqual(calls, {
    'an ordinary user': 'answered',
    'another plugin': 'answered',
    'the plugin in a sandbox of its own': 'hung up on',
  })
  const { ended } = await launch(copyOf(parent, ''))
  assert.match(String(ended?.reason), /^cannot trust the folder \S+: it is open to others$/)
})

/** What somebody may have put in the place of a parent's folder. */
const PLACES: Readonly<Record<string, (folder: string, real: string) => void>> = {
  'a link to it': (folder, real) => symlinkSync(real, folder),
  'a folder of somebody else': (folder) => {
    mkdirSync(folder, { mode: 0o700 })
    chownSync(folder, PLUGIN_UID, PLUGIN_UID)
  },
  'a folder without a socket': (folder) => mkdirSync(folder, { mode: 0o700 }),
  'a folder whose socket is a link': (folder, real) => {
    mkdirSync(folder, { mode: 0o700 })
    symlinkSync(join(real, 'nowhere'), join(folder, 'socket'))
  },
}

for (const [what, make] of Object.entries(PLACES))
  test(`${what} in the place of its folder is a refusal`, options, async (t) => {
    const parent = await startParent(t, ['json'])
    const place = join(scratch(), 'place')
    make(place, parent.folder)
    const { ended } = await launch(copyOf({ ...parent, folder: place }, `print('no')`))
    assert.ok(['PRELOAD_FAILED', 'LAUNCH_FAILED'].includes(String(ended?.error)), String(ended?.reason))
  })

test('a parent is found where its folder is, and nowhere else', options, async (t) => {
  const parent = await startParent(t, ['json'])
  assert.equal(statSync(parent.folder).mode & 0o777, 0o700)
  const moved = `${parent.folder}-moved`
  renameSync(parent.folder, moved)
  t.after(() => rmSync(moved, { recursive: true }))
  assert.equal((await launch(copyOf(parent, ''))).ended?.error, 'PRELOAD_FAILED', 'gone for whoever calls')
  assert.equal((await launch(copyOf({ ...parent, folder: moved }, `print('served')`))).stdout, 'served\n')
})
