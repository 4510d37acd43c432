// Several hosts of one home may make compiled code of one release at the same moment, while runs are given it.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  type CompiledFile,
  checkedCompileCache,
  hasCompileCache,
  removeSupersededCompileCaches,
  writeCompileCache,
} from '../../src/store/compile-cache.ts'

function made(t: TestContext) {
  const home = mkdtempSync(join(tmpdir(), 'bulkhead-compiled-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  const release = join(home, 'release')
  const staging = join(home, 'staging')
  for (const folder of [release, staging]) mkdirSync(folder)
  const write = (text: string) => writeCompileCache(release, staging, [['v1/a', Buffer.from(text)]] as CompiledFile[])
  return { release, write }
}

test('one that another host has made takes the place of nothing that a run may be given at this moment', (t) => {
  const { release, write } = made(t)
  const one = write('by one')
  const other = write('by another')
  const now = Date.now()
  removeSupersededCompileCaches(release, other, now + 1_000)
  assert.notEqual(checkedCompileCache(release, one), null)
  removeSupersededCompileCaches(release, other, now + 120_000)
  assert.equal(hasCompileCache(release, one), false)
  assert.notEqual(checkedCompileCache(release, other), null)
})

test('the same once more leaves the folder that is there, and one that is damaged is replaced', (t) => {
  const { release, write } = made(t)
  const digest = write('the same')
  const folder = () => checkedCompileCache(release, digest) ?? assert.fail('it is not there')
  const { ino } = statSync(folder())
  assert.equal(write('the same'), digest)
  assert.equal(statSync(folder()).ino, ino)
  rmSync(join(folder(), 'v1/a'))
  assert.equal(checkedCompileCache(release, digest), null)
  write('the same')
  assert.notEqual(statSync(folder()).ino, ino)
})

test('nothing is removed for one that is not there itself', (t) => {
  const { release, write } = made(t)
  const one = write('by one')
  removeSupersededCompileCaches(release, 'f'.repeat(64), Date.now() + 120_000)
  assert.notEqual(checkedCompileCache(release, one), null)
})
