import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { ARCHIVE_BOUNDS } from '../../src/core/archive.ts'
import { parseManifest } from '../../src/core/manifest-parser.ts'
import { build, runBuild } from './build.ts'

const sources = resolve(import.meta.dirname, '../../plugins')
const plugins = readdirSync(sources, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)

for (const plugin of plugins) {
  test(`${plugin}: the manifest keeps every rule, as source and as built`, () => {
    const source = parseManifest(readFileSync(join(sources, plugin, 'plugin.json')))
    const built = parseManifest(readFileSync(join(build(plugin), 'plugin.json')))

    assert.equal(source.name, `acme/${plugin}`)
    // A compiled program is for the machine it was built on; nothing else may change on the way.
    assert.deepEqual({ ...built, platforms: null }, { ...source, platforms: null })
    for (const platform of built.platforms ?? []) assert.ok(source.platforms?.includes(platform))
  })

  test(`${plugin}: the build holds its entry, and nothing that a package may not`, () => {
    const out = build(plugin)
    const { entry } = parseManifest(readFileSync(join(out, 'plugin.json')))
    const entries = entriesOf(out)

    assert.ok(entries.includes(entry.path), entry.path)
    assert.ok(!entries.some((path) => /(?:^|\/)(?:build\.mjs|\.cache|\.npmrc|\.bin|\.package-lock\.json)$/.test(path)))
    assert.equal(new Set(entries.map((path) => path.toLowerCase())).size, entries.length, 'names differ in case alone')
    for (const path of entries) {
      const stat = lstatSync(join(out, path))
      assert.ok(stat.isDirectory() || (stat.isFile() && stat.nlink === 1), `${path} is a link or a special file`)
      assert.equal(path, path.normalize('NFC'))
      assert.ok(Buffer.byteLength(path) <= ARCHIVE_BOUNDS.pathBytes, path)
      assert.ok(path.split('/').length <= ARCHIVE_BOUNDS.depth, path)
    }
  })

  test(`${plugin}: two builds give the same files`, () => {
    assert.deepEqual(digestsOf(build(plugin)), digestsOf(build(plugin)))
  })
}

test('a second build replaces the first whole', () => {
  const out = build('hello')
  writeFileSync(join(out, 'left-over'), '')

  assert.equal(runBuild('plugins/hello', out).status, 0)
  assert.deepEqual(entriesOf(out), ['README.md', 'main.mjs', 'plugin.json'])
})

test('a folder that is no build is not replaced', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-precious-'))
  writeFileSync(join(folder, 'precious'), 'mine')
  try {
    const { status, stderr } = runBuild('plugins/hello', folder)

    assert.equal(status, 1)
    assert.match(stderr, /^cannot build into .*: it exists and holds no plugin\n$/)
    assert.deepEqual(entriesOf(folder), ['precious'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a folder without a manifest is no plugin', () => {
  const { status, stderr } = runBuild('plugins', join(tmpdir(), 'bulkhead-never-made'))

  assert.equal(status, 1)
  assert.equal(stderr, 'cannot build plugins: it has no plugin.json\n')
})

function entriesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
}

function digestsOf(folder: string): string[] {
  return entriesOf(folder)
    .filter((path) => lstatSync(join(folder, path)).isFile())
    .map((path) => {
      const executable = (lstatSync(join(folder, path)).mode & 0o111) !== 0
      const digest = createHash('sha256')
        .update(readFileSync(join(folder, path)))
        .digest('hex')
      return `${digest} ${executable ? 'x' : '-'} ${path}`
    })
}
