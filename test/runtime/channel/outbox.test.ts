import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Outbox } from '../../../src/runtime/channel/outbox.ts'

const KIB = 1024

test('what the other side does not read is counted in bytes, whatever is in it', async (t) => {
  const deaf = spawn('sleep', ['60'], { stdio: ['pipe', 'ignore', 'ignore'] })
  t.after(() => deaf.kill('SIGKILL'))
  for (const [letter, bytes] of [
    ['a', 1],
    ['\u20ac', 3],
  ] as const) {
    const outbox = new Outbox(deaf.stdin, 512 * KIB)
    const before = outbox.bytes
    assert.ok(outbox.put(letter.repeat(64 * KIB)))
    await sleep(20)
    // The pipe has taken some of it the first time.
    const grown = outbox.bytes - before
    assert.ok(grown <= bytes * 64 * KIB && grown > (bytes - 1) * 64 * KIB - 1, `${grown} bytes`)
  }
  const outbox = new Outbox(deaf.stdin, 512 * KIB)
  let more = 0
  while (outbox.put('\u20ac'.repeat(16 * KIB))) more++
  assert.ok(more <= 11, `${more} texts of 48 KiB in 512 KiB`)
})
