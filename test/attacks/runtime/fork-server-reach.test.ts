// A plugin that sees the fork server, because the layers that hide it were given up by name, can do nothing to it.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { Layer } from '../../../src/core/layers.ts'
import { HELLO, household, manifestOf } from '../../manager/household.ts'
import { field, serverPidOf, withServer } from '../../runtime/forks.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch || (process.getuid?.() === 0 ? false : 'the plugin must have a user of its own')
if (skip !== false) console.log(`skipped: ${skip}`)

/** What it says is one word for each thing it tries, in this order. */
const ATTEMPTS = `
import ctypes, os, signal, socket, sys
server = int(sys.argv[1])
def tried(what):
    try:
        what()
        return 'done'
    except OSError as error:
        return type(error).__name__
def connect():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect('/proc/%d/fd/4' % server)
def trace():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(0x4206, server, 0, 0) != 0: # PTRACE_SEIZE
        raise OSError(ctypes.get_errno(), 'ptrace')
print(tried(lambda: os.stat('/proc/%d' % server)), tried(lambda: os.kill(server, signal.SIGCONT)), tried(trace),
      tried(lambda: os.listdir('/proc/%d/fd' % server)), tried(connect), sorted(map(int, os.listdir('/proc/self/fd')))[3:4])
`

const OTHERS: readonly Layer[] = [
  'user-namespace',
  'pid-namespace',
  'net-namespace',
  'ipc-namespace',
  'no-new-privs',
  'seccomp',
  'landlock',
  'memory',
  'processes',
]

test('whoever is not of its user does nothing to the fork server, whatever layers are off', { skip }, async (t) => {
  const house = await household(t)
  await house.install({
    files: { 'main.py': ATTEMPTS, 'plugin.json': manifestOf({ entry: { runtime: 'python', path: 'main.py' } }) },
  })
  await withServer(async () => (await house.manager.run(HELLO, { args: ['1'] })).outcome)
  const server = serverPidOf()
  const said = async (weaker: readonly Layer[]) => {
    const run = await house.manager.run(HELLO, { args: [`${server}`], weaker })
    assert.equal(field(run.pid, 'PPid'), `${server}`)
    const [output, errors, outcome] = await Promise.all([
      text(run.stdout as never),
      text(run.stderr as never),
      run.outcome,
    ])
    return output || errors || JSON.stringify(outcome)
  }
  // Its fourth descriptor is the folder that it lists: it has no other.
  assert.match(await said([]), /^FileNotFoundError /)
  assert.equal(await said(OTHERS), 'done PermissionError PermissionError PermissionError PermissionError [3]\n')
  const { stdout } = spawnSync('python3', ['-c', ATTEMPTS, `${server}`], { encoding: 'utf8' })
  assert.equal(stdout, 'done done done done done [3]\n', 'as its user it is easy')
  assert.ok(readFileSync(`/proc/${server}/cmdline`, 'utf8').includes('--fork-server'), 'it goes on')
})
