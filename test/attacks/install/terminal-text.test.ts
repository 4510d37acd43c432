import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reportError } from '../../../src/cli/error-report.ts'
import { plain, record, table } from '../../../src/cli/text.ts'
import { PluginError } from '../../../src/index.ts'

const EVIL = 'x\u001b[2J\u009b31m\u061c\u200b\u202e\u2028\u2066\ufeff\u{e0041}\r\n\tplugins: verified\u0007'
const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

test('one text is one line, and no terminal obeys it', () => {
  assert.doesNotMatch(plain(EVIL), OBEYED)
  assert.equal(plain('Zählt Wörter, 単語'), 'Zählt Wörter, 単語')
})

test('a table and a record have as many lines as rows', () => {
  const rows = table(['A', 'B'], [[EVIL, EVIL]], 1000)
  assert.equal(rows.split('\n').length, 3)
  assert.equal(record([['key', EVIL]]).split('\n').length, 2)
  for (const text of [rows, record([['key', EVIL]])]) assert.doesNotMatch(text.replaceAll('\n', ''), OBEYED)
})

test('an error is one sentence, whatever is named in it', () => {
  let shown = ''
  const io = {
    stdout: () => {},
    stderr: (text: string) => {
      shown += text
    },
    columns: 80,
    rows: null,
    ending: () => new AbortController().signal,
  }
  const error = new PluginError('USAGE', `cannot read ${EVIL}`, {
    hint: EVIL,
    details: { faults: [`1 ${EVIL}`, `2 ${EVIL}`] },
  })
  reportError(error, [], { ...io, confirm: async () => null, secret: async () => null })
  assert.deepEqual(
    shown.split('\n').map((line) => line.slice(0, 6)),
    ['plugin', '  - 1 ', '  - 2 ', '', 'hint: ', ''],
  )
  assert.doesNotMatch(shown.replaceAll('\n', ''), OBEYED)
})

test('with --json, an error of any text is one document on standard output', () => {
  let shown = ''
  const io = {
    stdout: (text: string) => {
      shown += text
    },
    stderr: () => assert.fail(),
    columns: 80,
    rows: null,
    ending: () => new AbortController().signal,
  }
  const error = new PluginError('USAGE', EVIL, { details: { code: 'OTHER', message: 'other' } })
  reportError(error, ['--json'], { ...io, confirm: async () => null, secret: async () => null })
  assert.equal(shown.indexOf('\n'), shown.length - 1)
  assert.equal(JSON.parse(shown).error.code, 'USAGE')
})
