// The plugin's own name server: it knows the names of the list, gives each an address of its own, and tells of all others.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { needsRoot, scratch } from '../launcher/launch.ts'
import { tryout } from './outside.ts'

const skip = needsRoot

const [A, MX, AAAA, ANY] = ['1', '15', '28', '255'] as const
const query = (...asked: readonly (readonly [name: string, type: string])[]) =>
  asked.flatMap(([name, type]) => ['query', name, type])

test('an allowed name has an address of its own for the whole run, and no other record', { skip }, async () => {
  const { lines, decisions } = await tryout(
    { allow: ['a.example:443', '*.b.example:80'] },
    query(
      ...[['a.example', A] as const, ['x.b.example', A] as const, ['a.example', A] as const, ['A.Example', A] as const],
      ...[['y.x.b.example', ANY] as const, ['a.example', AAAA] as const, ['a.example', MX] as const],
    ),
  )
  assert.deepEqual(lines, [
    ...['code 0 198.18.0.1', 'code 0 198.18.0.2', 'code 0 198.18.0.1', 'code 0 198.18.0.1'],
    ...['code 0 198.18.0.3', 'code 0', 'code 0'],
  ])
  assert.deepEqual(decisions, [], 'a name alone is no connection')
})

test('any other name does not exist, and that it was asked for is told', { skip }, async () => {
  const names = ['b.example', 'example', 'evil.com', 'notb.example', 'a.example.evil.com', 'localhost.a.example']
  const { lines, decisions } = await tryout(
    { allow: ['a.example:443', '*.b.example:80'] },
    query(...names.map((name) => [name, A] as const), ['4.3.2.1.in-addr.arpa', '12']),
  )
  assert.deepEqual(new Set(lines), new Set(['code 3']))
  assert.deepEqual(
    decisions.map(({ verdict, name, port, reason }) => [verdict, name, port, reason]),
    names.map((name) => ['denied', name, 0, 'the plugin may not reach it']),
  )
})

test('over TCP it answers the same', { skip }, async () => {
  const args = ['query-tcp', 'a.example', A, 'query-tcp', 'b.example', A]
  const { lines } = await tryout({ allow: ['a.example:443'] }, args)
  assert.deepEqual(lines, ['code 0 198.18.0.1', 'code 3'])
})

test('more names than are kept fail, and those that are kept go on', { skip }, async () => {
  const names = Array.from({ length: 1030 }, (_, at) => [`n${at}.a.example`, A] as const)
  const run = { set: { 'cpu-permille': 4000, 'timeout-ms': 60_000 } }
  const { lines, decisions } = await tryout({ allow: ['*.a.example:443'] }, query(...names, ['n0.a.example', A]), run)
  assert.deepEqual(
    [lines[0], lines[1023], lines[1024], lines.at(-1)],
    ['code 0 198.18.0.1', 'code 0 198.18.4.0', 'code 2', 'code 0 198.18.0.1'],
  )
  assert.match(decisions[0]?.reason ?? '', /more names than are kept/)
})

/** A question for the address of a name whose labels hold any bytes. */
function question(...labels: readonly Buffer[]): string {
  const header = Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  const name = labels.flatMap((label) => [Buffer.from([label.length]), label])
  return Buffer.concat([header, ...name, Buffer.from([0, 0, 1, 0, 1])]).toString('hex')
}

/** 252 bytes of name: as JSON escapes each, more than a line of the journal holds. */
const LONGEST = [63, 63, 63, 60].map((size) => Buffer.alloc(size, 7))

test('a name of odd bytes is in the journal and in the log like any other, and writes nothing of its own', {
  skip,
}, async () => {
  const log = join(scratch(), 'log')
  const odd = Buffer.from('\u001b[2Jx\n2026-11-21T00:00:00Z 0 ! all is well "\\')
  const { result, decisions } = await tryout({ allow: ['a.example:443'] }, ['raw', '500'], {
    stdin: `${question(odd)}\n${question(...LONGEST)}\n`,
    set: { 'log-file': log },
  })
  assert.match(result.stdout, /^1234/)
  assert.deepEqual(
    decisions.map(({ name }) => name),
    ['?[2jx?2026-11-21t00:00:00z?0?!?all?is?well???', LONGEST.map(({ length }) => '?'.repeat(length)).join('.')],
  )
  const text = readFileSync(log, 'latin1')
  assert.doesNotMatch(text, /[^\x20-\x7e\n]/)
  const lines = text.trimEnd().split('\n')
  assert.equal(lines.length, 2)
  for (const line of lines) assert.match(line, /^\S+ \d+ ! cannot let it reach \S+: the plugin may not reach it$/)
})

test('what is no question gets no answer, or says that it is none, and the next one is answered', {
  skip,
}, async () => {
  const good = `123401000001000000000000${Buffer.from('\u0001a\u0007example\0').toString('hex')}00010001`
  const bad: Readonly<Record<string, RegExp>> = {
    '00': /^-$/,
    '123481000001000000000000': /^-$/, // an answer
    '123401000000000000000000': /^1234818100000000/, // no question at all: malformed
    '123401000002000000000000016100000100010161000001': /^12348181/, // two
    '12342900000100000000000001610000010001': /^1234a984/, // an update of a zone
    '1234010000010000000000000161000001000300': /^12348185/, // class CHAOS
    [`12340100000100000000000041${'61'.repeat(65)}0000010001`]: /^12348181/, // a label of 65
    '123401000001000000000000c00c00010001': /^12348181/, // a pointer, to itself
  }
  const stdin = [...Object.keys(bad), good].join('\n')
  const { lines } = await tryout({ allow: ['a.example:443'] }, ['raw', '300'], { stdin: `${stdin}\n` })
  for (const [at, [asked, expected]] of Object.entries(bad).entries()) assert.match(lines[at] ?? '', expected, asked)
  assert.match(lines.at(-1) ?? '', /^12348180.*c61200..$/)
})
