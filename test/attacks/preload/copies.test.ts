// What a copy leaves, and what it shares: nothing of one run reaches its parent, or the next run, or another one beside it.

import assert from 'node:assert/strict'
import { readFileSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { type Layer, launch, newRunName, start } from '../../runtime/launcher/launch.ts'
import { coldOf, copyOf, needsParent, type Parent, startParent } from '../../runtime/preload/parent.ts'

const options = { skip: needsParent, timeout: 60_000 }

const WAITING = `import time; time.sleep(600)`

async function said(parent: Parent, script: string, rest: Parameters<typeof copyOf>[2] = {}): Promise<string> {
  const { stdout, stderr, status } = await launch(copyOf(parent, script, rest))
  assert.equal(status, 0, stderr)
  return stdout.trim()
}

test('what a copy does to its memory is done to nobody else', options, async (t) => {
  const parent = await startParent(t, ['json', 'decimal'])
  const look = `import builtins, decimal, json, os, sys
print(getattr(builtins, 'mark', 'no'), json.dumps([1]), decimal.getcontext().prec, 'evil' in sys.modules, sys.getrecursionlimit(), os.environ.get('MARK'))`
  const before = await said(parent, look)
  await said(
    parent,
    `import builtins, decimal, json, os, sys, gc
builtins.mark = 'yes'; json.dumps = lambda *_: 'evil'; decimal.getcontext().prec = 3; sys.modules['evil'] = sys
sys.setrecursionlimit(77); os.environ['MARK'] = 'yes'; gc.disable()
for one in gc.get_objects():
    if isinstance(one, dict) and '__name__' in one: one['mark'] = 'yes'`,
  )
  assert.equal(await said(parent, look), before)
})

/** Every page of its own that it may read. What is searched for is a pattern that does not find itself: `[w]ord`. */
const SEARCH = `
import re, sys
found = set()
with open('/proc/self/mem', 'rb', 0) as memory:
    for line in open('/proc/self/maps'):
        addresses, rights, *_ = line.split()
        if rights[0] != 'r' or '[v' in line: continue
        begin, end = (int(number, 16) for number in addresses.split('-'))
        memory.seek(begin)
        try: part = memory.read(end - begin)
        except OSError: continue
        found |= {word for word in sys.argv[1:] if re.search(word.encode(), part)}
print('|'.join(sorted(found)))`
const patternOf = (word: string) => `[${word[0]}]${word.slice(1)}`

test('nothing that the launcher was told is in the memory of a copy', options, async (t) => {
  const parent = await startParent(t, ['json'])
  const run = copyOf(parent, SEARCH, { data: true })
  const name = newRunName()
  const secrets = [run.in.root, run.in.data, parent.folder, parent.family, name]
  const control = 'a word of its own'
  const searched = { args: [...(run.args ?? []), ...[...secrets, control].map(patternOf)], env: { WORD: control } }
  const { stdout, stderr } = await launch({ ...run, ...searched, run: name })
  assert.deepEqual([stdout, stderr], [`${patternOf(control)}\n`, ''])
})

test('a value that one run was given is not in the memory of the next', options, async (t) => {
  const parent = await startParent(t, ['json'])
  const secret = 'correct horse battery'
  await said(parent, `import os\nassert os.environ['TOKEN']`, { env: { TOKEN: secret } })
  assert.equal(await said(parent, SEARCH, { args: [patternOf(secret)] }), '')
})

test('a copy has no descriptor but its own three', options, async (t) => {
  const parent = await startParent(t, ['json'])
  const other = start(copyOf(parent, WAITING))
  await other.started
  const script = `import os\nprint(sorted(int(fd) for fd in os.listdir('/proc/self/fd')))
for fd in range(3, 4096):
    try: os.fstat(fd); print('open', fd)
    except OSError: pass`
  assert.equal(await said(parent, script), '[0, 1, 2, 3]', 'the fourth is that of the listing itself')
  other.process.kill('SIGKILL')
})

test('what one run writes in /tmp is not there in the next, nor beside it', options, async (t) => {
  const parent = await startParent(t, ['json'])
  const look = `import os\nprint(os.listdir('/tmp'), os.listdir('/dev/shm'))`
  const writer = start(copyOf(parent, `open('/tmp/left', 'w').write('x')\nprint('written', flush=True)\n${WAITING}`))
  await new Promise((done) => writer.process.stdout?.once('data', done))
  assert.equal(await said(parent, look), '[] []')
  writer.process.kill('SIGKILL')
  await writer.result
  assert.equal(await said(parent, look), '[] []')
})

test('System V memory and semaphores of a run are its own', options, async (t) => {
  const parent = await startParent(t, ['ctypes'])
  const make = `import ctypes\nlibc = ctypes.CDLL(None)\nprint(libc.shmget(4711, 4096, 0o1666) >= 0)`
  const find = `import ctypes\nlibc = ctypes.CDLL(None)\nprint(libc.shmget(4711, 4096, 0o666))`
  const maker = start(copyOf(parent, `${make}\nimport sys; sys.stdout.flush()\n${WAITING}`))
  await new Promise((done) => maker.process.stdout?.once('data', done))
  assert.equal(await said(parent, find), '-1')
  maker.process.kill('SIGKILL')
})

/** Processes that it sees, that it can signal, and that it can look into. */
const REACH = `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
reached = []
for pid in range(1, 40000):
    if pid in (os.getpid(), 1): continue
    try: os.kill(pid, 0); reached.append(pid)
    except OSError: pass
print(reached, [pid for pid in os.listdir('/proc') if pid.isdigit()], os.getppid())
def error(result): return 'yes' if result >= 0 else os.strerror(ctypes.get_errno())
print(error(libc.ptrace(16, 1, 0, 0)), '/', error(libc.process_vm_readv(1, None, 0, None, 0, 0)), '/', error(libc.syscall(434, 1, 0)))
try: open('/proc/1/mem', 'rb'); print('open')
except OSError as failure: print(type(failure).__name__)`

test('neither parent nor pid 1 nor another copy can be seen, signalled or traced', options, async (t) => {
  const parent = await startParent(t, ['ctypes'])
  const other = start(copyOf(parent, WAITING))
  await other.started
  const run = copyOf(parent, REACH)
  const seen = await launch(run)
  assert.equal(seen.stderr, '')
  assert.equal(seen.stdout, (await launch(coldOf(run))).stdout, 'no more than from a cold start')
  assert.match(seen.stdout, /^\[\] \['2'\] 1\nOperation not permitted/)
  assert.equal(other.process.exitCode, null)
  other.process.kill('SIGKILL')
})

test(
  'nobody can be called from inside: the socket is in no tree, and there are no local sockets',
  options,
  async (t) => {
    const parent = await startParent(t, ['socket'])
    const script = `import os, socket
for root, _, files in os.walk('/'):
    if root.startswith('/proc'): continue
    for name in files:
        try:
            if (os.lstat(os.path.join(root, name)).st_mode & 0o170000) == 0o140000: print('socket', root, name)
        except OSError: pass
try: socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); print('made')
except OSError as error: print(error.strerror)`
    assert.equal(await said(parent, script), 'Address family not supported by protocol')
  },
)

/** A library tells a fork by its number; in a pid namespace of its own each copy is number 2. */
const DRAWS: Readonly<Record<string, string>> = {
  random: `import random; print(random.random(), random.SystemRandom().random())`,
  'ssl.RAND_bytes': `import ssl; print(ssl.RAND_bytes(16).hex())`,
  'ssl.RAND_bytes of a child': `import os, ssl, sys
pid = os.fork()
if pid == 0: print(ssl.RAND_bytes(16).hex(), flush=True)
else: os.waitpid(pid, 0)`,
  'a child of a child': `import os, ssl
if os.fork() == 0:
    if os.fork() == 0: print(ssl.RAND_bytes(16).hex(), flush=True)
    else: os.wait()
else: os.wait()`,
  uuid4: `import uuid; print(uuid.uuid4())`,
  tempfile: `import tempfile; print(tempfile.mktemp())`,
  secrets: `import secrets; print(secrets.token_hex())`,
  'the uuid of a time': `import uuid; print(uuid.uuid1(0).clock_seq, uuid.uuid1(0))`,
}

for (const [source, script] of Object.entries(DRAWS))
  test(`two copies do not draw the same: ${source}`, options, async (t) => {
    const parent = await startParent(t, ['random', 'ssl', 'uuid', 'tempfile', 'secrets'])
    const drawn = [await said(parent, script), await said(parent, script), await said(parent, script)]
    assert.ok(drawn.every((one) => one.length > 8))
    assert.equal(new Set(drawn).size, 3, drawn.join('\n'))
  })

const LAYERS: readonly Layer[] = [
  'seccomp',
  'landlock',
  'capabilities',
  'no-new-privs',
  'rlimits',
  'memory',
  'processes',
  'read-only',
  'keyring',
  'session',
  'dev',
  'parent-death',
  'kill-tree',
]

test('the launcher lets no copy go without a layer', options, async (t) => {
  const parent = await startParent(t, ['json'])
  for (const layer of LAYERS) {
    const { ended } = await launch({ ...copyOf(parent, `print('ran')`), weaker: [layer] })
    assert.deepEqual(
      [ended?.error, ended?.reason],
      ['SPEC_INVALID', 'cannot read the specification: preload with weaker'],
    )
  }
})

test('a run that forks, kills and fills whatever it can stops no next one', options, async (t) => {
  const parent = await startParent(t, ['json'])
  const hostile = [
    `import os\nwhile True:\n  try: os.fork()\n  except OSError: pass`,
    `x = []\nwhile True: x.append(bytearray(1 << 20))`,
    `import os, signal\nfor number in range(1, 65):\n  for pid in (0, -1, 1):\n    try: os.kill(pid, number) if number not in (9, 19) else None\n    except OSError: pass\nos.kill(-1, 9)`,
    `import signal, time\nfor number in range(1, 65):\n  try: signal.signal(number, signal.SIG_IGN)\n  except (OSError, ValueError): pass\ntime.sleep(600)`,
    `import os\nfor fd in range(4096):\n  try: os.close(fd)\n  except OSError: pass\nos.abort()`,
  ]
  const runs = hostile.map((script) =>
    start(copyOf(parent, script, { set: { 'timeout-ms': 1500, 'grace-ms': 100, 'memory-bytes': 67_108_864 } })),
  )
  const began = performance.now()
  assert.equal(await said(parent, `print('served')`), 'served')
  assert.ok(performance.now() - began < 5_000)
  await Promise.all(runs.map(({ result }) => result))
  assert.equal(await said(parent, `print('served')`), 'served')
  assert.match(readFileSync(`/proc/${parent.pid}/status`, 'utf8'), /^State:\t[SR]/m)
  assert.equal(readlinkSync(`/proc/${parent.pid}/exe`).endsWith('python3'), true)
})
