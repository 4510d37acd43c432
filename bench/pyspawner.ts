import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'

/** Another server of forks, which sandboxes each: namespaces, a user of its own, no capabilities, a filter. */
export interface Pyspawner {
  /** Milliseconds in its client, from asking until the output was read and it is known how it ended. */
  readonly run: () => Promise<number>
  readonly close: () => void
}

/** What a child of it runs: the text that the plugin runs, as a function. */
const CHILD = 'def main():\n    import pandas\n    print(pandas.__name__)\n'

/** Its own client, as its documentation has it. */
const CLIENT = `
import json, os, sys, time, pyspawner
with pyspawner.Client(child_main='bench_child.main', environment=dict(os.environ), preload_imports=['pandas']) as client:
    config = pyspawner.SandboxConfig()
    for line in sys.stdin:
        began = time.perf_counter()
        child = client.spawn_child(process_name='bench', sandbox_config=config)
        child.stdin.close()
        output = child.stdout.read().decode() + child.stderr.read().decode()
        status = child.wait(0)[1]
        print(json.dumps([(time.perf_counter() - began) * 1000, status, output]), flush=True)
`

/** `null` where Python does not find it: it is on PyPI, and in no package of Debian. */
export async function openPyspawner(python: string, folder: string, env: NodeJS.ProcessEnv): Promise<Pyspawner | null> {
  const found = { ...env, PYTHONPATH: [folder, process.env.PYTHONPATH ?? ''].join(':') }
  if (spawnSync(python, ['-c', 'import pyspawner'], { env: found }).status !== 0) return null
  await mkdir(folder)
  await writeFile(join(folder, 'bench_child.py'), CHILD)
  const client = spawn(python, ['-c', CLIENT], { env: found, stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface(client.stdout)[Symbol.asyncIterator]()
  return {
    run: async () => {
      client.stdin.write('\n')
      const [ms, status, output] = JSON.parse(String((await lines.next()).value)) as [number, number, string]
      assert.deepEqual([status, output], [0, 'pandas\n'])
      return ms
    },
    close: () => client.stdin.end(),
  }
}
