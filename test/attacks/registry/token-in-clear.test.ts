// While a registry of this machine is down, or before it is up, any local user can listen at its port. Over plain http there is
// nothing that tells the two apart, so no token may be sent there: neither to an address of the loopback, nor to a name of it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { suppliedHome } from '../../helpers/supplied-home.ts'

test('no token is sent over plain http, to this machine neither', async (t) => {
  const home = await suppliedHome(t)
  await home.with(async ({ registries }) => {
    for (const host of ['127.0.0.1:8080', 'localhost:8080', '[::1]:8080']) {
      const add = (scheme: string, name: string, tokenFile?: string) =>
        registries.add(name, { url: `${scheme}://${host}/`, tokenFile })
      await assert.rejects(add('http', 'local', '/etc/bulkhead/main.token'), {
        code: 'CONFIG_INVALID',
        message: /tokenFile: a token is sent over https:\/\/ alone/,
      })
      for (const [scheme, tokenFile] of [['https', '/etc/bulkhead/main.token'], ['http']] as const) {
        assert.equal((await add(scheme, 'local', tokenFile)).name, 'local')
        await registries.remove('local')
      }
    }
  })
})
