import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Progress } from '../../src/core/progress.ts'
import type { Patience } from '../../src/registry/http/patience.ts'
import { openRegistry } from '../../src/registry/index.ts'
import { bulky, configOf, HELLO, listed, only, shelf } from './shelf.ts'
import { answer, asItShould, cutAfter, etagOf, fileFor, inTurn, web } from './web.ts'

/** Quick enough for a test, and in the same proportions. */
const QUICK: Partial<Patience> = {
  connectMs: 2_000,
  idleMs: 300,
  totalMs: 3_000,
  backOffMs: 10,
  retryAfterMaxMs: 2_000,
}
const BULK = 3 * 2 ** 20

async function served(t: TestContext, spec = bulky(BULK), patience: Partial<Patience> = {}) {
  const own = await shelf(t)
  const release = own.put(spec)
  await own.build()
  const server = await web(t, own.folder)
  const cache = mkdtempSync(join(tmpdir(), 'bulkhead-cache-'))
  t.after(() => rmSync(cache, { recursive: true, force: true }))
  const downloads = join(cache, 'downloads')
  const open = () =>
    openRegistry(configOf(server.url), {
      downloads,
      uid: process.geteuid?.() ?? 0,
      patience: { ...QUICK, ...patience },
    })
  const registry = await open()
  const fetchIt = async (options: Parameters<typeof registry.fetch>[1] = {}) =>
    registry.fetch(only(await registry.releases(HELLO)), options)
  return { own, release, server, registry, open, fetchIt, downloads, parts: () => readdirSync(downloads) }
}

test('a release comes from a web server with its bundle, and each question is for bytes as they are', async (t) => {
  const { release, server, registry, fetchIt } = await served(t)
  const staged = await fetchIt()
  assert.ok(staged.bytes.equals(release.tarball) && staged.bundle?.equals(release.bundle))
  assert.deepEqual(
    [staged.sha256, staged.sha512, staged.source],
    [release.statement.sha256, release.statement.sha512, `${server.url}acme-hello-1.0.0.tgz`],
  )
  assert.ok(server.asked.every(({ headers }) => headers['accept-encoding'] === 'identity'))
  assert.deepEqual(await registry.plugins(), [{ name: HELLO, version: '1.0.0', description: null }])
})

test('how far a download is, is told in order, ends with all of it, and seldom', async (t) => {
  const { release, fetchIt } = await served(t)
  const said: Progress[] = []
  await fetchIt({ onProgress: (progress) => said.push(progress) })
  const total = release.tarball.length
  assert.deepEqual(said.at(-1), { kind: 'bytes', what: 'download', name: HELLO, done: total, total })
  assert.ok(said.length < 20)
})

test('no such plugin and no registry at all are two answers', async (t) => {
  const { own, registry } = await served(t, {})
  assert.equal(await registry.releases('acme/other' as typeof HELLO), null)
  rmSync(join(own.folder, 'index.json'))
  await assert.rejects(registry.releases('acme/other' as typeof HELLO), {
    code: 'REGISTRY_INVALID',
    message: /no http/,
  })
})

test('a build number in a version is part of its file name, on a web server too', async (t) => {
  const { fetchIt, server } = await served(t, { version: '1.0.0+build.5' })
  await fetchIt()
  assert.equal(server.downloads()[0]?.path, '/acme-hello-1.0.0%2Bbuild.5.tgz')
})

test('what breaks off goes on where it ended, for the same file alone', async (t) => {
  const { own, release, server, fetchIt, parts } = await served(t)
  server.behaveOnTarballs(inTurn(cutAfter(own.folder, 2_000_000), asItShould))
  assert.ok((await fetchIt()).bytes.equals(release.tarball))
  const [first, second] = server.downloads()
  assert.equal(first?.headers.range, undefined)
  const from = Number(/^bytes=(\d+)-$/.exec(second?.headers.range ?? '')?.[1])
  assert.ok(from > 0 && from <= 2_000_000, `${from}`)
  assert.equal(second?.headers['if-range'], etagOf(release.tarball))
  assert.deepEqual(parts(), [])
})

test('a line that breaks again and again is no matter while something comes through', async (t) => {
  const { own, release, server, fetchIt } = await served(t, bulky(12 * 2 ** 20))
  server.behaveOnTarballs(cutAfter(own.folder, 1.5 * 2 ** 20))
  const { bytes } = await fetchIt()
  assert.ok(bytes.equals(release.tarball))
  assert.ok(server.downloads().length > 6)
})

