import assert from 'node:assert/strict'
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, type TestContext, test } from 'node:test'
import { DiskUse } from '../../src/store/disk-use.ts'

const SIZE = 100_000
let folder: string
beforeEach((context) => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-use-'))
  ;(context as TestContext).after(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['a', 'b']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'a/one'), Buffer.alloc(SIZE, 1))
})

const use = (...names: string[]) => names.reduce((found, name) => found.add(join(folder, name)), new DiskUse())

test('a file with two names is counted once, and is free only when both are gone', () => {
  const alone = use('a').bytes
  assert.ok(alone >= SIZE)
  linkSync(join(folder, 'a/one'), join(folder, 'b/one'))
  assert.ok(use('a', 'b').bytes < alone + SIZE)
  assert.ok(use('a').freeable < SIZE)
  assert.ok(use('a', 'b').freeable >= SIZE)
})

test('what a link leads to is not counted', () => {
  symlinkSync(join(folder, 'a'), join(folder, 'b/link'))
  symlinkSync(join(folder, 'a'), join(folder, 'top'))
  assert.ok(use('b').bytes < SIZE)
  assert.ok(use('top').bytes < SIZE)
})

test('what is not there takes nothing', () => {
  assert.equal(use('nowhere').bytes, 0)
})

test('deeper than there may be, it says that it has not counted all', () => {
  let deep = join(folder, 'b')
  for (let level = 0; level < 140; level++) {
    deep = join(deep, 'd')
    mkdirSync(deep)
  }
  assert.equal(use('b').isCut, true)
  assert.equal(use('a').isCut, false)
})
