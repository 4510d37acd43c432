import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ARCHIVE_BOUNDS } from '../../src/core/archive.ts'
import { comparePaths, pathFault } from '../../src/core/archive-path.ts'
import { ArchivePaths } from '../../src/core/archive-paths.ts'

const ruleOf = (path: string) => pathFault(path, ARCHIVE_BOUNDS)?.rule ?? null

test('accepts what packages really hold', () => {
  for (const path of [
    'a',
    '.hidden',
    '...',
    'a..b',
    '..a',
    'a/.b/c-d_e@1.0.0+x',
    'ünï/ко́д.js'.normalize('NFC'),
    "it's",
    ' ',
  ]) {
    assert.equal(ruleOf(path), null, path)
  }
})

test('whatever it accepts stays inside and has one reading', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('.', '..', '', 'a'))), (segments) => {
      const path = segments.join('/')
      if (ruleOf(path) !== null) return
      assert.ok(!path.startsWith('/') && !path.split('/').some((segment) => ['', '.', '..'].includes(segment)))
      assert.equal(
        new URL(`file:///root/${path.split('/').map(encodeURIComponent).join('/')}`).pathname.startsWith('/root/'),
        true,
      )
      assert.equal(Buffer.from(path).toString('utf8').normalize('NFC'), path)
    }),
    { numRuns: 2000 },
  )
})

test('orders paths by their bytes, as a signed list does', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      assert.equal(Math.sign(comparePaths(a, b)), Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))))
    }),
  )
  assert.ok(comparePaths('\u{10000}', '\uffee') > 0, 'UTF-16 would order these the other way round')
})

test('counts the folders that names imply', () => {
  const paths = new ArchivePaths()
  assert.equal(paths.add('a/b/c.js', 'file'), null)
  assert.equal(paths.add('a/b/d.js', 'file'), null)
  assert.equal(paths.count, 4)
})

test('a folder may be named after the files in it, once', () => {
  const paths = new ArchivePaths()
  assert.equal(paths.add('lib/a.js', 'file'), null)
  assert.equal(paths.add('lib', 'directory'), null)
  assert.match(paths.add('lib', 'directory') ?? '', /twice/)
})
