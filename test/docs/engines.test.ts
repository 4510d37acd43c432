// The page of the engines says what the code does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ENGINES, type EngineName, FIXED, LACKING } from '../../src/core/engines.ts'
import { REQUIRED_LAYERS } from '../../src/core/layers.ts'
import { read } from './documents.ts'

const { text } = read('docs/engines.md')
const table = text.split('## Which layer each engine gives')[1] ?? ''
const rows = [...table.matchAll(/^\| (.+) \|$/gm)].map((row) => (row[1] ?? '').split(' | ').map((cell) => cell.trim()))
const [header = []] = rows
const engines = header.slice(1).map((cell) => cell.replaceAll('`', '') as EngineName)

test('the table of layers has a row for each that is required, and says of each engine what the code does', () => {
  assert.ok(engines.every((engine) => ENGINES.includes(engine)))
  for (const layer of REQUIRED_LAYERS) {
    const row = rows.find(([cell]) => cell === `\`${layer}\``)
    assert.ok(row, layer)
    engines.forEach((engine, at) => {
      assert.match(row[at + 1] ?? '', LACKING[engine].includes(layer) ? /^no\b/ : /^yes\b/, `${engine}, ${layer}`)
    })
  }
})

test('what a container always has is named', () => {
  for (const layer of FIXED.runc) assert.ok(table.includes(`\`${layer}\``), layer)
  assert.deepEqual(FIXED.runc, FIXED.crun)
})