test('what was fetched is kept for the next command, for its owner alone, and used up by it', async (t) => {
  const { own, release, server, open, fetchIt, downloads, parts } = await served(t)
  server.behaveOnTarballs(inTurn(cutAfter(own.folder, 500_000), answer(503)))
  await assert.rejects(fetchIt(), { code: 'DOWNLOAD_FAILED', message: /answered 503/ })
  assert.deepEqual(parts(), [`${release.statement.sha256}.part`])
  const kept = readFileSync(join(downloads, `${release.statement.sha256}.part`))
  assert.ok(kept.length > 0 && kept.equals(release.tarball.subarray(0, kept.length)))
  server.behave = asItShould
  server.asked.length = 0
  const next = await open()
  assert.ok((await next.fetch(only(await next.releases(HELLO)))).bytes.equals(release.tarball))
  assert.equal(server.downloads()[0]?.headers.range, `bytes=${kept.length}-`)
  assert.deepEqual(parts(), [])
})

test('a server that ignores ranges is let begin anew', async (t) => {
  const { own, release, server, fetchIt } = await served(t)
  const whole =
    (folder: string) => (request: Parameters<typeof fileFor>[1], response: { end(bytes: Buffer): unknown }) =>
      void response.end(fileFor(folder, request) as Buffer)
  server.behaveOnTarballs(inTurn(cutAfter(own.folder, 500_000), whole(own.folder)))
  assert.ok((await fetchIt()).bytes.equals(release.tarball))
  assert.equal(server.downloads().length, 2)
})

test('a part that was not asked for is not put behind the one that is there', async (t) => {
  const { own, release, server, fetchIt } = await served(t)
  const ranges = ['bytes 0-9/10', 'bytes 5-3145727/3145728', '', 'bytes */1', 'items 1-2/3']
  for (const range of ranges) {
    const wrong = answer(206, range === '' ? {} : { 'content-range': range, etag: etagOf(release.tarball) }, 'x')
    server.asked.length = 0
    server.behaveOnTarballs(inTurn(cutAfter(own.folder, 500_000), wrong, asItShould))
    assert.ok((await fetchIt()).bytes.equals(release.tarball), range)
    assert.equal(server.downloads()[2]?.headers.range, undefined)
  }
})

test('a part that nobody asked for is refused', async (t) => {
  const { server, fetchIt } = await served(t)
  server.behaveOnTarballs(answer(206, { 'content-range': 'bytes 0-0/1' }, 'x'))
  await assert.rejects(fetchIt(), { code: 'DOWNLOAD_FAILED', message: /answered 206/ })
})

test('a file that changed while it was fetched is fetched anew, and is then another one than was listed', async (t) => {
  const { own, release, server, fetchIt } = await served(t)
  const other = Buffer.alloc(release.tarball.length, 7)
  const swap = inTurn(cutAfter(own.folder, 500_000), (_request, _response, next) => {
    own.write(release.path, other)
    next()
  })
  server.behaveOnTarballs(swap)
  await assert.rejects(fetchIt(), { code: 'REGISTRY_MISMATCH', message: /expected the sha256 that is listed/ })
})

test('a server that calls other bytes by the same tag gives them once more, whole', async (t) => {
  const { own, release, server, fetchIt } = await served(t)
  server.behaveOnTarballs(
    inTurn(
      cutAfter(own.folder, 500_000),
      (request, response) => {
        const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1])
        const { length } = release.tarball
        response.writeHead(206, {
          etag: etagOf(release.tarball),
          'content-range': `bytes ${from}-${length - 1}/${length}`,
        })
        response.end(Buffer.alloc(length - from, 7))
      },
      asItShould,
    ),
  )
  assert.ok((await fetchIt()).bytes.equals(release.tarball))
  assert.equal(server.downloads().length, 3)
})

test('a server that is in trouble is asked four times, with a pause that grows', async (t) => {
  const { server, fetchIt, release } = await served(t, bulky(BULK), { backOffMs: 80 })
  server.behaveOnTarballs(inTurn(answer(500), answer(502), answer(503), asItShould))
  const began = performance.now()
  assert.ok((await fetchIt()).bytes.equals(release.tarball))
  assert.ok(performance.now() - began >= (80 + 160 + 320) / 2)
  server.asked.length = 0
  server.behaveOnTarballs(answer(500))
  await assert.rejects(fetchIt(), { code: 'DOWNLOAD_FAILED', message: /^cannot fetch http.*answered 500$/ })
  assert.equal(server.downloads().length, 4)
})

test('what will not pass is asked for once', async (t) => {
  const { server, fetchIt } = await served(t)
  for (const status of [400, 401, 403, 405, 451, 204, 304]) {
    server.asked.length = 0
    server.behaveOnTarballs(answer(status))
    await assert.rejects(fetchIt(), { code: 'DOWNLOAD_FAILED', message: new RegExp(`answered ${status}`) })
    assert.equal(server.downloads().length, 1, `${status}`)
  }
  server.asked.length = 0
  server.behaveOnTarballs(answer(404))
  await assert.rejects(fetchIt(), { code: 'DOWNLOAD_FAILED', message: /listed, and there is no such file/ })
  assert.equal(server.downloads().length, 1)
})

