// A real HTTPS server on loopback, by name, for real programs without any setting for a proxy: `fetch` in Node, `urllib` in
// Python. Its certificate is of an authority of this test alone.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer } from 'node:https'
import { type TestContext, test } from 'node:test'
import { certificateAuthority } from '../../helpers/certificate.ts'
import { manifestOf } from '../household.ts'
import { ownAddress } from './names.ts'
import { skip, world } from './world.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

const NAME = 'api.bulkhead.test'
const authority = certificateAuthority()

async function serve(t: TestContext, address: string): Promise<number> {
  const server = createServer(authority.issue(NAME), (request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk) => (body += chunk))
    request.on('end', () => response.end(`${request.method} ${request.headers.host} ${request.url} ${body}`))
  })
  await new Promise<void>((done) => server.listen(0, address, done))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as { port: number }).port
}

/** A host whose operator allows the one address that the name leads to. */
async function worldWith(t: TestContext, files: Record<string, string>, entry: object, limits: object = {}) {
  const address = ownAddress()
  const port = await serve(t, address)
  const hosts = [`${address} ${NAME}`, `${address} other.bulkhead.test`]
  const own = await world(t, { config: { privateAddresses: [`${address}:${port}`] }, hosts })
  const manifest = manifestOf({ entry, limits, permissions: { network: [`${NAME}:${port}`] } })
  own.install({ files: { ...files, 'ca.pem': authority.certificate, 'plugin.json': manifest } })
  return { own, port, address }
}

const FETCH = `
import { readFileSync } from 'node:fs'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
setDefaultCACertificates([...getCACertificates('default'), readFileSync('/plugin/ca.pem', 'utf8')])
for (const url of process.argv.slice(2)) {
  try {
    const response = await fetch(url, { method: 'POST', body: 'from Node' })
    console.log(response.status, await response.text())
  } catch (error) {
    console.log('no', error.cause?.code ?? error.cause?.message ?? error.message)
  }
}
`

test('fetch in a Node plugin speaks HTTPS to a name of its list, and to no other', { skip }, async (t) => {
  const entry = { runtime: 'node', path: 'main.mjs' }
  const { own, port, address } = await worldWith(t, { 'main.mjs': FETCH }, entry)
  const urls = [`https://${NAME}:${port}/a?b`, `https://other.bulkhead.test:${port}/`, `https://${NAME}:4711/`]
  const { stdout, stderr, code } = await own.run(urls)
  assert.deepEqual(
    stdout.trimEnd().split('\n'),
    [`200 POST ${NAME}:${port} /a?b from Node`, 'no ENOTFOUND', 'no ECONNREFUSED'],
    stderr,
  )
  assert.equal(code, 0)
  const decisions = own.decisions().map(({ count: _, ...rest }) => rest)
  const reason = 'the plugin may not reach it'
  assert.deepEqual(
    new Set(decisions),
    new Set([
      { verdict: 'allowed', name: NAME, port, address, reason: null },
      { verdict: 'denied', name: 'other.bulkhead.test', port: 0, address: null, reason },
    ]),
  )
  assert.ok((own.outcome().usage.networkBytes ?? 0) > 500)
})

const URLLIB = `
import ssl, sys, urllib.request
context = ssl.create_default_context()
print(len(context.get_ca_certs()) > 50)
context.load_verify_locations('/plugin/ca.pem')
for url in sys.argv[1:]:
    try:
        with urllib.request.urlopen(url, data=b'from Python', context=context) as answer:
            print(answer.status, answer.read().decode())
    except OSError as error:
        print('no', getattr(error.reason, 'errno', error))
`

const noPython = !existsSync('/usr/bin/python3') && 'there is no /usr/bin/python3 on this host'
const noBundle = !existsSync('/etc/ssl/certs/ca-certificates.crt') && 'this host has no certificate authorities'

test('urllib in a Python plugin does too, and finds the host’s certificate authorities', {
  skip: skip || noPython || noBundle,
}, async (t) => {
  const entry = { runtime: 'python', path: 'main.py' }
  const { own, port, address } = await worldWith(t, { 'main.py': URLLIB }, entry, { memory: '64M' })
  const { stdout, stderr } = await own.run([`https://${NAME}:${port}/`, `https://other.bulkhead.test:${port}/`])
  assert.equal(stdout, `True\n200 POST ${NAME}:${port} / from Python\nno -2\n`, stderr)
  assert.deepEqual(
    own.decisions().find(({ verdict }) => verdict === 'allowed'),
    { verdict: 'allowed', name: NAME, port, address, reason: null, count: 1 },
  )
})

test('a server whose certificate nobody vouches for is refused by the plugin’s own TLS', { skip }, async (t) => {
  const entry = { runtime: 'node', path: 'main.mjs' }
  const { own, port } = await worldWith(t, { 'main.mjs': FETCH.replace(/^setDefault.*$/m, '') }, entry)
  const { stdout } = await own.run([`https://${NAME}:${port}/`])
  assert.match(stdout, /^no (?:UNABLE_TO|SELF_SIGNED)/)
})
