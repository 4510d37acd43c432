import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { closeData, dataPlace, missingDataTools, openData, removeData } from '../../src/runtime/data.ts'

const M = 2 ** 20
const ROOT = { mode: 'root', uid: 1_900_000_001, gid: 1_900_000_001, idmap: 'direct' } as const
const USER = { mode: 'user', uid: 100_001, gid: 100_001, idmap: 'helper' } as const
/** For whom no set-user-id program mounts anything. */
const caller = { uid: 1000, noNewPrivileges: true }

const skip = cannotMount()
function cannotMount(): string | false {
  if (process.geteuid?.() !== 0) return 'not root: no file system can be mounted'
  const [tool] = missingDataTools()
  if (tool) return `there is no ${tool} on this host`
  return existsSync('/dev/loop-control') ? false : 'there are no loop devices on this host'
}

function plugin(t: TestContext) {
  const home = mkdtempSync(join(tmpdir(), 'bulkhead-data-'))
  const folder = join(home, 'acme', 'kept')
  t.after(() => {
    closeData(folder)
    rmSync(home, { recursive: true, force: true })
  })
  const request = { name: 'acme/kept', folder, ids: ROOT, weaker: [] as string[] }
  return { folder, open: (bytes: number, rest = {}) => openData({ ...request, bytes, ...rest }), request }
}

function fill(path: string): { bytes: number; code: string } {
  const fd = openSync(path, 'wx')
  const chunk = Buffer.alloc(65_536, 1)
  let bytes = 0
  try {
    for (;;) bytes += writeSync(fd, chunk)
  } catch (error) {
    return { bytes, code: (error as NodeJS.ErrnoException).code ?? '' }
  } finally {
    closeSync(fd)
  }
}

for (const bytes of [M, 8 * M, 64 * M]) {
  test(`the kernel ends writing at ${bytes / M} MiB, within 6 %`, { skip }, (t) => {
    const place = plugin(t).open(bytes)
    const filled = fill(join(place, 'big'))
    assert.equal(filled.code, 'ENOSPC')
    const ratio = filled.bytes / bytes
    assert.ok(ratio >= 1 - 65_536 / bytes && ratio <= 1.06 + M / 8 / bytes, `${ratio} of the limit`)
  })
}

test('the kernel ends making files as well', { skip }, (t) => {
  const place = plugin(t).open(M)
  let files = 0
  assert.throws(
    () => {
      for (; files < 100_000; files++) writeFileSync(join(place, `${files}`), '')
    },
    { code: 'ENOSPC' },
  )
  assert.ok(files > 50 && files < 200, `${files} files`)
})

test('it belongs to the plugin, is empty, and may hold neither programs nor devices', { skip }, (t) => {
  const place = plugin(t).open(4 * M)
  const { uid, gid, mode } = statSync(place)
  assert.deepEqual({ uid, gid, mode: mode & 0o7777 }, { uid: ROOT.uid, gid: ROOT.gid, mode: 0o700 })
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((one) => one.includes(` ${place} `))
  assert.match(line ?? '', /nosuid,nodev,noexec/)
  assert.equal(execFileSync('ls', ['-A', place], { encoding: 'utf8' }), '')
})

test('opening it again finds it mounted and changes nothing', { skip }, (t) => {
  const { open, folder } = plugin(t)
  const place = open(4 * M)
  writeFileSync(join(place, 'kept'), 'yes')
  assert.equal(open(4 * M), place)
  closeData(folder)
  assert.equal(existsSync(join(place, 'kept')), false)
  open(4 * M)
  assert.equal(readFileSync(join(place, 'kept'), 'utf8'), 'yes')
})

test('a larger limit makes it larger and keeps what is in it', { skip }, (t) => {
  const { open } = plugin(t)
  const place = open(4 * M)
  writeFileSync(join(place, 'kept'), 'yes')
  open(16 * M)
  assert.equal(readFileSync(join(place, 'kept'), 'utf8'), 'yes')
  const { bytes } = fill(join(place, 'big'))
  assert.ok(bytes > 15 * M && bytes < 17.5 * M, `${bytes / M} MiB`)
})

test('it cannot be made larger while somebody uses it', { skip }, (t) => {
  const { open } = plugin(t)
  const fd = openSync(join(open(4 * M), 'held'), 'w')
  try {
    assert.throws(() => open(16 * M), { code: 'STORE_BUSY', message: /^cannot grow \/data of acme\/kept/ })
  } finally {
    closeSync(fd)
  }
})

test('a smaller limit is refused with the way out', { skip }, (t) => {
  const { open } = plugin(t)
  open(16 * M)
  assert.throws(() => open(4 * M), { code: 'DATA_SHRINK_REFUSED', hint: /--purge/ })
})

test('the image takes only the room that is used', { skip }, (t) => {
  const { open, folder } = plugin(t)
  open(256 * M)
  const { size, blocks } = statSync(join(folder, 'image.ext4'))
  assert.ok(size > 256 * M)
  assert.ok(blocks * 512 < 16 * M, `${(blocks * 512) / M} MiB on disk`)
})

test('removing it leaves nothing, and follows no link that the plugin made', { skip }, (t) => {
  const { open, folder } = plugin(t)
  const outside = join(folder, '..', 'precious')
  const place = open(4 * M)
  writeFileSync(outside, 'x')
  symlinkSync(outside, join(place, 'link'))
  removeData(folder)
  assert.equal(existsSync(folder), false)
  assert.equal(existsSync(outside), true)
  removeData(folder)
})

test('an ordinary user is refused, unless the quota is weakened by name', (t) => {
  const { open } = plugin(t)
  assert.throws(() => open(M, { ids: USER, caller }), { code: 'DATA_QUOTA_UNAVAILABLE', hint: /--weaker data-quota/ })
  const place = open(M, { ids: USER, weaker: ['data-quota'] })
  assert.ok(statSync(place).isDirectory())
  assert.equal(open(M, { ids: USER, weaker: ['data-quota'] }), place)
  assert.equal(statSync(place).mode & 0o777, 0o777, 'the plugin’s id is another than the user’s')
})

test('where it will be is known without making it', (t) => {
  const { request, folder } = plugin(t)
  assert.equal(dataPlace({ ...request, bytes: M }), join(folder, 'mnt'))
  assert.throws(() => dataPlace({ ...request, bytes: M, ids: USER, caller }), { code: 'DATA_QUOTA_UNAVAILABLE' })
  assert.equal(existsSync(folder), false)
})
