import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatPluginFile,
  formatRootFile,
  type IndexedRelease,
  parsePluginFile,
  parseRootFile,
} from '../../src/registry/index-file.ts'
import { isRegistryPath } from '../../src/registry/paths.ts'
import { blocks, read } from '../docs/documents.ts'
import { HELLO, LISTED_AT, listed } from './shelf.ts'

const { registry: _, name: __, ...plain } = listed()
const entry: IndexedRelease = {
  ...plain,
  tarball: 'acme-hello-1.0.0.tgz',
  bundle: 'acme-hello-1.0.0.tgz.sigstore.json',
  listedAtMs: LISTED_AT.getTime(),
}
const full: IndexedRelease = {
  ...entry,
  version: '1.1.0',
  tarball: 'sub/acme-hello-1.1.0.tgz',
  bundle: 'sub/acme-hello-1.1.0.tgz.sigstore.jsonl',
  description: 'says hello',
  yanked: 'a hole',
  deprecated: 'use acme/hi',
  requires: { 'acme/base': '^1' },
  engines: { bulkhead: '>=1' },
  platforms: ['linux/amd64'],
}
const text = formatPluginFile(HELLO, [entry, full]).toString()
const parse = (source: string) => parsePluginFile(Buffer.from(source), HELLO, 'index/acme/hello.json')

test('what is written of an index is read as itself', () => {
  assert.deepEqual(parse(text), [entry, full])
  const plugins = [{ name: HELLO, version: '1.0.0', description: null }]
  assert.deepEqual(parseRootFile(formatRootFile(plugins), 'index.json'), plugins)
})

test('an index that breaks a rule is refused, with the path of the fault', () => {
  const cases: readonly [string, string, RegExp][] = [
    ['"registry": 1', '"registry": 2', /registry: must be 1/],
    ['"name": "acme/hello"', '"name": "acme/other"', /name: expected acme\/hello/],
    ['"acme-hello-1.0.0.tgz"', '"../acme-hello-1.0.0.tgz"', /releases\[0\]\.tarball/],
    ['"acme-hello-1.0.0.tgz"', '"/etc/x.tgz"', /releases\[0\]\.tarball/],
    ['"acme-hello-1.0.0.tgz"', '"https://a.example/x.tgz"', /releases\[0\]\.tarball/],
    ['"acme-hello-1.0.0.tgz"', '"x.tgz?y=.tgz"', /releases\[0\]\.tarball/],
    ['"acme-hello-1.0.0.tgz"', '"passwd"', /releases\[0\]\.tarball/],
    ['1.0.0.tgz.sigstore.json"', '2.0.0.tgz.sigstore.json"', /releases\[0\]\.bundle/],
    ['1.0.0.tgz.sigstore.json"', '1.0.0.tgz"', /releases\[0\]\.bundle/],
    ['"version":"1.0.0"', '"version":"1.1.0"', /has a version twice/],
    ['"version":"1.0.0"', '"version":"1.0"', /releases\[0\]\.version/],
    ['"version":"1.0.0"', '"version":"1.0.0","version":"1.0.0"', /twice|duplicate/],
    ['"version":"1.0.0"', '"version":"1.0.0","__proto__":{}', /__proto__/],
    ['"version":"1.0.0"', '"version":"1.0.0","url":"https://a.example"', /releases\[0\]\.url: is not a known key/],
    ['"bytes":1,', '"bytes":0,', /releases\[0\]\.bytes/],
    ['"bytes":1,', '"bytes":999999999999,', /releases\[0\]\.bytes/],
    ['"bytes":1,', '"bytes":1e400,', /number/],
    [`"${'a'.repeat(64)}"`, `"${'A'.repeat(64)}"`, /releases\[0\]\.sha256/],
    ['"2026-11-02T10:00:00Z"', '"2026-02-30T10:00:00Z"', /releases\[0\]\.listedAt/],
    ['"2026-11-02T10:00:00Z"', '"2026-11-02T10:00:00+01:00"', /releases\[0\]\.listedAt/],
    ['says hello', 'says \\u001b[2J', /releases\[1\]\.description/],
    ['a hole', '', /releases\[1\]\.yanked/],
    ['{"acme/base":"^1"}', '{"base":"^1"}', /releases\[1\]\.requires/],
    ['linux/amd64', 'linux amd64', /releases\[1\]\.platforms\[0\]/],
  ]
  for (const [from, to, message] of cases) {
    assert.ok(text.includes(from), from)
    assert.throws(() => parse(text.replace(from, to)), { code: 'REGISTRY_INVALID', message }, to)
  }
  for (const source of ['', '[]', 'null', '<html>', '{"registry":1}', `\ufeff${text}`, '['.repeat(99)])
    assert.throws(() => parse(source), { code: 'REGISTRY_INVALID', message: /^cannot use index\/acme/ }, source)
})

