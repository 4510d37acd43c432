import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { table } from '../../src/cli/text.ts'
import { fit, fold, widthOf } from '../../src/cli/width.ts'

const KEY = `ed25519:${'9f3a'.repeat(16)}`
const HEADER = ['NAME', 'VERSION', 'STATE', 'SIGNED BY']
const ROWS = [
  ['acme/hello', '1.0.0', 'installed', KEY],
  ['acme/a-name-of-some-length', '10.20.30-beta.1', 'disabled', KEY],
]
const linesOf = (text: string): string[] => text.trimEnd().split('\n')

/** As terminals count: [text, columns]. */
const WIDTHS: readonly (readonly [string, number])[] = [
  ['', 0],
  ['acme/hello', 10],
  ['héllo', 5],
  ['he\u0301llo', 5],
  ['日本語', 6],
  ['한국어', 6],
  ['ｱｲｳ', 3],
  ['ＡＢ', 4],
  ['🙂', 2],
  ['🇬🇧', 2],
  ['…', 1],
  ['→ done', 6],
  ['a\u200bb', 2],
]

for (const [text, columns] of WIDTHS) {
  test(`"${text}" takes ${columns} columns`, () => assert.equal(widthOf(text), columns))
}

test('an emoji made of several is never taken for narrower than a terminal may show it', () => {
  assert.ok(widthOf('👩‍👩‍👧') >= 6) // where a terminal joins nothing
  assert.ok(widthOf('❤️') >= 2) // where it heeds the wish for an emoji
})

test('what is cut ends in … and fits, in the middle of wide characters too', () => {
  assert.equal(fit('acme/hello', 6), 'acme/…')
  assert.equal(fit('日本語日本語', 6), '日本…')
  assert.equal(fit('日本語', 6), '日本語')
  assert.equal(fit('a👩‍👩‍👧', 4), 'a👩…')
  assert.equal(fit('x', 0), '')
})

test('a pipe gets every cell whole', () => {
  const lines = linesOf(table(HEADER, ROWS, Number.POSITIVE_INFINITY))
  assert.equal(lines.length, 3)
  assert.ok(lines[1]?.endsWith(KEY))
})

test('in a terminal the widest columns are cut until a row fits, and names are cut last', () => {
  const lines = linesOf(table(HEADER, ROWS, 80))
  assert.equal(lines.length, 3)
  assert.match(lines[2] ?? '', /^acme\/a-name-of-some-length +10/)
  assert.match(lines[1] ?? '', /^acme\/hello +1\.0\.0 +installed +ed25519:9f3a[0-9a-f]*…$/)
  for (const line of lines) assert.ok(widthOf(line) <= 80, line)
})

test('columns stand below each other, whatever script is in them', () => {
  const rows = [
    ['日本語', 'x'],
    ['abc', 'x'],
    ['🙂', 'x'],
  ]
  const starts = linesOf(table(['A', 'B'], rows, 80)).map((line) => widthOf(line.slice(0, -1)))
  assert.deepEqual(new Set(starts), new Set([8]))
})

test('in a terminal of 40 columns each row is lines of its own, with everything in them', () => {
  const text = table(HEADER, ROWS, 40)
  for (const line of linesOf(text)) assert.ok(widthOf(line) <= 40, line)
  assert.match(text, /^NAME {7}acme\/hello\nVERSION {4}1\.0\.0\n/)
  assert.equal(text.split('\n\n').length, 2)
  assert.ok(text.replaceAll(/\s/g, '').includes(KEY))
})

test('a small table stays one in a narrow terminal', () => {
  assert.equal(table(['A', 'B'], [['1', '2']], 40), 'A  B\n1  2\n')
})

test('a text is folded at blanks, and a long word in itself', () => {
  assert.deepEqual(fold('one two three', 7), ['one two', 'three'])
  assert.deepEqual(fold('abcdefgh ij', 4), ['abcd', 'efgh', 'ij'])
  assert.deepEqual(fold('日本語', 4), ['日本', '語'])
})

test('no row of any table is wider than the terminal, and none has a line end in it', () => {
  const cell = fc.string({ unit: 'binary', maxLength: 60 })
  const tables = fc.integer({ min: 1, max: 7 }).chain((count) => {
    const row = fc.array(cell, { minLength: count, maxLength: count })
    return fc.tuple(
      fc.array(fc.constantFrom('A', 'COLUMN'), { minLength: count, maxLength: count }),
      fc.array(row, { maxLength: 6 }),
    )
  })
  fc.assert(
    fc.property(tables, fc.integer({ min: 20, max: 160 }), ([header, rows], columns) => {
      for (const line of table(header, rows, columns).split('\n')) assert.ok(widthOf(line) <= columns)
    }),
    { numRuns: 500 },
  )
})
