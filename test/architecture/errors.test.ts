import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_CODES, type ErrorCode, PluginError } from '../../src/index.ts'
import { read, sources } from './sources.ts'

const codes = Object.keys(ERROR_CODES) as ErrorCode[]

/** The table of docs/errors.md as it must be; `docs/errors.md` is edited by hand only around it. */
const table = [
  '| code | exit | meaning |',
  '|---|---|---|',
  ...codes.map((code) => `| \`${code}\` | ${ERROR_CODES[code].exitCode} | ${ERROR_CODES[code].meaning} |`),
].join('\n')

test('docs/errors.md lists every code, with its exit code and meaning', () => {
  const found = read('docs/errors.md')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .join('\n')
  assert.equal(found, table, `put this into docs/errors.md:\n${table}`)
})

/** They name every code, or many, and throw none. */
const TABLES = ['src/core/error-codes.ts', 'src/manager/quarantine.ts']

test('every code is used by the sources', () => {
  const text = sources('src/**/*.ts')
    .filter(({ path }) => !TABLES.includes(path))
    .map((source) => source.text)
    .join('\n')
  const c = sources('src/runtime/launcher/*.{c,h}')
    .map((source) => source.text)
    .join('\n')
  assert.deepEqual(
    codes.filter((code) => !text.includes(`'${code}'`) && !text.includes(`${code}:`) && !c.includes(code)),
    ['METADATA_STALE'], // of the signed catalog, which does not exist yet
  )
})

test('every code is mentioned by a test of its behaviour', () => {
  const tests = sources('test/**/*.ts').filter(({ path }) => !path.startsWith('test/architecture/'))
  const text = tests.map((source) => source.text).join('\n')
  assert.deepEqual(
    codes.filter((code) => !new RegExp(`\\b${code}\\b`).test(text)),
    ['METADATA_STALE'],
  )
})

test('a message written in the sources begins with "cannot"', () => {
  const thrown = /new (?:\w*Error)\(\s*'[A-Z_]+',\s*[`']([^`']{0,40})/g
  for (const { path, text } of sources('src/**/*.ts')) {
    for (const [, sentence = ''] of text.matchAll(thrown)) {
      if (sentence.startsWith('${')) continue
      assert.match(sentence, /^cannot /, `${path}: ${sentence}`)
    }
  }
})

test('an error carries its code, its hint and its details into JSON, and the exit code of its table row', () => {
  const error = new PluginError('UIDS_EXHAUSTED', 'cannot do it', { hint: 'do that', details: { first: 1 } })
  assert.deepEqual(JSON.parse(JSON.stringify(error)), {
    code: 'UIDS_EXHAUSTED',
    message: 'cannot do it',
    hint: 'do that',
    details: { first: 1 },
  })
  assert.equal(error.exitCode, 1)
  assert.equal(JSON.parse(JSON.stringify(new PluginError('INTERNAL', 'cannot go on'))).hint, null)
})
