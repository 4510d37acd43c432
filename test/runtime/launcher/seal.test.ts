// The seal says what the kernel says about every entry, in byte order, and follows nothing.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { launcherPath, scratch } from './launch.ts'

function sealOf(folder: string): string {
  return execFileSync(launcherPath(), ['--seal', folder], { encoding: 'utf8', maxBuffer: 1 << 26 })
}

/** The same, the slow way. */
function expected(folder: string): string {
  const below = (path: string): string[] =>
    readdirSync(join(folder, path), { withFileTypes: true }).flatMap((entry) => {
      const inner = path === '' ? entry.name : `${path}/${entry.name}`
      return entry.isDirectory() ? [inner, ...below(inner)] : [inner]
    })
  const paths = below('').sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return paths
    .map((path) => {
      const s = lstatSync(join(folder, path), { bigint: true })
      const type = s.isFile() ? 'f' : s.isDirectory() ? 'd' : '?'
      return `${path}\0${type} ${s.dev} ${s.ino} ${s.size} ${(s.mode & 0o7777n).toString(8)} ${s.mtimeNs} ${s.ctimeNs}\n`
    })
    .join('')
}

test('every entry, in byte order of the paths', () => {
  const folder = scratch()
  mkdirSync(join(folder, 'a/b/c'), { recursive: true })
  mkdirSync(join(folder, 'é'))
  for (const name of ['a/x', 'a-b', 'a.b', 'a/b/c/deep', 'Z', 'z\n', 'é/ü']) writeFileSync(join(folder, name), name)
  symlinkSync('/etc', join(folder, 'a/link'))
  execFileSync('mkfifo', [join(folder, 'fifo')])
  assert.equal(sealOf(folder), expected(folder))
  assert.match(sealOf(folder), /a\/link\0\? /)
  assert.match(sealOf(folder), /fifo\0\? /)
})

test('a changed byte changes the seal', async () => {
  const folder = scratch()
  writeFileSync(join(folder, 'x'), 'x')
  const before = sealOf(folder)
  assert.equal(sealOf(folder), before)
  await new Promise((done) => setTimeout(done, 10))
  writeFileSync(join(folder, 'x'), 'y')
  assert.notEqual(sealOf(folder), before)
})

test('five thousand files', () => {
  const folder = scratch()
  for (let i = 0; i < 50; i++) {
    mkdirSync(join(folder, `d${i}`))
    for (let j = 0; j < 100; j++) writeFileSync(join(folder, `d${i}/f${j}`), '')
  }
  assert.equal(sealOf(folder), expected(folder))
})

test('a folder that is none, or a link to one, is refused', () => {
  const folder = scratch()
  symlinkSync('/etc', join(folder, 'link'))
  writeFileSync(join(folder, 'file'), '')
  for (const name of ['link', 'file', 'missing']) {
    const result = spawnSync(launcherPath(), ['--seal', join(folder, name)], { encoding: 'utf8' })
    assert.equal(result.status, 125)
    assert.match(result.stderr, /^plugins: cannot open the folder [^\n]*\n$/)
    assert.equal(result.stdout, '')
  }
})
