// What `npm pack` puts into the tarball, and whether a stranger can import and compile against it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'

const checkout = resolve(import.meta.dirname, '../..')
const { dependencies, exports } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>
  exports: Record<string, string | { types: string; default: string }>
}

test('every entry, its declarations and both kits are in the tarball', () => {
  const npm = join(dirname(process.execPath), 'npm')
  const packed = execFileSync(existsSync(npm) ? npm : 'npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: checkout,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const answer = JSON.parse(packed)
  const [release] = Array.isArray(answer) ? answer : Object.values(answer)
  const files = new Set((release as { files: { path: string }[] }).files.map(({ path }) => path))
  const entries = Object.values(exports).flatMap((entry) => (typeof entry === 'string' ? entry : Object.values(entry)))
  for (const path of [...entries.map((entry) => entry.slice(2)), 'dist/js/run.cjs', 'dist/python/bulkhead_plugin.py'])
    assert.ok(files.has(path), path)
  // Whoever has installed it reads what is beside it: no page of the version that somebody else has.
  const links = [...readFileSync(join(checkout, 'README.md'), 'utf8').matchAll(/\]\(((?:docs|examples)\/[^)#]+\.md)/g)]
  assert.ok(links.length > 20)
  for (const [, path = ''] of links) assert.ok(files.has(path), path)
  for (const path of files) assert.doesNotMatch(path, /^(?:test|bench|src\/(?!cli\/(?:bin|kept-script)\.cjs$))/)
})

/** What a declaration imports, as it is written. */
const imported = (file: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(/(?:\bfrom |\bimport\()['"]([^'"]+)['"]/g)].map(([, name = '']) => name)

test('the declarations ask for nothing that does not come with the package', () => {
  const types = join(checkout, 'dist/types')
  const files = readdirSync(types, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.d.ts'))
  assert.ok(files.length > 100)
  for (const file of files)
    for (const name of imported(join(types, file))) {
      if (name.startsWith('node:')) continue
      if (name.startsWith('.')) {
        const target = resolve(types, dirname(file), name.replace(/\.ts$/, '.d.ts'))
        assert.ok(existsSync(target), `${file}: ${name}`)
        continue
      }
      const [first = '', second] = name.split('/')
      const dependency = first.startsWith('@') ? `${first}/${second}` : first
      assert.ok(Object.hasOwn(dependencies, dependency), `${file} asks for ${name}`)
      // Declarations that are a package of their own do not come along.
      assert.ok(!existsSync(join(checkout, 'node_modules/@types', dependency)), `${file} asks for @types/${dependency}`)
    }
})

test('each entry is imported by its name, as a host application and as a plugin would', async () => {
  for (const entry of Object.keys(exports)) {
    // What is a file to be found, and no module.
    if (entry === './package.json' || entry.endsWith('.py')) continue
    const names = Object.keys(await import(join('@bulkhead/plugins', entry)))
    assert.ok(names.length > 0, entry)
  }
})
