import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { openPyspawner } from './pyspawner.ts'
import type { Stage } from './stage.ts'
import { interleave } from './statistics.ts'
import { atMost, type Row, rowOf } from './table.ts'

const PYTHON = '/usr/bin/python3'
const PANDAS = '/usr/lib/python3/dist-packages/pandas'

/** Longer than a copy takes to be made: what is measured is the handing out. */
const REFILL_MS = 5_000

/** It says that pandas is there, and nothing else: what is measured is how it comes to be there. */
const SCRIPT = 'import sys, pandas\nprint(pandas.__name__)\n'

/** The least that any server of forks does: no sandbox, no launcher, one copy of an interpreter that has pandas. */
const BARE = `
import gc, os, sys, pandas
code = compile(sys.argv[1], 'main.py', 'exec')
gc.collect(); gc.freeze()
print('ready', flush=True)
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        exec(code, {'__name__': '__main__'})
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(pid, 0)
`

/** A Python plugin that needs pandas, as a copy of a parent that has it: until its output was read and it is known how it ended. */
export async function preload(stage: Stage): Promise<Row[]> {
  if (!existsSync(PANDAS)) {
    stage.note(`preload: left out, there is no ${PANDAS} (Debian: python3-pandas)`)
    return []
  }
  const folder = stage.path('pandas')
  await mkdir(folder)
  const manifest = {
    name: 'acme/pandas',
    version: '1.0.0',
    entry: { runtime: 'python', path: 'main.py', preload: ['pandas'] },
    limits: { memory: '256M', cpu: 2 },
  }
  await writeFile(join(folder, 'plugin.json'), JSON.stringify(manifest))
  await writeFile(join(folder, 'main.py'), SCRIPT)
  const { manager } = await stage.home('pandas-home', { profile: 'development', preload: { python: ['pandas'] } })
  const { name } = await manager.install(await stage.publish(folder), { consent: () => true })

  const run = async (options: { readonly weaker?: readonly string[] } = {}): Promise<number> => {
    const began = performance.now()
    const run = await manager.run(name, { stdio: { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' }, ...options })
    const [outcome, output] = await Promise.all([run.outcome, text(run.stdout as Readable)])
    const took = performance.now() - began
    assert.deepEqual([outcome.code, output], [0, 'pandas\n'])
    return took
  }
  const ours = () => run()
  // Without any one layer a run is started cold.
  const cold = () => run({ weaker: ['landlock'] })
  const pool = await manager.warm(name, { size: 2, at: 'entry' })
  const waited = async (): Promise<number> => {
    for (const until = performance.now() + REFILL_MS; (await pool.stats()).waiting < 2 && performance.now() < until; )
      await sleep(20)
    const began = performance.now()
    const one = await pool.spawn()
    one.stdin?.end()
    one.stderr?.resume()
    const [outcome, output] = await Promise.all([one.wait(), text(one.stdout as Readable)])
    const took = performance.now() - began
    assert.deepEqual([outcome.code, output], [0, 'pandas\n'])
    return took
  }
  const server = spawn(PYTHON, ['-s', '-E', '-B', '-c', BARE, SCRIPT], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: SINGLE,
  })
  const lines = createInterface(server.stdout)[Symbol.asyncIterator]()
  assert.equal((await lines.next()).value, 'ready')
  const bare = async (): Promise<number> => {
    const began = performance.now()
    server.stdin.write('\n')
    assert.equal((await lines.next()).value, 'pandas')
    return performance.now() - began
  }

  const pyspawner = await openPyspawner(PYTHON, stage.path('pyspawner'), SINGLE)
  if (pyspawner === null) stage.note('preload: not beside pyspawner, which Python does not find here (PyPI: pyspawner)')

  const beside = pyspawner === null ? [bare] : [bare, pyspawner.run]
  await interleave(stage.rounds(5, 2), [ours, cold, ...beside])
  const [first = [], ...besideFirst] = await interleave(stage.rounds(200, 30), [ours, ...beside])
  const [ready = [], ...besideReady] = await interleave(stage.rounds(100, 15), [waited, ...beside])
  const { cold: late, warm } = await pool.stats()
  if (late > 0) stage.note(`preload: ${late} of ${late + warm} had to be started, none waited`)
  await pool.close()
  const [again = [], third = []] = await interleave(stage.rounds(20, 5), [ours, cold])
  server.kill('SIGKILL')
  pyspawner?.close()
  await manager.close()
  const row = { work: 'preloaded Python: spawn, run, exit (pandas loaded)', unit: 'ms' } as const
  const held = { ...row, work: 'preloaded Python that waits (pandas): hand out, run, exit' } as const
  return [
    ...rowsBeside({ ...held, ours: ready }, besideReady),
    ...rowsBeside({ ...row, ours: first }, besideFirst),
    rowOf({ ...row, against: 'cold start of the same plugin', ours: again, theirs: third }),
  ]
}

/** Beside a bare fork, and beside pyspawner where it is. */
function rowsBeside(
  row: Pick<Parameters<typeof rowOf>[0], 'work' | 'unit' | 'ours'>,
  [forked = [], spawned]: readonly number[][],
): Row[] {
  return [
    rowOf({ ...row, against: 'bare fork of an interpreter with pandas', theirs: forked }),
    ...(spawned === undefined ? [] : [rowOf({ ...row, against: 'pyspawner', theirs: spawned, goal: atMost(0.8) })]),
  ]
}

/** As a parent is told. */
const SINGLE = { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' }
