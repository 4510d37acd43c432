// Whoever fills a registry's folder must not have us read, wait for or tell what lies elsewhere on this host.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openRegistry } from '../../../src/registry/index.ts'
import { configOf, HELLO, only, type Shelf, shelf } from '../../registry/shelf.ts'

const open = (own: Shelf) => openRegistry(configOf(own.folder), { downloads: null, uid: 0 })

async function trapped(t: TestContext) {
  const own = await shelf(t, {})
  const secret = await shelf(t)
  secret.write('secret.json', 'top-secret-content')
  return { own, secret: join(secret.folder, 'secret.json'), elsewhere: secret.folder, registry: await open(own) }
}

test('no link is followed, wherever in a path it stands', async (t) => {
  const { own, secret, elsewhere, registry } = await trapped(t)
  const release = only(await registry.releases(HELLO))
  for (const path of [
    'index.json',
    'index/acme/hello.json',
    'acme-hello-1.0.0.tgz',
    'acme-hello-1.0.0.tgz.sigstore.json',
  ]) {
    renameSync(join(own.folder, path), join(own.folder, `${path}.real`))
    symlinkSync(secret, join(own.folder, path))
    const reads: readonly Promise<unknown>[] = [registry.plugins(), registry.releases(HELLO), registry.fetch(release)]
    const errors = (await Promise.allSettled(reads)).flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
    assert.ok(errors.length > 0, path)
    for (const error of errors) {
      assert.equal(error.code, 'REGISTRY_INVALID')
      assert.match(error.message, /symbolic link/)
      assert.ok(!error.message.includes('top-secret'))
    }
    renameSync(join(own.folder, `${path}.real`), join(own.folder, path))
  }
  for (const folder of ['index/acme', 'index']) {
    renameSync(join(own.folder, folder), join(own.folder, 'moved'))
    mkdirSync(join(elsewhere, 'acme'), { recursive: true })
    writeFileSync(join(elsewhere, 'hello.json'), 'top-secret-content')
    writeFileSync(join(elsewhere, 'acme/hello.json'), 'top-secret-content')
    symlinkSync(elsewhere, join(own.folder, folder))
    await assert.rejects(registry.releases(HELLO), { code: 'REGISTRY_INVALID', message: /symbolic link/ })
    rmSync(join(own.folder, folder))
    renameSync(join(own.folder, 'moved'), join(own.folder, folder))
  }
  assert.ok(await registry.releases(HELLO))
})

test('a folder that is exchanged for a link while it is read leads nowhere', async (t) => {
  const { own, elsewhere, registry } = await trapped(t)
  mkdirSync(join(elsewhere, 'acme'))
  writeFileSync(join(elsewhere, 'acme/hello.json'), 'top-secret-content')
  const [real, aside, trap] = ['index', 'aside', 'trap'].map((name) => join(own.folder, name)) as [
    string,
    string,
    string,
  ]
  symlinkSync(elsewhere, trap)
  const swaps = [
    [real, aside],
    [trap, real],
    [real, trap],
    [aside, real],
  ]
  const script = `const { renameSync } = require('node:fs'); for (;;) for (const [a, b] of ${JSON.stringify(swaps)}) renameSync(a, b)`
  const swapper = spawn(process.execPath, ['-e', script], { stdio: 'ignore' })
  t.after(() => swapper.kill('SIGKILL'))
  let refused = 0
  for (const end = performance.now() + 20_000; refused < 20 && performance.now() < end; ) {
    await registry.releases(HELLO).catch((error: Error & { code: string }) => {
      refused++
      assert.equal(error.code, 'REGISTRY_INVALID')
      assert.ok(!error.message.includes('top-secret'), error.message)
    })
  }
  swapper.kill('SIGKILL')
  await once(swapper, 'exit')
  assert.ok(refused > 0, 'the race was never met')
})

test('a FIFO, a device or a folder in the place of a file is refused at once', async (t) => {
  const { own, registry } = await trapped(t)
  const release = only(await registry.releases(HELLO))
  const path = join(own.folder, 'acme-hello-1.0.0.tgz')
  const plants: readonly (() => void)[] = [
    () => execFileSync('mkfifo', [path]),
    () => mkdirSync(path),
    ...(process.geteuid?.() === 0 ? [() => execFileSync('mknod', [path, 'c', '1', '5'])] : []),
  ]
  for (const plant of plants) {
    rmSync(path, { recursive: true, force: true })
    plant()
    await assert.rejects(registry.fetch(release), { code: 'REGISTRY_INVALID', message: /not a regular file/ })
  }
  rmSync(path, { recursive: true })
  await assert.rejects(registry.fetch(release), { code: 'DOWNLOAD_FAILED', message: /there is no such file/ })
})

test('a file of another length or of other bytes than is listed is refused', async (t) => {
  const { own, registry } = await trapped(t)
  const release = only(await registry.releases(HELLO))
  own.write('acme-hello-1.0.0.tgz', Buffer.alloc(release.bytes))
  await assert.rejects(registry.fetch(release), { code: 'REGISTRY_MISMATCH', message: /expected the sha256/ })
  own.write('acme-hello-1.0.0.tgz', Buffer.alloc(release.bytes + 1))
  await assert.rejects(registry.fetch(release), { code: 'REGISTRY_MISMATCH', message: /found \d+$/ })
})

test('an index that names paths outside of the registry names none', async (t) => {
  const { own, registry, secret } = await trapped(t)
  for (const path of ['../x.tgz', secret, '%2e%2e/x.tgz', 'a/../../x.tgz', '//host/x.tgz', 'file:///etc/x.tgz']) {
    own.tamper((text) => text.replaceAll('acme-hello-1.0.0.tgz', path))
    await assert.rejects(
      registry.releases(HELLO),
      { code: 'REGISTRY_INVALID', message: /tarball: expected a plain/ },
      path,
    )
    own.tamper((text) => text.replaceAll(path, 'acme-hello-1.0.0.tgz'))
  }
})