test('an index without end is refused, and what is said of it is not without end', () => {
  const line = JSON.stringify({ version: 'x' })
  const endless = `{"registry":1,"name":"acme/hello","releases":[${Array(20_000).fill(line).join(',')}]}`
  assert.throws(
    () => parse(endless),
    ({ code, message }: Error & { code: string }) => code === 'REGISTRY_INVALID' && message.length < 8192,
  )
  assert.throws(() => parse(' '.repeat(5 * 2 ** 20)), { message: /more than 4194304/ })
  const plugin = (at: number) => ({ name: `acme/p${at}`, version: '1.0.0' })
  const many = JSON.stringify({ registry: 1, plugins: Array.from({ length: 50_001 }, (_, at) => plugin(at)) })
  assert.throws(() => parseRootFile(Buffer.from(many), 'index.json'), { code: 'REGISTRY_INVALID' })
  const twice = JSON.stringify({ registry: 1, plugins: [plugin(1), plugin(1)] })
  assert.throws(() => parseRootFile(Buffer.from(twice), 'index.json'), { message: /has a name twice/ })
})

test('ten thousand plugins are searched in the time of a blink', () => {
  const plugins = Array.from({ length: 10_000 }, (_, at) => ({
    name: `acme/plugin-${at}` as typeof HELLO,
    version: '1.0.0',
    description: 'one of ten thousand plugins that do very little each',
  }))
  const bytes = formatRootFile(plugins)
  const began = performance.now()
  assert.equal(parseRootFile(bytes, 'index.json').length, 10_000)
  assert.ok(performance.now() - began < 2000)
  assert.ok(bytes.length < 2 * 2 ** 20)
})

test('a path of a registry means one thing everywhere', () => {
  for (const path of ['a.tgz', 'a/b/c-1.0.0+x~1.tgz', '_x']) assert.ok(isRegistryPath(path), path)
  const wrong = [
    '',
    '.',
    '..',
    'a/../b',
    './a',
    '/a',
    'a//b',
    'a/',
    'a\\b',
    'a%2e',
    'a b',
    'a:b',
    'a?b',
    'a#b',
    '.a',
    '-a',
    'ä',
  ]
  for (const path of [...wrong, 'a\n', 'a\u0000', 'x'.repeat(201), `${'a/'.repeat(8)}a`, 'a@b', 'a;b'])
    assert.ok(!isRegistryPath(path), path)
})

test('the page of registries shows files that are read as they are shown', () => {
  const [, root = '', plugin = ''] = blocks(read('docs/registries.md'), 'json')
  assert.equal(parseRootFile(Buffer.from(root), 'index.json')[0]?.description, 'says hello')
  const [release] = parse(plugin)
  assert.deepEqual(
    [release?.version, release?.yanked, release?.requires],
    ['1.1.0', 'loses data', { 'acme/base': '^1' }],
  )
  assert.equal(formatPluginFile(HELLO, parse(plugin)).toString(), plugin)
})
