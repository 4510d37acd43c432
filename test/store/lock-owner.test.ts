import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { realpathSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { type TestContext, test } from 'node:test'
import { lockOwnerOf, writersOf } from '../../src/store/lock-owner.ts'
import { makePlace } from './stores.ts'

const LOCKS = `1: POSIX  ADVISORY  WRITE 4711 08:01:123456 120 120
1: -> POSIX  ADVISORY  WRITE 4712 08:01:123456 120 120
2: POSIX  ADVISORY  READ  4713 08:01:123456 123 123
3: FLOCK  ADVISORY  WRITE 4714 08:01:123456 0 EOF
4: OFDLCK ADVISORY  WRITE -1 08:01:123456 0 EOF
5: POSIX  ADVISORY  WRITE 0 08:01:123456 0 EOF
6: POSIX  ADVISORY  WRITE 4715 08:01:1234567 1073741826 1073742335
7: POSIX  ADVISORY  WRITE 4717 08:01:123456 121 121
8: POSIX  MANDATORY WRITE 4716 00:1f:99 0 EOF
`

test('of the kernel’s list those count who hold a lock for writing, on one of the files', () => {
  assert.deepEqual(writersOf(LOCKS, [123456]), [4711])
  assert.deepEqual(writersOf(LOCKS, [1234567, 99]), [4715, 4716])
  assert.deepEqual(writersOf(LOCKS, [12]), [])
  assert.deepEqual(writersOf('', [123456]), [])
})

/** Another process that has begun to write, and goes on until it is killed. */
async function holding(t: TestContext, path: string): Promise<ChildProcess> {
  const code = `const db = new (require('better-sqlite3'))(process.argv[1]); db.exec('BEGIN IMMEDIATE')
    console.log('held'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['-e', code, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

test('the process that writes is named, as long as it does', async (t) => {
  const { path, raw } = makePlace(t)
  assert.equal(lockOwnerOf(path), null)
  const child = await holding(t, path)
  assert.deepEqual(lockOwnerOf(path), { pid: child.pid, program: basename(realpathSync(process.execPath)) })
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(lockOwnerOf(path), null)
  raw((db) => db.exec('BEGIN IMMEDIATE'))
})

test('who writes another database, who only reads, and this process are none of them', async (t) => {
  const [one, other] = [makePlace(t), makePlace(t)]
  await holding(t, other.path)
  one.raw((db) => {
    db.exec('BEGIN IMMEDIATE')
    assert.equal(lockOwnerOf(one.path), null)
  })
  assert.notEqual(statSync(one.path).ino, statSync(other.path).ino)
  assert.equal(lockOwnerOf(one.path), null)
  assert.equal(lockOwnerOf(`${one.path}-none`), null)
})
