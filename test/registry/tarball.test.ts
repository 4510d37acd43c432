import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { sha256, sha512 } from '../../src/core/digest.ts'
import type { PluginName } from '../../src/core/name.ts'
import { BUNDLE_MAX_BYTES, fetchTarball, writeTarball } from '../../src/registry/index.ts'

let dir: string
let tarball: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'bulkhead-tarball-'))
  tarball = join(dir, 'x.tgz')
  writeFileSync(tarball, 'bytes of a tarball')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

test('reads the bytes once, with both digests', async () => {
  const staged = await fetchTarball(tarball)
  writeFileSync(tarball, 'exchanged afterwards')
  assert.equal(staged.bytes.toString(), 'bytes of a tarball')
  assert.equal(staged.sha256, sha256('bytes of a tarball'))
  assert.equal(staged.sha512, sha512('bytes of a tarball'))
  assert.equal(staged.source, tarball)
})

suite('the bundle beside it', () => {
  test('is read as it is', async () => {
    writeFileSync(`${tarball}.sigstore.json`, '{ "raw": "bytes" }\n')
    assert.equal((await fetchTarball(tarball)).bundle?.toString(), '{ "raw": "bytes" }\n')
  })

  test('may have a line for each signer', async () => {
    writeFileSync(`${tarball}.sigstore.jsonl`, '{}\n{}\n')
    assert.equal((await fetchTarball(tarball)).bundle?.toString(), '{}\n{}\n')
  })

  test('is null when there is none', async () => {
    assert.equal((await fetchTarball(tarball)).bundle, null)
  })

  test('is refused when there are two, since one would go unread', async () => {
    writeFileSync(`${tarball}.sigstore.json`, '{}')
    writeFileSync(`${tarball}.sigstore.jsonl`, '{}')
    await assert.rejects(fetchTarball(tarball), { code: 'FILE_UNREADABLE', message: /which bundle/ })
  })

  test('that cannot be read is an error, never "unsigned"', async () => {
    mkdirSync(`${tarball}.sigstore.json`)
    await assert.rejects(fetchTarball(tarball), { code: 'FILE_UNREADABLE', message: /not a regular file/ })
  })

  test('that is a link is an error', async () => {
    symlinkSync('/nowhere', `${tarball}.sigstore.json`)
    await assert.rejects(fetchTarball(tarball), { code: 'FILE_UNREADABLE', message: /symbolic link/ })
  })

  test('that nobody may read is an error', {
    skip: process.geteuid?.() === 0 && 'root may read everything',
  }, async () => {
    writeFileSync(`${tarball}.sigstore.json`, '{}')
    chmodSync(`${tarball}.sigstore.json`, 0)
    await assert.rejects(fetchTarball(tarball), { code: 'FILE_UNREADABLE', message: /EACCES/ })
  })

  test('beyond its bound is malformed', async () => {
    writeFileSync(`${tarball}.sigstore.json`, '')
    truncateSync(`${tarball}.sigstore.json`, BUNDLE_MAX_BYTES + 1)
    await assert.rejects(fetchTarball(tarball), { code: 'BUNDLE_MALFORMED' })
  })
})

suite('refuses to read', () => {
  test('a tarball that is not there', async () => {
    await assert.rejects(fetchTarball(join(dir, 'no.tgz')), { code: 'FILE_UNREADABLE', message: /no such file/ })
  })

  test('below a file that is no folder', async () => {
    await assert.rejects(fetchTarball(join(tarball, 'x.tgz')), { code: 'FILE_UNREADABLE' })
  })

  test('a symbolic link', async () => {
    symlinkSync('x.tgz', join(dir, 'link.tgz'))
    await assert.rejects(fetchTarball(join(dir, 'link.tgz')), { code: 'FILE_UNREADABLE', message: /symbolic link/ })
  })

  test('a folder', async () => {
    await assert.rejects(fetchTarball(dir), { code: 'FILE_UNREADABLE', message: /not a regular file/ })
  })

  test('a FIFO, without waiting for a writer', async () => {
    execFileSync('mkfifo', [join(dir, 'pipe.tgz')])
    await assert.rejects(fetchTarball(join(dir, 'pipe.tgz')), {
      code: 'FILE_UNREADABLE',
      message: /not a regular file/,
    })
  })

  test('a device that never ends', async () => {
    await assert.rejects(fetchTarball('/dev/zero'), { code: 'FILE_UNREADABLE', message: /not a regular file/ })
  })

  test('more than the bound, before reading it', async () => {
    truncateSync(tarball, 2 ** 40)
    await assert.rejects(fetchTarball(tarball, { tarballBytes: 1000 }), { code: 'ARCHIVE_TOO_LARGE' })
  })

  test('a file that grows while it is read', async () => {
    truncateSync(tarball, 64 * 2 ** 20)
    const writer = await open(tarball, 'a')
    let isReading = true
    const growing = (async () => {
      while (isReading) await writer.write('x'.repeat(4096))
    })()
    try {
      await assert.rejects(fetchTarball(tarball), { code: 'FILE_UNREADABLE', message: /changed while it was read/ })
    } finally {
      isReading = false
      await growing
      await writer.close()
    }
  })

  test('a file of /proc, whose size is not what it holds', async () => {
    await assert.rejects(fetchTarball('/proc/self/status'), { code: 'FILE_UNREADABLE', message: /changed/ })
  })
})

suite('writing a tarball', () => {
  const packed = { name: 'acme/hello' as PluginName, version: '1.0.0', bytes: Buffer.from('packed') }

  test('makes the folder and names the file after the release', async () => {
    const path = await writeTarball(join(dir, 'dist'), packed)
    assert.equal(path, join(dir, 'dist', 'acme-hello-1.0.0.tgz'))
    assert.equal(readFileSync(path, 'utf8'), 'packed')
    assert.equal(statSync(path).nlink, 1)
    assert.deepEqual(readdirSync(join(dir, 'dist')), ['acme-hello-1.0.0.tgz'])
  })

  test('again with the same bytes does nothing', async () => {
    const path = await writeTarball(dir, packed)
    const { ino } = statSync(path)
    assert.equal(await writeTarball(dir, packed), path)
    assert.equal(statSync(path).ino, ino)
  })

  test('never replaces other bytes, longer, shorter or of the same length', async () => {
    for (const bytes of ['pucked', 'packed more', 'p', '']) {
      writeFileSync(join(dir, 'acme-hello-1.0.0.tgz'), bytes)
      await assert.rejects(writeTarball(dir, packed), { code: 'FILE_EXISTS' })
      assert.equal(readFileSync(join(dir, 'acme-hello-1.0.0.tgz'), 'utf8'), bytes)
    }
    assert.deepEqual(readdirSync(dir).sort(), ['acme-hello-1.0.0.tgz', 'x.tgz'], 'no draft is left')
  })

  test('does not write through a link', async () => {
    symlinkSync(join(dir, 'elsewhere'), join(dir, 'acme-hello-1.0.0.tgz'))
    await assert.rejects(writeTarball(dir, packed), { code: 'FILE_UNREADABLE', message: /symbolic link/ })
    assert.deepEqual(readdirSync(dir).sort(), ['acme-hello-1.0.0.tgz', 'x.tgz'])
  })

  test('into something that is no folder names it', async () => {
    await assert.rejects(writeTarball(tarball, packed), { code: 'DISK_FAILED', message: /^cannot write/ })
  })

  test('of two at once, both see the same file', async () => {
    const other = { ...packed, bytes: Buffer.from('other!') }
    const results = await Promise.allSettled([writeTarball(dir, packed), writeTarball(dir, other)])
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  })
})
