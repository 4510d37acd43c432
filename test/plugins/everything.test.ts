import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { parseManifest } from '../../src/core/manifest-parser.ts'
import { build } from './build.ts'

const source = resolve(import.meta.dirname, '../../plugins/everything')

test('the published server answers from its own folder, without an environment', async () => {
  const out = build('everything')
  const { entry } = parseManifest(readFileSync(join(out, 'plugin.json')))
  // `env -i`: the SDK itself would hand on HOME, PATH and others.
  const bare = ['-i', process.execPath, join(out, entry.path), ...entry.args]
  const transport = new StdioClientTransport({ command: '/usr/bin/env', args: bare, cwd: out, stderr: 'ignore' })
  const client = new Client({ name: 'test', version: '1.0.0' })
  await client.connect(transport)
  try {
    assert.equal(client.getServerVersion()?.name, 'mcp-servers/everything')
    assert.deepEqual(await call(client, 'echo', { message: 'ahoy' }), 'Echo: ahoy')
    assert.deepEqual(await call(client, 'get-sum', { a: 2, b: 40 }), 'The sum of 2 and 40 is 42.')
    assert.deepEqual(await call(client, 'get-env', {}), '{}')
  } finally {
    await client.close()
  }
})

test('the lock file vouches for every package by digest, and names no host', () => {
  const text = readFileSync(join(source, 'package-lock.json'), 'utf8')
  const { packages } = JSON.parse(text) as { packages: Record<string, { integrity?: string; hasInstallScript?: true }> }
  const installed = Object.entries(packages).filter(([path]) => path !== '')

  assert.ok(installed.length > 100)
  for (const [path, entry] of installed) {
    assert.match(entry.integrity ?? '', /^sha512-/, path)
    assert.ok(!entry.hasInstallScript, path)
  }
  assert.doesNotMatch(text, /"resolved"/)
})

test('the manifest, the lock file and the published package agree on the version', () => {
  const read = (path: string) => JSON.parse(readFileSync(join(source, path), 'utf8'))
  const { version } = read('plugin.json')

  assert.equal(read('package.json').version, version)
  assert.equal(read('package.json').dependencies['@modelcontextprotocol/server-everything'], version)
  assert.equal(
    read('package-lock.json').packages['node_modules/@modelcontextprotocol/server-everything'].version,
    version,
  )
})

async function call(client: Client, name: string, args: Record<string, unknown>): Promise<string> {
  const { content } = (await client.callTool({ name, arguments: args })) as { content: { text: string }[] }
  return content.map((part) => part.text).join('')
}