test('a server that says when to come back is left alone until then, or for good', async (t) => {
  const { server, fetchIt, release } = await served(t)
  server.behaveOnTarballs(inTurn(answer(429, { 'retry-after': '1' }), asItShould))
  const began = performance.now()
  assert.ok((await fetchIt()).bytes.equals(release.tarball))
  assert.ok(performance.now() - began >= 990)
  server.asked.length = 0
  server.behaveOnTarballs(answer(503, { 'retry-after': '86400' }))
  await assert.rejects(fetchIt(), { code: 'DOWNLOAD_FAILED', message: /asked again in 86400 s only/ })
  assert.equal(server.downloads().length, 1)
})

test('a server that stalls is given up, and says so', async (t) => {
  const { own, server, fetchIt } = await served(t)
  server.behaveOnTarballs(() => {})
  await assert.rejects(fetchIt(), { code: 'DOWNLOAD_FAILED', message: /sent nothing for 300 ms/ })
  server.behaveOnTarballs((request, response) => {
    const bytes = fileFor(own.folder, request) as Buffer
    response.writeHead(200, { 'content-length': bytes.length })
    response.write(bytes.subarray(0, 1000))
  })
  await assert.rejects(fetchIt(), { code: 'DOWNLOAD_FAILED', message: /sent nothing for 300 ms/ })
})

test('a server that is not there is an error of its own', async (t) => {
  const { server, registry } = await served(t, {})
  await server.close()
  await assert.rejects(registry.releases(HELLO), { code: 'REGISTRY_UNREACHABLE', message: /refused the connection/ })
  await assert.rejects(registry.plugins(), { code: 'REGISTRY_UNREACHABLE' })
  await assert.rejects(registry.fetch(listed()), { code: 'REGISTRY_UNREACHABLE' })
})

test('what speaks no HTTP is an error of its own', async (t) => {
  const { registry } = await served(t, {})
  const babble = createServer((socket) => socket.end('220 mail.example ESMTP\r\n'))
  await new Promise<void>((resolve) => void babble.listen(0, '127.0.0.1', resolve))
  t.after(() => babble.close())
  const { port } = babble.address() as { port: number }
  const other = await openRegistry(configOf(`http://127.0.0.1:${port}/`), { downloads: null, uid: 0, patience: QUICK })
  await assert.rejects(other.releases(HELLO), { code: 'REGISTRY_UNREACHABLE', message: /no HTTP/ })
  assert.ok(await registry.releases(HELLO))
})

test('what is aborted ends at once, with the reason it was aborted with, and keeps what came', async (t) => {
  const { own, server, fetchIt, parts } = await served(t)
  server.behaveOnTarballs((request, response) => {
    const bytes = fileFor(own.folder, request) as Buffer
    response.writeHead(200, { 'content-length': bytes.length })
    response.write(bytes.subarray(0, 300_000))
  })
  const end = new AbortController()
  const reason = new Error('Ctrl-C')
  const fetching = fetchIt({ signal: end.signal })
  await sleep(150)
  end.abort(reason)
  await assert.rejects(fetching, (error) => error === reason)
  assert.equal(parts().length, 1)
  await assert.rejects(fetchIt({ signal: end.signal }), (error) => error === reason)
})

test('a thousand questions at once are six at a time', async (t) => {
  const { server, registry } = await served(t, {})
  let now = 0
  let most = 0
  server.behave = (_request, response, next) => {
    most = Math.max(most, ++now)
    response.on('close', () => now--)
    setTimeout(next, 2)
  }
  const all = await Promise.all(Array.from({ length: 1000 }, () => registry.releases(HELLO)))
  assert.ok(all.every((releases) => releases?.length === 1))
  assert.ok(most <= 6, `${most}`)
})

test('a small tarball leaves nothing on the disk, not even when it breaks off', async (t) => {
  const { own, server, fetchIt, downloads } = await served(t, {})
  server.behaveOnTarballs(inTurn(cutAfter(own.folder, 10), answer(403)))
  await assert.rejects(fetchIt(), { code: 'DOWNLOAD_FAILED' })
  assert.throws(() => readdirSync(downloads), { code: 'ENOENT' })
})

test('a release of a lock file is looked up, and must still be listed with its digest', async (t) => {
  const { registry, release, own } = await served(t, {})
  const { sha256 } = release.statement
  const locked = listed({ sha256: sha256 as never, bytes: release.tarball.length })
  assert.ok((await registry.fetch(locked)).bytes.equals(release.tarball))
  await assert.rejects(registry.fetch(listed({ version: '9.0.0' })), { code: 'RELEASE_NOT_FOUND' })
  await assert.rejects(registry.fetch(listed()), { code: 'REGISTRY_MISMATCH', message: new RegExp(sha256) })
  writeFileSync(join(own.folder, 'acme-hello-1.0.0.tgz.sigstore.json'), '')
  assert.equal((await registry.fetch(locked)).bundle?.length, 0) // for the verifier to refuse
})
