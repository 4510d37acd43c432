// The reference plugin with a network, in its sandbox, with a web server of loopback in the place of example.com.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { ownAddress } from '../manager/network/names.ts'
import { skip, world } from '../manager/network/world.ts'
import { build, run } from './build.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

const folder = build('page')
const NAME = 'acme/page'
const PAGE = '<html><head><title>Example\n  Domain</title></head></html>'

const release = () => {
  const files = Object.fromEntries(
    ['plugin.json', 'main.mjs'].map((file) => [file, readFileSync(join(folder, file), 'utf8')]),
  )
  return { name: NAME, files }
}

test('a page is told by its title, and every refusal by what it means', { skip }, async (t) => {
  const address = ownAddress()
  const server = createServer((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: 'https://example.org/' })
    response.end(PAGE)
  })
  await new Promise<void>((done) => server.listen(80, address, done))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const hosts = [`${address} example.com`, '192.168.1.1 a.example.com']
  const own = await world(t, { config: { privateAddresses: [`${address}:80`] }, hosts, plugin: NAME })
  own.install(release())
  const urls = [
    ...['http://example.com/', 'http://example.com/moved', 'http://example.org/', 'http://example.com:8080/'],
    ...['http://93.184.216.34/', 'https://a.example.com/'],
  ]
  const { stdout, stderr, code } = await own.run(urls)
  const lines = stdout.trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => line.replace(/^(?:(\d+)|--- \S+ (\w+)).*?(: \w+ \w+.*)?$/, '$1$2$3')),
    [
      '200: Example Domain',
      '302: goes to https://example.org/',
      'ENOTFOUND',
      'ECONNREFUSED',
      'ECONNRESET',
      'ECONNRESET',
    ],
    `${stdout}${stderr}`,
  )
  assert.match(lines[2] ?? '', /the name is not in permissions\.network/)
  assert.equal(code, 1)
  const strict = await own.run(['http://example.com/'], ['--profile', 'strict'])
  assert.match(strict.stdout, /^--- http:\/\/example\.com\/: \w+, this plugin was given no network here\n$/)
})

test('outside of a sandbox it is an ordinary program', () => {
  const { stdout, code } = run(process.execPath, [join(folder, 'main.mjs'), 'http://127.0.0.1:9/'], '')
  assert.match(stdout, /^--- http:\/\/127\.0\.0\.1:9\/: \S+/)
  assert.equal(code, 1)
})
