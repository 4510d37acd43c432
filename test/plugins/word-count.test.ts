import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { build, run } from './build.ts'

const program = join(build('word-count'), 'bin', 'word-count')

function count(input: string | Buffer): readonly number[] {
  const { code, stdout, stderr } = run(program, [], input)
  assert.deepEqual([code, stderr], [0, ''])
  const match = /^lines (\d+)\nwords (\d+)\nbytes (\d+)\n$/.exec(stdout)
  assert.ok(match, stdout)
  return match.slice(1).map(Number)
}

const cases: readonly [title: string, input: string | Buffer, counts: readonly number[]][] = [
  ['nothing', '', [0, 0, 0]],
  ['one word without the end of its line', 'word', [0, 1, 4]],
  ['white space alone', ' \t\r\n\v\f\n', [2, 0, 7]],
  ['words between all kinds of ASCII white space', 'a b\tc\nd\re\vf\fg', [1, 7, 13]],
  ['letters of two, three and four bytes', 'naïve 日本語 🚢🚢\n', [1, 3, 26]],
  ['Unicode white space between words', 'a\u00a0b\u1680c\u2003d\u2028e\u202ff\u205fg\u3000h\u0085i', [0, 9, 31]],
  ['a joiner without width, which is no white space', 'a\u200bb \u2060', [0, 2, 9]],
  ['a NUL, which is part of a word', 'a\0b c', [0, 2, 5]],
  ['bytes that are not UTF-8', Buffer.from([0xff, 0x20, 0xc0, 0x80, 0x20, 0x80]), [0, 3, 6]],
  ['a character cut short by white space', Buffer.from([0xe3, 0x80, 0x20, 0xe3, 0x80, 0x0a]), [1, 2, 6]],
  ['a character cut short by another', Buffer.from([0xe3, 0x80, 0xe3, 0x80, 0x80]), [0, 1, 5]],
  ['a character cut short by the end', Buffer.from([0x20, 0xe3, 0x80]), [0, 1, 3]],
]

for (const [title, input, counts] of cases) {
  test(`counts ${title}`, () => assert.deepEqual(count(input), counts))
}

test('counts characters that lie across two reads', () => {
  // An ideographic space (three bytes) ends every word, so that each offset into it meets the end of a 64 KiB buffer.
  for (let shift = 0; shift < 4; shift++) {
    const input = `${'x'.repeat(shift)}${'日\u3000'.repeat(50_000)}`
    assert.deepEqual(count(input), [0, 50_000, Buffer.byteLength(input)])
  }
})

test('counts an input larger than its memory limit', () => {
  const line = 'the quick brown fox jumps over the lazy dog\n'
  const times = 2_000_000

  assert.deepEqual(count(line.repeat(times)), [times, 9 * times, line.length * times])
})

test('says the same as wc where both know the white space', () => {
  const source = readFileSync(join(import.meta.dirname, '../../plugins/word-count/word-count.c'))
  const wc = spawnSync('wc', [], { input: source, encoding: 'utf8' })

  assert.deepEqual(count(source), wc.stdout.trim().split(/\s+/).map(Number))
})

test('takes no arguments', () => {
  const { code, stdout, stderr } = run(program, ['file.txt'], '')

  assert.deepEqual([code, stdout], [2, ''])
  assert.equal(stderr, 'word-count: cannot use "file.txt": it takes no arguments and reads standard input\n')
})

test('fails when its counts cannot be written', () => {
  const { code, stderr } = run('/bin/sh', ['-c', 'exec "$0" >/dev/full', program], 'word')

  assert.equal(code, 1)
  assert.match(stderr, /^word-count: cannot write the counts: /)
})

test('is one static file that needs no library of the host', () => {
  const elf = readFileSync(program)
  const interpreter = 3 // PT_INTERP
  const [start, size, entries] = [Number(elf.readBigUInt64LE(32)), elf.readUInt16LE(54), elf.readUInt16LE(56)]
  const types = Array.from({ length: entries }, (_, index) => elf.readUInt32LE(start + index * size))

  assert.ok(!types.includes(interpreter))
  assert.ok(elf.length < 2 ** 20, `${elf.length} bytes`)
})
