// A public registry offers a newer version of a private name: whatever happens to the private registry, it is never asked.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Catalog, openRegistry } from '../../../src/registry/index.ts'
import { configOf, HELLO, only, shelf } from '../../registry/shelf.ts'
import { answer, web } from '../../registry/web.ts'

test('a private name never comes from the public registry, whatever the private one answers', async (t) => {
  const own = await shelf(t, {})
  const stranger = await shelf(t, { version: '99.0.0' })
  const [inside, outside] = [await web(t, own.folder), await web(t, stranger.folder)]
  const catalog = () =>
    new Catalog(
      [configOf(inside.url, { name: 'inside', namespaces: ['acme/*'] }), configOf(outside.url, { name: 'outside' })],
      (config) => openRegistry(config, { downloads: null, uid: 0, patience: { backOffMs: 1 } }),
    )
  const release = only(await catalog().releases(HELLO))
  assert.deepEqual([release.registry, release.version], ['inside', '1.0.0'])

  for (const status of [401, 404, 410, 429, 500, 503]) {
    inside.behave = answer(status)
    await assert.rejects(catalog().releases(HELLO), { name: 'RegistryError' }, `${status}`)
    await assert.rejects(catalog().fetch(release), ({ name }: Error) => /RegistryError|FetchError/.test(name))
    await assert.rejects(catalog().fetch({ ...release, registry: 'outside' }), { code: 'REGISTRY_NOT_FOUND' })
  }
  inside.behave = (_request, _response, next) => next()
  rmSync(join(own.folder, 'index/acme/hello.json'))
  await assert.rejects(catalog().releases(HELLO), { code: 'RELEASE_NOT_FOUND' })
  await inside.close()
  await assert.rejects(catalog().releases(HELLO), { code: 'REGISTRY_UNREACHABLE' })
  assert.deepEqual(outside.asked, [])
  const { found } = await catalog().search('hello')
  assert.deepEqual(found, [])
})
