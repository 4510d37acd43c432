// What the relay reads of a plugin, and the dialer of name servers: messages of strangers.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parse } from './parsers.ts'

const u16 = (...values: number[]) => Buffer.from(values.flatMap((value) => [value >> 8, value & 255]))
const wire = (name: string) =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ])

const NAME = 'api.example.com'
const A = 1
const AAAA = 28
const CNAME = 5

interface Parts {
  readonly id?: number
  readonly flags?: number
  readonly counts?: readonly [number, number]
  readonly name?: string
  readonly type?: number
  readonly answers?: readonly Buffer[]
}

function message({ id = 0x1234, flags = 0x8180, name = NAME, type = A, answers = [], counts }: Parts = {}): Buffer {
  const [questions, records] = counts ?? [1, answers.length]
  return Buffer.concat([u16(id, flags, questions, records, 0, 0), wire(name), u16(type, 1), ...answers])
}

/** `owner` is a name, or a pointer into the message. */
function record(owner: string | number, type: number, data: Buffer): Buffer {
  const name = typeof owner === 'number' ? u16(0xc000 | owner) : wire(owner)
  return Buffer.concat([name, u16(type, 1, 0, 60, data.length), data])
}

const v4 = (address: string) => Buffer.from(address.split('.').map(Number))
const replied = (bytes: Buffer, type = A, name = NAME) => parse([`reply ${bytes.toString('hex')} ${name} ${type}`])[0]

test('a reply is read: addresses, aliases in any order, nothing, no name', () => {
  assert.equal(
    replied(message({ answers: [record(12, A, v4('192.0.2.1')), record(NAME, A, v4('192.0.2.2'))] })),
    'addresses 192.0.2.1 192.0.2.2',
  )
  const alias = [
    record('b.test', A, v4('192.0.2.3')),
    record(12, CNAME, wire('a.test')),
    record('a.test', CNAME, wire('b.test')),
  ]
  assert.equal(replied(message({ answers: alias })), 'addresses 192.0.2.3')
  assert.equal(
    replied(message({ type: AAAA, answers: [record(12, AAAA, Buffer.alloc(16, 0x20))] }), AAAA),
    'addresses 2020:2020:2020:2020:2020:2020:2020:2020',
  )
  assert.equal(replied(message()), 'empty')
  assert.equal(replied(message({ flags: 0x8183 })), 'no name')
  assert.equal(replied(message({ flags: 0x8182 })), 'failed')
  assert.equal(replied(message({ flags: 0x8380 })), 'cut')
})

test('a reply to another question is not ours', () => {
  const answers = [record(12, A, v4('192.0.2.1'))]
  for (const other of [
    { id: 1 },
    { flags: 0x0100 },
    { flags: 0x8980 },
    { name: 'evil.example.com' },
    { type: AAAA },
    { counts: [2, 1] as const },
  ])
    assert.equal(replied(message({ answers, ...other })), 'not ours', JSON.stringify(other))
  assert.equal(replied(Buffer.alloc(1)), 'not ours')
  assert.equal(replied(message().subarray(0, 20)), 'not ours')
})

test('only what answers the question counts', () => {
  const stray = [
    record('evil.test', A, v4('192.0.2.1')),
    record(12, 16, Buffer.from('\u0003abc')),
    record(12, A, Buffer.alloc(5)),
  ]
  assert.equal(replied(message({ answers: stray })), 'empty')
  const many = Array.from({ length: 40 }, (_, at) => record(12, A, v4(`192.0.2.${at}`)))
  assert.equal(replied(message({ answers: many }))?.split(' ').length, 17, 'at most sixteen')
})

test('what leads nowhere, or in a circle, or out of the message, ends', () => {
  const circle = [record(NAME, CNAME, wire('b.test')), record('b.test', CNAME, wire(NAME))]
  assert.equal(replied(message({ answers: circle })), 'failed')
  const long = Array.from({ length: 20 }, (_, at) =>
    record(at === 0 ? NAME : `n${at}.test`, CNAME, wire(`n${at + 1}.test`)),
  )
  assert.equal(replied(message({ answers: long })), 'failed')
  const end = message().length
  // A pointer to itself, to what comes after it, into the header, and past the end.
  for (const pointer of [end, end + 2, 3, 0x3fff])
    assert.equal(replied(message({ answers: [record(pointer, A, v4('192.0.2.1'))] })), 'failed', `${pointer}`)
  assert.equal(replied(message({ counts: [1, 129], answers: [record(12, A, v4('192.0.2.1'))] })), 'failed')
  assert.equal(
    replied(message({ counts: [1, 2], answers: [record(12, A, v4('192.0.2.1'))] })),
    'failed',
    'one is missing',
  )
  const cut = message({ answers: [record(12, A, v4('192.0.2.1'))] })
  for (let size = end; size < cut.length; size++) assert.equal(replied(cut.subarray(0, size)), 'failed', `${size}`)
})

test('no label hides a dot or an end', () => {
  const answer = Buffer.concat([
    Buffer.from([NAME.length]),
    Buffer.from(NAME),
    Buffer.from([0]),
    u16(A, 1, 0, 1, 4),
    v4('192.0.2.1'),
  ])
  assert.equal(replied(message({ answers: [answer] })), 'failed')
})

const asked = (bytes: Buffer) => parse([`question ${bytes.toString('hex')}`])[0]
const query = (rest: Parts = {}) => message({ flags: 0x0100, ...rest })

test('a question is answered in its own words, at no more than a datagram’s size', () => {
  assert.equal(asked(query()), `${NAME.length} 1 ${query().length + 16}`)
  const longest = [...Array(3).fill('a'.repeat(63)), 'a'.repeat(61)].join('.')
  assert.equal(longest.length, 253)
  assert.equal(asked(query({ name: longest })), `253 1 ${12 + 255 + 4 + 16}`)
  const tooLong = query({ name: `${longest}b` })
  assert.equal(asked(tooLong), `0 0 28`, 'malformed: its header alone comes back')
  assert.equal(asked(query({ flags: 0x8100 })), 'no question')
  assert.equal(asked(query().subarray(0, 11)), 'no question')
})

test('whatever bytes come, nothing is read or written beyond them', () => {
  const good = [query(), message({ answers: [record(12, A, v4('192.0.2.1')), record(12, CNAME, wire('b.test'))] })]
  const mutated = fc
    .tuple(fc.constantFrom(...good), fc.array(fc.tuple(fc.nat(100), fc.nat(255)), { maxLength: 6 }), fc.nat(120))
    .map(([bytes, changes, size]) => {
      const copy = Buffer.from(bytes)
      for (const [at, value] of changes) if (at < copy.length) copy[at] = value
      return copy.subarray(0, size < 100 ? copy.length : size)
    })
  const any = fc.oneof(
    mutated,
    fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
  )
  const lines = fc.sample(any, 4000).flatMap((bytes) => {
    const hex = bytes.toString('hex')
    return [`question ${hex}`, ...(hex === '' ? [] : [`reply ${hex} ${NAME} ${A}`])]
  })
  assert.equal(parse(lines).length, lines.length)
})
