import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { build, run } from './build.ts'

const main = join(build('table'), 'table.py')
const python = '/usr/bin/python3'
const table = (input: string | Buffer, ...args: readonly string[]) => run(python, ['-I', main, ...args], input)

function lines(input: string | Buffer, ...args: readonly string[]): readonly string[] {
  const { code, stdout, stderr } = table(input, ...args)
  assert.deepEqual([code, stderr], [0, ''])
  return stdout.split('\n').slice(0, -1)
}

test('aligns text left and numbers right', () => {
  assert.deepEqual(lines('name,age\nAda,36\nGrace,8.5\nEve,\n'), [
    'name   age',
    '-----  ---',
    'Ada     36',
    'Grace  8.5',
    'Eve',
  ])
})

test('reads quotes, line ends of all kinds, a byte order mark and empty lines', () => {
  assert.deepEqual(lines('\ufeffa,b\r\n"x, ""y""",1\r\n\r\n"",2'), ['a       b', '------  -', 'x, "y"  1', '        2'])
})

test('measures wide characters and accents', () => {
  assert.deepEqual(lines('who,n\n李小龍,1\ne\u0301,2\n'), ['who     n', '------  -', '李小龍  1', 'e\u0301       2'])
})

test('lets no cell break a line or command the terminal', () => {
  assert.deepEqual(lines('a,b\n"x\ny",\u001b[31m\n'), ['a    b', '---  -----', 'x\ufffdy  \ufffd[31m'])
})

test('picks columns, in the order asked for', () => {
  assert.deepEqual(lines('a,b,c\n1,x,3\n', '--columns', 'c,a'), ['c  a', '-  -', '3  1'])
})

test('takes another delimiter, and data without names', () => {
  assert.deepEqual(lines('a\t1\nbb\t22\n', '--delimiter', '\\t', '--no-header'), ['a    1', 'bb  22'])
})

test('cuts cells that are too wide', () => {
  assert.deepEqual(lines('a\n123456789\n日本語\n', '--max-width', '5'), ['a', '-----', '1234…', '日本…'])
})

test('prints a hundred thousand rows within its time', () => {
  const rows = Array.from({ length: 100_000 }, (_, i) => `row ${i},${i}`)

  assert.equal(lines(['name,number', ...rows].join('\n')).length, 100_002)
})

const faults: readonly [title: string, input: string | Buffer, reason: string][] = [
  ['no input', '', 'expected CSV on standard input, found nothing'],
  ['a row of another length', 'a,b\n1,2\n1,2,3\n', 'line 3: expected 2 fields, found 3'],
  ['a quote that stays open', 'a,b\n"1,2\n', 'line 2: a quoted field is never closed'],
  ['a quote in the wrong place', 'a,b\n"1"x,2\n', "line 2: ',' expected after '\"'"],
  ['bytes that are not UTF-8', Buffer.from('a,b\n1,\xff\n', 'latin1'), 'line 2: byte 0xff is not UTF-8'],
  ['a field without end', `a,${'b'.repeat(200_000)}\n`, 'line 1: field larger than field limit (131072)'],
]

for (const [title, input, reason] of faults) {
  test(`refuses ${title}, and says where`, () => {
    const { code, stdout, stderr } = table(input)
    assert.deepEqual([code, stdout, stderr], [1, '', `table: cannot read the input: ${reason}\n`])
  })
}

test('refuses a column that is not there', () => {
  const { code, stderr } = table('a,b\n1,2\n', '--columns', 'a,z')

  assert.deepEqual([code, stderr], [1, 'table: cannot read the input: no column z: there are a, b\n'])
})

const misuses: readonly (readonly string[])[] = [
  ['--delimiter', 'xx'],
  ['--delimiter', '"'],
  ['--max-width', '0'],
  ['--max-width', 'wide'],
  ['--columns', 'a', '--no-header'],
  ['--unknown'],
  ['file.csv'],
]

for (const args of misuses) {
  test(`tells how to use it instead of taking ${args.join(' ')}`, () => {
    const { code, stdout, stderr } = table('a,b\n1,2\n', ...args)

    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, /^usage: table /)
  })
}

test('ends quietly when its reader has seen enough', () => {
  const script = 'yes a,b | head -n 200000 | "$0" -I "$1" | head -n 1'
  const { stdout, stderr } = run('/bin/sh', ['-c', script, python, main], '')

  assert.deepEqual([stdout, stderr], ['a  b\n', ''])
})
