// A registry, or who stands between, that wants our memory, our time or our disk.

import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openRegistry } from '../../../src/registry/index.ts'
import { bulky, configOf, HELLO, only, shelf } from '../../registry/shelf.ts'
import { answer, type Behaviour, cutAfter, fileFor, inTurn, web } from '../../registry/web.ts'

const uid = process.geteuid?.() ?? 0

async function besieged(t: TestContext, spec = bulky(2 ** 20)) {
  const own = await shelf(t)
  const release = own.put(spec)
  await own.build()
  const server = await web(t, own.folder)
  const cache = mkdtempSync(join(tmpdir(), 'bulkhead-cache-'))
  t.after(() => rmSync(cache, { recursive: true, force: true }))
  const patience = { idleMs: 300, totalMs: 1_000, bytesPerSecondMin: 2 ** 30, backOffMs: 1 }
  const downloads = join(cache, 'downloads')
  const registry = await openRegistry(configOf(server.url), { downloads, uid, patience })
  const listed = only(await registry.releases(HELLO))
  return { own, release, server, registry, listed, downloads, part: join(downloads, `${listed.sha256}.part`) }
}

/** Bytes until the line is cut, and how many there were. */
function endless(): { sent: () => number; behaviour: Behaviour } {
  let sent = 0
  const chunk = Buffer.alloc(64 * 1024, 0x20)
  return {
    sent: () => sent,
    behaviour: (_request, response) => {
      response.writeHead(200)
      const more = () => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length
        sent += chunk.length
      }
      response.on('drain', more)
      more()
    },
  }
}

test('a tarball that does not end is cut off where the listed one does', async (t) => {
  const { server, registry, listed, part } = await besieged(t)
  const { sent, behaviour } = endless()
  server.behaveOnTarballs(behaviour)
  await assert.rejects(registry.fetch(listed), { code: 'REGISTRY_MISMATCH', message: /found more$/ })
  assert.ok(sent() < listed.bytes + 16 * 2 ** 20, `${sent()}`)
  assert.ok(!existsSync(part))
})

test('a tarball that says it is longer or shorter is refused before it is read', async (t) => {
  const { server, registry, listed } = await besieged(t)
  for (const length of [listed.bytes + 1, listed.bytes - 1, 2 ** 40]) {
    server.behaveOnTarballs((_request, response) => {
      response.writeHead(200, { 'content-length': length })
      response.write('x')
    })
    const message = new RegExp(`found ${length}$`)
    await assert.rejects(registry.fetch(listed), { code: 'REGISTRY_MISMATCH', message })
  }
})

test('an index and a bundle that do not end are cut off at their bounds', async (t) => {
  const { server, registry, listed } = await besieged(t)
  const { sent, behaviour } = endless()
  server.behave = behaviour
  await assert.rejects(registry.releases(HELLO), { code: 'REGISTRY_UNREACHABLE', message: /more than 4194304 bytes/ })
  assert.ok(sent() < 32 * 2 ** 20)
  await assert.rejects(registry.fetch(listed), { code: 'DOWNLOAD_FAILED', message: /sigstore\.json: .*more than/ })
  server.behave = answer(200, { 'content-length': `${2 ** 40}` })
  await assert.rejects(registry.plugins(), { code: 'REGISTRY_UNREACHABLE', message: /more than/ })
})

test('a server that sends a byte now and then has until the deadline, and no longer', async (t) => {
  const { own, server, registry, listed } = await besieged(t)
  const drip =
    (bytes: Buffer): Behaviour =>
    (_request, response) => {
      let at = 0
      response.writeHead(200, { 'content-length': bytes.length })
      const timer = setInterval(() => response.write(bytes.subarray(at, ++at)), 50)
      response.on('close', () => clearInterval(timer))
    }
  const began = performance.now()
  server.behaveOnTarballs((request, ...rest) => drip(fileFor(own.folder, request) as Buffer)(request, ...rest))
  await assert.rejects(registry.fetch(listed), { code: 'DOWNLOAD_FAILED', message: /did not finish within 1001 ms/ })
  server.behave = drip(Buffer.from(own.read('index.json')))
  await assert.rejects(registry.plugins(), { code: 'REGISTRY_UNREACHABLE', message: /did not finish within 1000 ms/ })
  assert.ok(performance.now() - began < 15_000)
})

test('headers without end are refused', async (t) => {
  const { server, registry } = await besieged(t, {})
  server.behave = answer(200, Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`x-${at}`, 'y'.repeat(1000)])))
  await assert.rejects(registry.plugins(), { code: 'REGISTRY_UNREACHABLE', message: /more headers/ })
})

