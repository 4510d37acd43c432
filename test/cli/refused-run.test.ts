import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { shell } from './cli.ts'

test('a home that cannot be opened is a run that never started: 125, and the reason in the report', async (t) => {
  const own = await shell(t)
  assert.equal(own.plugins(['list']).code, 0)
  const db = new Database(own.layout.database)
  db.pragma('user_version = 1000')
  db.close()
  const report = join(own.folder, 'report.json')
  const { code, stderr } = own.plugins(['run', 'acme/hello', '--report', report])
  assert.equal(code, 125)
  assert.match(stderr, /^plugins: cannot open .*: it has schema 1000/)
  const { outcome, error } = JSON.parse(readFileSync(report, 'utf8')) as Record<string, unknown>
  assert.deepEqual([outcome, error], ['refused', 'STORE_TOO_NEW'])
  // Showing a plan starts nothing, and is a command like all others.
  assert.equal(own.plugins(['run', 'acme/hello', '--dry-run']).code, 1)
})
