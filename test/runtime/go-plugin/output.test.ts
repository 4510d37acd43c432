import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import {
  followLines,
  LOG_LINE_MAX_BYTES,
  LogReader,
  type PluginLogEntry,
} from '../../../src/runtime/go-plugin/log-lines.ts'
import { OutputStream, UNREAD_MAX_BYTES } from '../../../src/runtime/go-plugin/output-stream.ts'

const read = (...lines: readonly string[]): PluginLogEntry[] => {
  const reader = new LogReader()
  return lines.map((line) => reader.read(line, false))
}

test('a line of hclog is its level, message, time and fields; any other is a text', () => {
  const json = '{"@level":"warn","@message":"low","@timestamp":"2026-11-30T20:00:00.000000Z","left":3,"@module":"kv"}'
  assert.deepEqual(read(json), [
    {
      level: 'warn',
      message: 'low',
      time: '2026-11-30T20:00:00.000000Z',
      fields: { left: 3, '@module': 'kv' },
      continues: false,
    },
  ])
  const levels = ['[TRACE] a', '[ERROR]  a', 'a', '{"a":1}', '{', '{"@message":7}', '{"@message":"a","@level":"loud"}']
  assert.deepEqual(
    read(...levels).map(({ level, message }) => `${level} ${message}`),
    ['trace a', 'error a', 'debug a', 'debug {"a":1}', 'debug {', 'debug {"@message":7}', 'debug a'],
  )
})

test('what follows a panic is an error, whatever it looks like', () => {
  for (const first of ['panic: oh', 'fatal error: oh']) {
    assert.deepEqual(
      read('[INFO] a', first, '[INFO] b', '').map(({ level }) => level),
      ['info', 'error', 'error', 'error'],
    )
  }
})

test('lines come whole however they arrive, and a long one in pieces', async () => {
  const stream = new PassThrough()
  const lines: [number, boolean][] = []
  followLines(stream, (line, continues) => lines.push([line.length, continues]))
  stream.write('ab')
  stream.write('c\r\n\nde\nlast')
  stream.write('x'.repeat(LOG_LINE_MAX_BYTES * 2))
  stream.end('\nend')
  await new Promise((resolve) => stream.once('close', resolve))
  await turn()
  const long = LOG_LINE_MAX_BYTES
  assert.deepEqual(lines, [
    [3, false],
    [0, false],
    [2, false],
    [long, false],
    [long, true],
    [4, true],
    [3, false],
  ])
})

test('lines without end are read no faster than a host can bear', async (t) => {
  const flood = spawn('yes', [''], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => flood.kill('SIGKILL'))
  let lines = 0
  followLines(flood.stdout, () => lines++)
  const began = performance.now()
  let turns = 0
  while (performance.now() - began < 1_500) {
    await sleep(10)
    turns++
  }
  // What may come at once, and one chunk beyond it.
  assert.ok(lines > 1_000 && lines < 40_000 + 65_536 + 30_000, `${lines} lines`)
  assert.ok(turns > 30, `the host had ${turns} turns`)
})

test('output that nobody reads keeps its newest mebibyte, also of single bytes', async () => {
  const stream = new OutputStream(() => {})
  for (let at = 0; at < 64; at++) stream.give(Buffer.alloc(64 * 1024, at))
  assert.ok(!stream.isFull)
  stream.finish()
  const kept = Buffer.concat(await stream.toArray())
  assert.ok(kept.length <= UNREAD_MAX_BYTES && kept.length > UNREAD_MAX_BYTES - 66 * 1024)
  assert.equal(kept.length + stream.droppedBytes, 64 * 64 * 1024)
  assert.equal(kept.at(-1), 63)

  const bytes = new OutputStream(() => {})
  for (let at = 0; at < 100_000; at++) bytes.give(Buffer.from('x'))
  assert.ok(bytes.droppedBytes > 90_000)
})

test('output that is read is never dropped: its source is asked to wait', async () => {
  let roomy = 0
  const stream = new OutputStream(() => roomy++)
  stream.once('readable', () => {})
  await turn()
  let given = 0
  for (; !stream.isFull; given++) stream.give(Buffer.alloc(64 * 1024, given))
  const before = roomy
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  stream.finish()
  await new Promise((resolve) => stream.once('end', resolve))
  assert.equal(bytes, given * 64 * 1024)
  assert.equal(stream.droppedBytes, 0)
  assert.ok(roomy > before)
})
