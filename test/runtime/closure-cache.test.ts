// Answers that rest on files of the host: kept as long as these are what they were, and looked at once a second.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ClosureCache } from '../../src/runtime/interpreter/closure-cache.ts'

test('a changed file is seen after a second at the latest, and at once by whoever looks for the first time', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-closure-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'library.so')
  writeFileSync(file, 'one')
  const uid = process.geteuid?.() ?? 0
  const cache = new ClosureCache(folder, uid)
  const found = {
    version: '1',
    binds: [{ outside: file, inside: '/usr/lib/library.so', executable: true }],
    watched: [file],
  }
  cache.write('key', found)
  assert.deepEqual(cache.read('key'), found)
  writeFileSync(file, 'another')
  assert.equal(new ClosureCache(folder, uid).read('key'), null)
  await sleep(1_050)
  assert.equal(cache.read('key'), null)
  cache.write('key', found)
  assert.deepEqual(cache.read('key'), found, 'what was found anew is the answer at once')
})
