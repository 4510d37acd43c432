import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseManifest } from '../../src/core/manifest-parser.ts'
import { readSignedManifest } from '../../src/core/signed-manifest.ts'

const bytesOf = (manifest: object): Buffer => Buffer.from(JSON.stringify(manifest))
const least = { name: 'acme/x', version: '1.0.0', entry: { runtime: 'exec', path: 'x' } }

const MANIFESTS: readonly object[] = [
  least,
  { ...least, $schema: 'https://bulkhead.dev/schema/plugin-1.json', description: 'd', license: 'MIT' },
  { ...least, entry: { runtime: 'node', path: 'a/b.js', args: ['-x'], preload: ['fs'] }, protocol: 'mcp' },
  { ...least, limits: { memory: '128M', cpu: 0.5, processes: 4, files: 64, tmp: '1M', data: '2G', output: '4K' } },
  { ...least, limits: { timeout: '5s', idle: '100ms' }, platforms: ['linux/amd64'], engines: { bulkhead: '>=0.1' } },
  { ...least, permissions: { env: ['TOKEN'] } },
  { ...least, permissions: { network: ['example.com:443'], read: ['/usr/share/zoneinfo'] } },
  { ...least, config: { units: { type: 'string', enum: ['si', 'us'], default: 'si' } } },
]

test('reads installed bytes as the parser read them when they were accepted', () => {
  for (const manifest of MANIFESTS) {
    assert.deepEqual(readSignedManifest(bytesOf(manifest)), parseManifest(bytesOf(manifest)))
  }
  for (const plugin of ['hello', 'word-count', 'table', 'everything']) {
    const bytes = readFileSync(join('plugins', plugin, 'plugin.json'))
    assert.deepEqual(readSignedManifest(bytes), parseManifest(bytes))
  }
})

test('bytes that are no manifest are none', () => {
  for (const text of ['', '[]', 'null', '{}', '{"name":"a/b","name":"c/d","entry":{}}']) {
    assert.equal(readSignedManifest(Buffer.from(text)), null)
  }
})