test('what is packed on the way is not unpacked', async (t) => {
  const { server, registry, listed } = await besieged(t, {})
  const bomb = gzipSync(Buffer.alloc(2 ** 22, 0x20))
  for (const encoding of ['gzip', 'deflate', 'br', 'zstd', 'x-gzip', 'gzip, identity']) {
    server.behave = (_request, response) => void response.writeHead(200, { 'content-encoding': encoding }).end(bomb)
    await assert.rejects(registry.plugins(), { code: 'REGISTRY_UNREACHABLE', message: /content encoding/ }, encoding)
    server.behaveOnTarballs(server.behave)
    await assert.rejects(registry.fetch(listed), { code: 'DOWNLOAD_FAILED', message: /content encoding/ }, encoding)
  }
})

test('other bytes of the same length are refused, and none of them is kept', async (t) => {
  const { own, server, registry, listed, part } = await besieged(t)
  const bytes = fileFor(own.folder, { url: '/acme-hello-1.0.0.tgz' } as never) as Buffer
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
  server.behaveOnTarballs((_request, response) => void response.end(bytes))
  await assert.rejects(registry.fetch(listed), {
    code: 'REGISTRY_MISMATCH',
    exitCode: 3,
    message: /expected the sha256/,
  })
  assert.ok(!existsSync(part))
})

test('a beginning that somebody else left is hashed again, and does not come into the tarball', async (t) => {
  const { server, registry, listed, release, downloads, part } = await besieged(t)
  mkdirSync(downloads, { mode: 0o700 })
  for (const planted of [Buffer.alloc(1000, 7), Buffer.alloc(listed.bytes, 7), Buffer.alloc(listed.bytes + 1, 7)]) {
    writeFileSync(part, planted, { mode: 0o600 })
    assert.ok((await registry.fetch(listed)).bytes.equals(release.tarball))
    assert.ok(!existsSync(part))
  }
  assert.ok(server.downloads().some(({ headers }) => headers.range === 'bytes=1000-'))
})

test('a link, a name of another file or one that others may write is no beginning of ours, and is not written through', async (t) => {
  const { server, own, registry, listed, downloads, part } = await besieged(t)
  const victim = join(downloads, '..', 'victim')
  writeFileSync(victim, 'precious', { mode: 0o600 })
  mkdirSync(downloads, { mode: 0o700 })
  const plants: readonly (() => void)[] = [
    () => symlinkSync(victim, part),
    () => linkSync(victim, part),
    () => {
      writeFileSync(part, 'x')
      chmodSync(part, 0o666)
    },
  ]
  for (const plant of plants) {
    rmSync(part, { force: true })
    plant()
    server.behaveOnTarballs(inTurn(cutAfter(own.folder, 400_000), answer(403)))
    await assert.rejects(registry.fetch(listed), { code: 'DOWNLOAD_FAILED' })
    assert.equal(readFileSync(victim, 'utf8'), 'precious')
    const stat = statSync(part)
    assert.deepEqual([stat.isFile(), stat.mode & 0o777, stat.nlink], [true, 0o600, 1])
  }
})

test('a folder of downloads that others may write, or that is a link, is not used', async (t) => {
  const { registry, listed, downloads } = await besieged(t)
  mkdirSync(downloads, { mode: 0o700 })
  chmodSync(downloads, 0o777)
  await assert.rejects(registry.fetch(listed), { code: 'DOWNLOAD_FAILED', message: /others may write there/ })
  rmSync(downloads, { recursive: true })
  symlinkSync(tmpdir(), downloads)
  await assert.rejects(registry.fetch(listed), { code: 'DOWNLOAD_FAILED', message: /not a folder/ })
})

test('what broke off does not fill the disk: a day, and half a gigabyte', async (t) => {
  const { registry, listed, downloads } = await besieged(t)
  mkdirSync(downloads, { mode: 0o700 })
  const place = (letter: string, ageHours: number, bytes: number) => {
    const path = join(downloads, `${letter.repeat(64)}.part`)
    writeFileSync(path, '')
    truncateSync(path, bytes)
    const at = Date.now() / 1000 - ageHours * 3600
    utimesSync(path, at, at)
  }
  place('a', 25, 10)
  place('b', 3, 300 * 2 ** 20)
  place('c', 2, 200 * 2 ** 20)
  place('d', 1, 200 * 2 ** 20)
  writeFileSync(join(downloads, 'mine.txt'), '')
  await registry.fetch(listed)
  assert.deepEqual(readdirSync(downloads).sort(), [`${'c'.repeat(64)}.part`, `${'d'.repeat(64)}.part`, 'mine.txt'])
})
