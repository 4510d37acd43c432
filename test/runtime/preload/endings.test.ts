// However a program ends, what is seen of it is the same from a copy and from a cold start.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { launch, type Run } from '../launcher/launch.ts'
import { coldOf, copyOf, needsParent, type Parent, startParent } from './parent.ts'

const SCRIPTS: Readonly<Record<string, string>> = {
  'at its last line': `print('all')`,
  'with a status': `import sys\nprint('so', end='')\nsys.exit(3)`,
  'with a sentence': `import sys\nsys.exit('no more')`,
  'with a status that is no number of the kernel': `import sys\nsys.exit(-1)`,
  'with an odd status': `import sys\nsys.exit(1.5)`,
  'with an exception': `def f():\n  return 1 / 0\nf()`,
  'with an exception in another': `try:\n  {}['x']\nexcept KeyError as error:\n  raise ValueError('y') from error`,
  'with a syntax error': `print('x'\n`,
  'by Ctrl-C': `raise KeyboardInterrupt`,
  'at once': `import os\nprint('kept back', end='')\nos._exit(5)`,
  'by a signal of its own': `import os, signal\nos.kill(os.getpid(), signal.SIGTERM)`,
  'by a fault': `import signal\nsignal.raise_signal(signal.SIGSEGV)`,
  'by abort': `import os\nos.abort()`,
  'with a file that was not closed': `import atexit, os\nf = open('/tmp/f', 'w')\nf.write('kept')\nclass C:\n  def __del__(self, open=open): print('del', flush=True)\nc = C()`,
  'with threads': `import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.1), print('later'))).start()\nprint('sooner')`,
  'with a handler': `import atexit\natexit.register(print, 'bye')\nprint('hello')`,
  'with a child': `import os\npid = os.fork()\nprint('child' if pid == 0 else os.waitpid(pid, 0)[1], flush=True)`,
  'with a program of its own': `import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'import sys; print(sys.flags.no_user_site)'], capture_output=True, text=True))`,
  'with what it pickles': `import pickle\nclass C:\n  x = 1\nprint(pickle.loads(pickle.dumps(C())).__class__ is C, C.__module__)`,
  'with workers': `import multiprocessing\ndef twice(x): return 2 * x\nif __name__ == '__main__':\n  with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map(twice, [1, 2, 3]))`,
  'with what it reads': `import sys\nprint(input(), sys.stdin.read().upper())`,
  'without standard output': `import sys\nsys.stdout.close()\nsys.stderr.write('still')`,
  'with a line on stderr': `import sys, warnings\nwarnings.warn('look')`,
  'with a signal that it takes': `import os, signal\nsignal.signal(signal.SIGUSR1, lambda *_: print('taken'))\nos.kill(os.getpid(), signal.SIGUSR1)`,
}

let parent: Parent
before(async (t) => {
  if (needsParent === false) parent = await startParent(t as never, ['json'])
})

const told = async (run: Run) => {
  const { status, stdout, stderr, ended } = await launch({ ...run, stdin: 'first\nrest' })
  return {
    status,
    stdout,
    stderr,
    outcome: ended?.outcome,
    code: ended?.code,
    signal: ended?.signal,
    reason: ended?.reason,
  }
}

for (const [how, script] of Object.entries(SCRIPTS))
  test(`a program that ends ${how}`, { skip: needsParent, timeout: 60_000 }, async () => {
    const run = copyOf(parent, script)
    assert.deepEqual(await told(run), await told(coldOf(run)))
  })

test('a script that is not there', { skip: needsParent, timeout: 60_000 }, async () => {
  const run = copyOf(parent, '')
  const other = { ...run, args: ['-s', '-E', '-B', '/plugin/none.py'] }
  assert.deepEqual(await told(other), await told(coldOf(other)))
})

const LIMITS: Readonly<Record<string, { script: string; set: Run['set'] }>> = {
  'wall-time': { script: `while True: pass`, set: { 'timeout-ms': 500 } },
  idle: { script: `import time\ntime.sleep(60)`, set: { 'idle-ms': 300 } },
  output: { script: `while True: print('x' * 1000)`, set: { 'output-bytes': 100_000 } },
  'file-size': { script: `open('/tmp/x', 'wb').write(b'x' * 4000000)`, set: { 'file-size-bytes': 1_000_000 } },
  memory: { script: `x = bytearray(400000000)`, set: { 'memory-bytes': 67_108_864 } },
}

for (const [limit, { script, set }] of Object.entries(LIMITS))
  test(`a copy is held to its limit of ${limit}, which is not its parent's`, {
    skip: needsParent,
    timeout: 60_000,
  }, async () => {
    const run = copyOf(parent, script, { set: set ?? {} })
    const { ended } = await launch(run)
    // Python ignores the signal of a file that is too long, and has an exception.
    if (limit === 'file-size') assert.equal(ended?.code, 1)
    else assert.deepEqual([ended?.outcome, ended?.limit], ['limited', limit])
    assert.equal((await launch(copyOf(parent, `print('next')`))).stdout, 'next\n', 'the parent is there for the next')
  })

test('what a run has used is told of a copy as well', { skip: needsParent, timeout: 60_000 }, async () => {
  const { ended } = await launch(copyOf(parent, `x = bytearray(20000000)\nfor i in range(2000000): pass`))
  const { cpuMs, memoryPeakBytes, processesPeak, ioReadBytes } = ended?.usage ?? {}
  assert.ok(Number(cpuMs) > 5 && Number(memoryPeakBytes) > 2e7, JSON.stringify(ended))
  assert.deepEqual([processesPeak, typeof ioReadBytes], [1, 'number'])
})
