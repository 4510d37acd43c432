import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { packFolder } from '../../../src/registry/index.ts'

const SECRETS = [
  '.env',
  '.env.local',
  '.env.production',
  '.git-credentials',
  '.netrc',
  '.npmrc',
  '.pypirc',
  'deploy/.env',
  'deploy/id_ed25519',
  'deploy/id_rsa',
]
const HARMLESS = ['.env.example', 'env.js', 'id_ed25519.pub', 'node_modules/dependency/.env', 'npmrc.md']

test('what other programs keep passwords in is left out of a package, and said', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'bulkhead-secrets-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), text)
  }
  put('plugin.json', '{"name":"acme/hello","version":"1.0.0","entry":{"runtime":"node","path":"main.js"}}')
  put('main.js', '')
  for (const path of [...SECRETS, ...HARMLESS]) put(path, 'token')
  const { files, leftOut } = await packFolder(dir)
  assert.deepEqual(leftOut, SECRETS)
  assert.deepEqual(
    files.map(({ path }) => path),
    [...HARMLESS, 'main.js', 'plugin.json'].sort(),
  )
})
