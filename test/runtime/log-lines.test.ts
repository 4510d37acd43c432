import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LogLines } from '../../src/runtime/log-lines.ts'

const AT = '2026-11-21T06:34:29.123Z'
const all = (text: string | Buffer) => {
  const lines = new LogLines('r')
  return [...lines.push(Buffer.from(text)), ...lines.flush()]
}
const shown = (text: string | Buffer) => all(text).map(({ kind, position, text }) => [kind, position, text])

test('a line has its time, its place, its kind and its words', () => {
  assert.deepEqual(all(`${AT} 17 | hello | + ! \n`), [
    {
      run: 'r',
      atMs: Date.parse(AT),
      position: 17,
      kind: 'line',
      text: 'hello | + ! ',
      bytes: Buffer.from('hello | + ! \n'),
    },
  ])
  assert.deepEqual(shown(`${AT} 0 | \n`), [['line', 0, '']])
})

test('pieces become their line again, a letter that was cut in two among them', () => {
  const snail = Buffer.from('🐌')
  const cut = [`${AT} 0 + a`, snail.subarray(0, 2), `\n${AT} 3 | `, snail.subarray(2), 'b\n']
  assert.deepEqual(shown(Buffer.concat(cut.map((one) => Buffer.from(one)))), [['line', 0, 'a🐌b']])
})

test('a line without an end is a part, and so is one of which something was left out', () => {
  assert.deepEqual(shown(`${AT} 0 + name?`), [])
  assert.deepEqual(shown(`${AT} 0 + name?\n`), [['part', 0, 'name?']])
  assert.deepEqual(shown(`${AT} 0 + abc\n${AT} 900 | def\n`), [
    ['part', 0, 'abc'],
    ['line', 900, 'def'],
  ])
  assert.deepEqual(shown(`${AT} 0 + abc\n${AT} 3 ! left out 5 bytes\n`), [
    ['part', 0, 'abc'],
    ['note', 3, 'left out 5 bytes'],
  ])
})

test('a line beyond every bound comes in parts and is never held as a whole', () => {
  const piece = (at: number, mark: string) => `${AT} ${at * 4000} ${mark} ${'x'.repeat(4000)}\n`
  const entries = all(Array.from({ length: 50 }, (_, at) => piece(at, at === 49 ? '|' : '+')).join(''))
  assert.ok(entries.length > 1 && entries.every(({ bytes }) => bytes.length <= 64 * 1024 + 1))
  assert.equal(entries.map(({ text }) => text).join('').length, 200_000)
})

test('what is no line of a log is left out: the beginning of one went with the file before, a full disk cut one', () => {
  for (const line of [
    '',
    'x',
    'of a line | that began before',
    `${AT} x | a`,
    `${AT} 0 ? a`,
    '2026-99-21T06:34:29.123Z 0 | a',
  ])
    assert.deepEqual(shown(`${line}\n${AT} 0 | next\n`), [['line', 0, 'next']], line)
})

test('bytes may arrive in any portions', () => {
  const log = Buffer.from(`${AT} 0 | one\n${AT} 4 + tw\n${AT} 6 | o\n${AT} 8 ! note\n${AT} 8 + é`)
  const whole = shown(log)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: log.length }), { maxLength: 6 }), (cuts) => {
      const lines = new LogLines('r')
      const ends = [...cuts.sort((a, b) => a - b), log.length]
      const entries = ends.flatMap((end, at) => lines.push(log.subarray(ends[at - 1] ?? 0, end)))
      assert.deepEqual(
        [...entries, ...lines.flush()].map(({ kind, position, text }) => [kind, position, text]),
        whole,
      )
    }),
  )
})
