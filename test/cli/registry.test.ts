import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Shelf, shelf as shelfOf } from '../registry/shelf.ts'
import { shell } from './cli.ts'

test('from a folder of tarballs to a search, by the command line alone', async (t) => {
  const [own, shelf] = [await shell(t), await shelfOf(t)]
  shelf.put()
  const built = own.plugins(['registry', 'build', shelf.folder])
  assert.deepEqual([built.code, built.stdout], [0, 'added acme/hello 1.0.0\n'])
  assert.match(built.stderr, /1 plugin, 1 release; files written: 2/)
  const added = own.plugins(['registry', 'add', 'main', shelf.folder, '--namespaces', 'acme/*', 'other/*'])
  assert.deepEqual([added.code, added.stderr], [0, ''])
  assert.match(added.stdout, /serves +acme\/\*, other\/\*/)
  assert.match(own.plugins(['registry', 'list']).stdout, /main +acme\/\*, other\/\* +\//)
  const found = own.plugins(['search', 'hello'])
  assert.deepEqual([found.code, found.stderr], [0, ''])
  assert.match(found.stdout, /acme\/hello +1\.0\.0 +main +-/)
  assert.equal(own.plugins(['registry', 'remove', 'main']).code, 0)
  assert.equal(own.plugins(['search', 'hello', '--registry', shelf.folder]).code, 0)
})

test('plain http to another machine is refused with the flag that accepts it, and what that comes to', async (t) => {
  const own = await shell(t)
  assert.match(
    own.plugins(['search', 'x']).stderr,
    /^no registry is configured\n\nhint: plugins registry add NAME URL$/m,
  )
  const asked = ['registry', 'add', 'far', 'http://plugins.example/']
  const refused = own.plugins(asked)
  assert.equal(refused.code, 2)
  assert.match(
    refused.stderr,
    /hint: use https:\/\/, or say --insecure: then whoever is in between can hide releases from this host, and still sign none/,
  )
  assert.equal(own.plugins([...asked, '--insecure']).code, 0)
  const once = own.plugins(['search', '--registry', 'http://plugins.example/'])
  assert.match(once.stderr, /hint: plugins registry add NAME URL --insecure, then --registry NAME/)
  // What is wrong with or without it has no such way out.
  assert.doesNotMatch(own.plugins(['registry', 'add', 'ftp', 'ftp://plugins.example/']).stderr, /--insecure/)
})

test('every answer is one JSON document when that is asked for', async (t) => {
  const [own, shelf] = [await shell(t), await shelfOf(t, {})]
  const built = own.json(['registry', 'build', shelf.folder]).value as { written: number; releases: number }
  assert.deepEqual([built.written, built.releases], [0, 1])
  const added = own.json(['registry', 'add', 'main', shelf.folder]).value as { url: string }
  assert.equal(added.url, shelf.folder)
  assert.deepEqual((own.json(['registry', 'list']).value as unknown[]).length, 1)
  const { found, failed } = own.json(['search']).value as { found: { name: string }[]; failed: unknown[] }
  assert.deepEqual([found[0]?.name, failed], ['acme/hello', []])
  const yank = ['registry', 'yank', shelf.folder, 'acme/hello@1.0.0']
  assert.equal((own.json([...yank, '--reason', 'a hole']).value as { yanked: string }).yanked, 'a hole')
  assert.equal((own.json(['registry', 'remove', 'main']).value as { name: string }).name, 'main')
})

const yanked = (shelf: Shelf) => JSON.parse(shelf.read('index/acme/hello.json')).releases[0].yanked

test('a release is yanked with a reason, listed again, and nothing in between', async (t) => {
  const [own, shelf] = [await shell(t), await shelfOf(t, {})]
  const yank = ['registry', 'yank', shelf.folder, 'acme/hello@1.0.0']
  assert.equal(own.plugins([...yank, '--reason', 'a hole']).stdout, 'acme/hello 1.0.0: yanked\n')
  assert.equal(yanked(shelf), 'a hole')
  assert.equal(own.plugins([...yank, '--undo']).stdout, 'acme/hello 1.0.0: listed again\n')
  assert.equal(yanked(shelf), undefined)
  assert.equal(own.plugins(yank).code, 2)
  assert.equal(own.plugins([...yank, '--undo', '--reason', 'x']).code, 2)
  const deprecate = ['registry', 'deprecate', shelf.folder, 'acme/hello@1.0.0', '--reason', 'use acme/hi']
  assert.equal(own.plugins(deprecate).stdout, 'acme/hello 1.0.0: deprecated\n')
})

test('a folder that cannot become a registry is told everything that is wrong, and stays as it is', async (t) => {
  const [own, shelf] = [await shell(t), await shelfOf(t)]
  const { path } = shelf.put()
  rmSync(join(shelf.folder, `${path}.sigstore.json`))
  shelf.write('\u001b[2J.tgz', 'x')
  const { code, stderr } = own.plugins(['registry', 'build', shelf.folder])
  assert.equal(code, 1)
  assert.match(stderr, /nobody signed it/)
  assert.ok(stderr.includes('[2J.tgz') && !stderr.includes('\u001b'))
  assert.ok(!existsSync(join(shelf.folder, 'index.json')))
})

test('a registry that cannot be asked makes a search fail, and shows what the others have', async (t) => {
  const [own, shelf] = [await shell(t), await shelfOf(t, {})]
  own.plugins(['registry', 'add', 'main', shelf.folder])
  own.plugins(['registry', 'add', 'gone', '/nowhere/at/all'])
  const { code, stdout, stderr } = own.plugins(['search', 'hello'])
  assert.equal(code, 1)
  assert.match(stdout, /acme\/hello/)
  assert.match(stderr, /registry gone was not searched: cannot open registry \/nowhere\/at\/all: no such folder/)
  assert.equal(own.plugins(['search', '--registry', 'none']).code, 4)
  assert.equal(own.plugins(['search', '--limit', '0']).code, 2)
  assert.equal(own.plugins(['registry', 'add', 'main', shelf.folder]).code, 4)
  assert.equal(own.plugins(['registry', 'add', 'x', 'http://plugins.example']).code, 2)
})
