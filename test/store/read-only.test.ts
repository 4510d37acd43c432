import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const STORE = join(import.meta.dirname, '../../src/store/index.ts')
/** Opens the store in a folder of its own mounts, writable and then not. */
const SCRIPT = `set -e
mount -t tmpfs -o size=4m tmpfs "$1"
node --input-type=module -e "$2" "$1"
mount -o remount,ro "$1"
node --input-type=module -e "$2" "$1"`
const OPEN = `
import { Store } from ${JSON.stringify(STORE)}
const options = { path: process.argv[1] + '/bulkhead.db', uids: { first: 1, count: 9 }, now: Date.now }
try {
  const store = Store.open(options)
  console.log(JSON.stringify(store.list()))
  store.close()
} catch (error) {
  console.log(error.code, error.message, error.hint)
}`

const cannot = spawnSync('unshare', ['-m', 'true']).status === 0 ? false : 'needs root, for a mount of its own'

test('a disk that is read-only is called that, and not damage to the database', { skip: cannot }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-read-only-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', SCRIPT, 'sh', folder, OPEN], {
    encoding: 'utf8',
    env: { PATH: `${join(process.execPath, '..')}:/usr/bin:/bin:/usr/sbin:/sbin` },
  })
  assert.equal(
    stdout,
    '[]\n' +
      `DISK_FAILED cannot open ${folder}/bulkhead.db: its disk is mounted read-only ` +
      `findmnt -T ${folder} tells how; reading needs to write there, too\n`,
    stderr,
  )
})
