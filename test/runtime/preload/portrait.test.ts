// A copy of a preloaded parent is, to itself and to the host, what the same program would be from a cold start.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Run, start } from '../launcher/launch.ts'
import { boundOf, coldOf, copyOf, needsParent, startParent } from './parent.ts'
import { PORTRAIT, seenFromHost } from './portrait.ts'

const WAITING = `import time\nprint('here', flush=True)\ntime.sleep(60)`

test('a program cannot tell a copy from a cold start', { skip: needsParent, timeout: 60_000 }, async (t) => {
  const parent = await startParent(t, ['json', 'decimal', 'sqlite3'])
  assert.equal(parent.fault, null)
  const run = copyOf(parent, PORTRAIT, { args: ['one', 'two words'], env: { PLUGIN_NAME: 'test/plugin', ODD: 'a=b' } })
  const [copied, cold] = [
    await start({ ...run, stdin: 'said' }).result,
    await start({ ...coldOf(run), stdin: 'said' }).result,
  ]
  assert.deepEqual([copied.status, copied.stderr, cold.status, cold.stderr], [0, '', 0, ''])
  assert.deepEqual(JSON.parse(copied.stdout), JSON.parse(cold.stdout))
  const bound = await start({ ...boundOf(run), stdin: 'said' }).result
  assert.deepEqual(JSON.parse(bound.stdout), JSON.parse(cold.stdout), 'with mounts of its own')
})

async function seenOf(run: Run): Promise<object> {
  const running = start(run)
  await new Promise((done) => running.process.stdout?.once('data', done))
  const seen = seenFromHost((await running.started).pid)
  running.process.kill('SIGTERM')
  await running.result
  return seen
}

test('nor can the host: init and program have the same posture', { skip: needsParent, timeout: 60_000 }, async (t) => {
  const parent = await startParent(t, ['json'])
  const run = copyOf(parent, WAITING)
  assert.deepEqual(await seenOf(run), await seenOf(coldOf(run)))
})

test('what is preloaded is there, and what is not is imported as ever', {
  skip: needsParent,
  timeout: 60_000,
}, async (t) => {
  const parent = await startParent(t, ['decimal'])
  const script = `import sys\nprint('decimal' in sys.modules, 'sqlite3' in sys.modules)\nimport sqlite3, own\nprint(sqlite3.connect(':memory:').execute('select 6*7').fetchone(), own.word)`
  const run = copyOf(parent, script)
  run.in.write('own.py', "word = 'mine'")
  const result = await start(run).result
  assert.equal(result.stderr, '')
  assert.equal(result.stdout, 'True False\n(42,) mine\n')
})
