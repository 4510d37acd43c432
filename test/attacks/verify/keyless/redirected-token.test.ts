// An identity token is for the one authority that was named: no redirection carries it on, and no answer is read for ever.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import type { PluginError } from '../../../../src/index.ts'
import { desk } from '../../../marketplace/desk.ts'
import { assertSilent, given, keyless, sigstore, TARBALL } from '../../../marketplace/keyless-desk.ts'

async function served(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`a certificate authority that answers ${status} sends the token nowhere else`, async (t) => {
    const own = desk(t)
    const caught: string[] = []
    const elsewhere = await served(t, async (request, response) => {
      caught.push(`${request.method} ${await text(request)}`)
      response.end('{}')
    })
    const fulcioUrl = await served(t, (_, response) => response.writeHead(status, { location: elsewhere }).end())
    const identityToken = given()
    await assert.rejects(keyless(own, { fulcioUrl, identityToken }), (error: PluginError) => {
      assert.equal(error.code, 'SIGNING_FAILED')
      assert.match(error.message, new RegExp(`answered ${status}: a redirection, which is not followed`))
      assertSilent(error, identityToken.text)
      return true
    })
    assert.deepEqual([caught, own.files()], [[], [TARBALL]])
  })
}

test('a certificate authority that answers without an end costs neither memory nor time', async (t) => {
  const own = desk(t)
  sigstore.misbehave = { answers: { fulcio: 'endless' } }
  await assert.rejects(keyless(own, {}, { timeoutMs: 60_000 }), {
    code: 'SIGNING_FAILED',
    message: /certificate authority .* answered with more than 262144 bytes/,
  })
  assert.deepEqual(own.files(), [TARBALL])
})
