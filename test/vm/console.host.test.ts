import assert from 'node:assert/strict'
import { test } from 'node:test'

interface Seen {
  booted: boolean
  interrupted: boolean
  exit: number | undefined
  fault: string | undefined
  tests: Record<string, number>
  failing: Set<string>
}

/** Watches a shell script that stands for the machine. */
async function watch(script: string, limits = {}): Promise<Seen & { said: string }> {
  const { watchMachine } = await import(new URL('../../scripts/vm/console.mjs', import.meta.url).href)
  let said = ''
  const command = ['sh', '-c', script]
  const say = (text: string) => {
    said += text
  }
  const seen = await watchMachine({
    command,
    nonce: 'abc',
    bootMs: 5000,
    silenceMs: 5000,
    timeoutMs: 10_000,
    graceMs: 200,
    say,
    ...limits,
  })
  return { ...seen, said }
}

test('believes the verdict of the machine, and keeps it out of what it shows', async () => {
  const seen = await watch(`echo 'bulkhead-vm abc up
✔ one
ℹ tests 1
ℹ pass 1
bulkhead-vm abc exit 0'`)
  assert.deepEqual(seen, {
    booted: true,
    interrupted: false,
    exit: 0,
    fault: undefined,
    tests: { tests: 1, pass: 1 },
    failing: new Set(),
    said: '✔ one\nℹ tests 1\nℹ pass 1\n',
  })
})

test('tells a machine that never came up from one that fell silent', async () => {
  const seen = await watch('exec sleep 60', { bootMs: 300 })
  assert.equal(seen.booted, false)
  assert.match(seen.fault ?? '', /not up after 0.3 s/)
  assert.equal((await watch('echo bulkhead-vm abc up; exec sleep 60', { bootMs: 200, silenceMs: 400 })).booted, true)
})

test('names the files in which tests failed', async () => {
  const seen = await watch(`echo 'bulkhead-vm abc up
✖ failing tests:
test at test/a/b.test.ts:3:1
✖ one
test at test/a/b.test.ts:9:1
✖ two
bulkhead-vm abc exit 1'`)
  assert.deepEqual([...seen.failing], ['test/a/b.test.ts'])
})

test('passes on the exit code of what ran inside', async () => {
  assert.equal((await watch('echo "bulkhead-vm abc exit 7"; exit 0')).exit, 7)
})

test('does not believe a verdict that does not carry the word of this run', async () => {
  const seen = await watch('echo "bulkhead-vm abd exit 0"')
  assert.equal(seen.exit, undefined)
  assert.match(seen.fault ?? '', /without a verdict/)
})

test('does not take a clean end for a verdict', async () => {
  assert.match((await watch('echo "ℹ pass 9"; exit 0')).fault ?? '', /without a verdict/)
})

test('gives up on a machine that falls silent', async () => {
  const seen = await watch('echo started; exec sleep 60', { silenceMs: 300 })
  assert.match(seen.fault ?? '', /said nothing for 0.3 s/)
  assert.equal(seen.said, 'started\n')
})

test('gives up on a machine that talks for ever', async () => {
  const seen = await watch('while echo busy; do sleep 0.05; done', { timeoutMs: 500 })
  assert.match(seen.fault ?? '', /not done after 0.5 s/)
})

test('keeps the verdict of a machine that cannot switch itself off', async () => {
  assert.equal((await watch('echo "bulkhead-vm abc exit 0"; exec sleep 60')).exit, 0)
})

test('says why a machine could not start', async () => {
  assert.match((await watch('echo "no such disk" >&2; exit 1')).fault ?? '', /no such disk/)
})
