// A bearer token is for one origin. A registry that leads elsewhere, or echoes what it was sent, must not get it out.

import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { inspect } from 'node:util'
import { openRegistry } from '../../../src/registry/index.ts'
import { certificateAuthority } from '../../helpers/certificate.ts'
import { configOf, HELLO, only, shelf } from '../../registry/shelf.ts'
import { web } from '../../registry/web.ts'

const TOKEN = 'Zm9yLW9uZS1vcmlnaW4tYWxvbmU'
const uid = process.geteuid?.() ?? 0

function tokenFile(t: TestContext, content = `${TOKEN}\n`, mode = 0o600): string {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-token-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'token')
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

async function encrypted(t: TestContext) {
  const authority = certificateAuthority()
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, authority.certificate])
  t.after(() => setDefaultCACertificates(before))
  return authority.issue('localhost')
}

test('the token goes to its own origin, and to nobody a redirection leads to, nor back by way of them', async (t) => {
  const certificate = await encrypted(t)
  const own = await shelf(t, {})
  const home = await web(t, own.folder, certificate)
  const elsewhere = await web(t, own.folder, certificate)
  const path = tokenFile(t)
  const open = () => openRegistry(configOf(home.url, { tokenFile: path }), { downloads: null, uid })
  home.behave = (request, response, next) => {
    if (request.url?.endsWith('.tgz') !== true || request.url.startsWith('/back/')) return next()
    response.writeHead(302, { location: `${elsewhere.url}acme-hello-1.0.0.tgz` }).end()
  }
  const registry = await open()
  const release = only(await registry.releases(HELLO))
  await registry.fetch(release)
  assert.ok(home.asked.length >= 3 && home.asked.every(({ headers }) => headers.authorization === `Bearer ${TOKEN}`))
  assert.deepEqual(
    elsewhere.asked.map(({ headers }) => headers.authorization),
    [undefined],
  )

  elsewhere.behave = (_request, response) => void response.writeHead(302, { location: `${home.url}back/x.tgz` }).end()
  own.write('back/x.tgz', Buffer.alloc(release.bytes))
  home.asked.length = 0
  await assert.rejects((await open()).fetch(release), { code: 'REGISTRY_MISMATCH' })
  assert.equal(home.asked.find((one) => one.path === '/back/x.tgz')?.headers.authorization, undefined)
})

test('no redirection leads to plain http, to a file, to a password or on without end', async (t) => {
  const certificate = await encrypted(t)
  const own = await shelf(t, {})
  const home = await web(t, own.folder, certificate)
  const plain = await web(t, own.folder)
  const insecure = await openRegistry(configOf(plain.url), { downloads: null, uid })
  const registry = await openRegistry(configOf(home.url, { tokenFile: tokenFile(t) }), { downloads: null, uid })
  const cases: readonly [string | null, RegExp][] = [
    [`${plain.url}index/acme/hello.json`, /leads on to http:\/\//],
    ['file:///etc/passwd', /no https:\/\/ address/],
    ['ftp://localhost/', /no https:\/\/ address/],
    ['data:application/json,{}', /no https:\/\/ address/],
    [`https://${TOKEN}:x@localhost/`, /a password/],
    ['https://', /no address/],
    [null, /no address/],
    ['/index/acme/hello.json', /more than 3 times/],
  ]
  for (const [location, message] of cases) {
    home.asked.length = 0
    home.behave = (_request, response) => void response.writeHead(301, location === null ? {} : { location }).end()
    await assert.rejects(registry.releases(HELLO), { code: 'REGISTRY_UNREACHABLE', message }, `${location}`)
    assert.ok(home.asked.length <= 4)
  }
  assert.deepEqual(plain.asked, [])
  const other = await web(t, own.folder)
  plain.behave = (_request, response) => void response.writeHead(302, { location: `${other.url}index.json` }).end()
  await assert.rejects(insecure.releases(HELLO), { code: 'REGISTRY_UNREACHABLE', message: /another server over http/ })
  assert.deepEqual(other.asked, [])
})

test('nothing that a server does with the token brings it into an error', async (t) => {
  const own = await shelf(t, {})
  const server = await web(t, own.folder)
  const registry = await openRegistry(configOf(server.url, { tokenFile: tokenFile(t) }), {
    downloads: null,
    uid,
    patience: { backOffMs: 1, idleMs: 300 },
  })
  const echoes: readonly ((token: string) => [number, Record<string, string>, string])[] = [
    (token) => [401, { 'www-authenticate': token }, token],
    (token) => [302, { location: `https://${token}.example/${token}?${token}` }, token],
    (token) => [302, { location: `${token}:x` }, ''],
    (token) => [503, { 'retry-after': token }, token],
    (token) => [200, { 'content-type': token }, `{"${token}":"${token}"`],
    (token) => [200, { 'content-encoding': token }, token],
  ]
  for (const echo of echoes) {
    server.behave = (request, response) => {
      const [status, headers, body] = echo(request.headers.authorization?.slice('Bearer '.length) ?? 'none')
      response.writeHead(status, headers).end(body)
    }
    const error = await registry.releases(HELLO).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof Error)
    const said = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error)
    for (let at = 0; at + 8 <= TOKEN.length; at++)
      assert.ok(!said.toLowerCase().includes(TOKEN.slice(at, at + 8).toLowerCase()), said)
  }
})

test('a certificate of nobody known here gets no token, whatever the environment says', async (t) => {
  const own = await shelf(t, {})
  const home = await web(t, own.folder, certificateAuthority().issue('localhost'))
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  t.after(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED)
  const registry = await openRegistry(configOf(home.url, { tokenFile: tokenFile(t) }), { downloads: null, uid })
  await assert.rejects(registry.releases(HELLO), { code: 'REGISTRY_UNREACHABLE', message: /TLS certificate/ })
  assert.deepEqual(home.asked, [])
})

test('a token file that others may read, or that is none, is refused before anything is sent', async (t) => {
  const own = await shelf(t, {})
  const server = await web(t, own.folder)
  const good = tokenFile(t)
  const link = `${good}.link`
  symlinkSync(good, link)
  const cases: readonly [string, RegExp][] = [
    [tokenFile(t, TOKEN, 0o644), /mode 644/],
    [tokenFile(t, TOKEN, 0o640), /mode 640/],
    [tokenFile(t, `${TOKEN}\nX-Other: 1\n`), /one line/],
    [tokenFile(t, ''), /one line/],
    [tokenFile(t, 'a'.repeat(5000)), /at most 4096/],
    [link, /symbolic link/],
    [`${good}.gone`, /not there/],
    ['/dev/zero', /not a regular file/],
  ]
  for (const [path, message] of cases) {
    const registry = await openRegistry(configOf(server.url, { tokenFile: path }), { downloads: null, uid })
    await assert.rejects(registry.releases(HELLO), { code: 'TOKEN_FILE_INVALID', message }, path)
  }
  assert.deepEqual(server.asked, [])
})
