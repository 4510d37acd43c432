// Sandboxes that wait at their entry and go without a layer: they wait, run and end as any other.

import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { SLOW } from '../helpers/patience.ts'
import { isAlive, sleep } from '../runtime/launcher/launch.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { HELLO, household, manifestOf } from './household.ts'
import { childrenOf } from './loading/descendants.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const SCRIPT = `import sys
with open('/data/ran', 'a') as ran: ran.write('x')
print(open('/data/ran').read(), *sys.argv[1:], flush=True)
sys.stdin.read()`

const spec = {
  files: {
    'main.py': SCRIPT,
    'plugin.json': manifestOf({ entry: { runtime: 'python', path: 'main.py' }, limits: { data: '1M' } }),
  },
}

async function gone(pids: readonly number[]): Promise<boolean> {
  for (let tries = 0; pids.some(isAlive) && tries < 80 * SLOW; tries++) await sleep(25)
  return !pids.some(isAlive)
}

for (const weaker of [
  ['memory'],
  ['processes'],
  ['pid-namespace'],
  ['user-namespace'],
  ['memory', 'processes', 'pid-namespace'],
  ['seccomp', 'landlock', 'net-namespace', 'ipc-namespace'],
])
  test(`without ${weaker.join(', ')} nothing has run while they wait, and nothing of them stays`, {
    skip,
  }, async (t) => {
    const house = await household(t)
    await house.install(spec)
    await using pool = await house.manager.warm(HELLO, { at: 'entry', size: 2, weaker })
    const one = await pool.spawn({ args: ['one'] })
    const first = await new Promise((done) => one.stdout?.once('data', (part) => done(String(part))))
    assert.equal(first, 'x one\n', 'it is the first that has run')
    // What was handed out, and what waits, each end with their launcher.
    const tree = (await house.manager.ps(HELLO)).flatMap(({ pid }) => [pid ?? 0, ...childrenOf(pid ?? 0)])
    assert.ok(tree.length >= 4)
    for (const { pid } of await house.manager.ps(HELLO)) process.kill(pid ?? 0, 'SIGKILL')
    assert.ok(await gone(tree), 'nothing outlives its launcher')
    const two = await pool.spawn({ args: ['two'] })
    two.stdin?.end()
    two.stderr?.resume()
    assert.equal(await text(two.stdout as never), 'xx two\n')
    assert.equal((await two.wait()).code, 0)
    await pool.close()
    assert.deepEqual(await house.manager.ps(HELLO), [])
  })
