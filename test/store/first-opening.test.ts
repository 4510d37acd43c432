import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const HOMES = 60
const APART_MS = 25

// Each home is opened by all of them in the same moment, as near as a clock can tell.
const OPEN = `const { openDatabase } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/store/database.ts'))})
process.stdout.write('ready')
const start = await new Promise((resolve) => process.stdin.once('data', (text) => resolve(Number(text))))
for (let home = 0; home < ${HOMES}; home++) {
  while (Date.now() < start + home * ${APART_MS}) {}
  openDatabase(process.argv[1] + '/' + home + '.db').close()
}
process.exit(0)`

test('a home that several commands open first at once is made once, and opens for each of them', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-first-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const children = Array.from({ length: 3 }, () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', OPEN, folder], { stdio: 'pipe' })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said += text
    })
    return { child, ended: once(child, 'exit').then(([code]) => `${code} ${said.slice(0, 300)}`) }
  })
  await Promise.all(children.map(({ child }) => once(child.stdout, 'data')))
  for (const { child } of children) child.stdin.write(`${Date.now() + 200}`)
  assert.deepEqual(await Promise.all(children.map(({ ended }) => ended)), ['0 ', '0 ', '0 '])
})
