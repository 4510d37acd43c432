// /data of a plugin, kept and brought back: as an image, as a folder with a project quota, and as one without.

import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { DataRequest } from '../../../src/runtime/data/request.ts'
import { closeData, missingDataTools, openData, removeData } from '../../../src/runtime/data.ts'
import { dropSnapshot, dropSnapshots, restoreSnapshot, takeSnapshot } from '../../../src/runtime/index.ts'
import { SLOW } from '../../helpers/patience.ts'
import { compartment, compile, launcherPath, needsRoot, scratch, start } from '../launcher/launch.ts'
import { fileSystem } from './file-systems.ts'
import { attributes, listing, setAttribute } from './listing.ts'

const M = 2 ** 20
let uid = 1_910_000_000

const noImages = needsRoot || (missingDataTools()[0] ?? (existsSync('/dev/loop-control') ? false : 'no loop devices'))

/** A way to hold /data, and where the home of its test lies. */
const WAYS = {
  image: { skip: noImages === false ? false : String(noImages), weaker: [], top: () => scratch() },
  project: { skip: fileSystem('ext4').skip, weaker: [], top: () => join(fileSystem('ext4').top, `home-${++uid}`) },
  xfs: { skip: fileSystem('xfs').skip, weaker: [], top: () => join(fileSystem('xfs').top, `home-${++uid}`) },
  folder: { skip: needsRoot, weaker: ['data-quota'], top: () => scratch() },
} as const
type Way = keyof typeof WAYS

function plugin(t: TestContext, way: Way) {
  const home = WAYS[way].top()
  const data = join(home, 'data', 'acme', 'kept')
  const into = join(home, 'snapshots', 'acme', 'kept', '1.0.0-0123456789ab')
  const id = ++uid
  const ids = { mode: 'root', uid: id, gid: id, idmap: 'direct' } as const
  const request: DataRequest = { name: 'acme/kept', folder: data, bytes: 16 * M, ids, weaker: WAYS[way].weaker }
  t.after(() => {
    closeData(data)
    removeData(data)
    rmSync(home, { recursive: true, force: true })
  })
  return {
    data,
    into,
    id,
    open: (bytes = 16 * M) => openData({ ...request, bytes }),
    take: (isRunning = false) => takeSnapshot({ data, into, isRunning }),
    restore: (from: string | null = into) => restoreSnapshot({ from, data }),
  }
}

/** One of each, all of it the plugin's. */
function furnish(place: string, owner: number): void {
  writeFileSync(join(place, 'text'), 'kept')
  mkdirSync(join(place, 'empty'))
  mkdirSync(join(place, 'deep', 'deeper'), { recursive: true })
  writeFileSync(join(place, 'deep', 'deeper', 'new\nline\u001b[31m'), 'x')
  writeFileSync(join(place, 'private'), 'secret')
  linkSync(join(place, 'private'), join(place, 'deep', 'again'))
  linkSync(join(place, 'private'), join(place, 'once more'))
  symlinkSync('/etc/shadow', join(place, 'link'))
  const fd = openSync(join(place, 'sparse'), 'w')
  ftruncateSync(fd, 8 * M)
  writeSync(fd, 'in the middle', 4 * M)
  closeSync(fd)
  execFileSync('mkfifo', [join(place, 'fifo')])
  setAttribute(join(place, 'text'), 'user.colour', 'blue')
  setAttribute(join(place, 'empty'), 'user.colour', 'red')
  execFileSync('chown', ['-hR', `${owner}:${owner}`, place])
  chmodSync(join(place, 'private'), 0o4711)
  chmodSync(join(place, 'empty'), 0o000)
  for (const name of ['text', 'deep', 'private']) utimesSync(join(place, name), 1_000_000_000, 1_000_000_123)
}

const blocksOf = (path: string): number => statSync(path).blocks * 512

for (const way of Object.keys(WAYS) as Way[]) {
  const { skip } = WAYS[way]

  test(`${way}: what was kept comes back as it was, and nothing that came after it`, { skip }, async (t) => {
    const { data, open, take, restore, id, into } = plugin(t, way)
    const place = open()
    furnish(place, id)
    const before = listing(place)
    const colours = ['text', 'empty'].map((name) => attributes(join(place, name)))
    // On tmpfs there are none before Linux 6.6.
    if (way !== 'folder') assert.match(colours.join(), /blue.*red/)
    const found = await take()
    assert.equal(found?.isLive, false)
    assert.ok((found?.bytes ?? 0) > 0)
    assert.equal(statSync(dirname(into)).mode & 0o777, 0o700)
    assert.equal(statSync(into).mode & 0o777, 0o700)
    assert.deepEqual(readdirSync(dirname(into)), ['1.0.0-0123456789ab'], 'nothing half-made is left')

    writeFileSync(join(place, 'text'), 'changed by the next version')
    rmSync(join(place, 'deep'), { recursive: true })
    writeFileSync(join(place, 'later'), 'x')
    await restore()
    const again = open()
    assert.equal(again, place)
    assert.deepEqual(listing(again), before)
    assert.deepEqual(
      ['text', 'empty'].map((name) => attributes(join(again, name))),
      colours,
    )
    assert.ok(blocksOf(join(again, 'sparse')) < M, 'what is sparse stays so')
    const { ino } = statSync(join(again, 'private'))
    assert.equal(statSync(join(again, 'deep', 'again')).ino, ino, 'names of one file stay names of one file')
    assert.deepEqual(
      readdirSync(data).filter((name) => name.endsWith('.restored')),
      [],
    )
    await restore()
    assert.deepEqual(listing(open()), before, 'and it can be done again')
  })

  test(`${way}: a quota holds what came back as it held what was there`, {
    skip: skip || way === 'folder',
  }, async (t) => {
    const { open, take, restore, id } = plugin(t, way)
    furnish(open(), id)
    await take()
    await restore()
    const place = open()
    const filler = compile(`
      #include <errno.h>
      #include <fcntl.h>
      #include <stdio.h>
      #include <string.h>
      #include <unistd.h>
      int main(void) { static char chunk[65536]; long n = 0, got; int fd = open("/data/big", O_CREAT | O_WRONLY, 0600);
        while (fd >= 0 && (got = write(fd, chunk, sizeof chunk)) > 0) n += got;
        printf("%ld %s", n, errno == EDQUOT || errno == ENOSPC ? "full" : strerror(errno)); return 0; }`)
    const set = { uid: id, gid: id, data: place, 'data-bytes': 16 * M, 'file-size-bytes': 64 * M }
    const { stdout } = await start({ in: compartment(filler), set }).result
    assert.match(stdout, /full$/)
    assert.ok(Number(stdout.split(' ')[0]) <= 16 * M * 1.06, stdout)
  })

  test(`${way}: where nothing was kept, what came after goes away`, { skip }, async (t) => {
    const { data, open, take, restore, into } = plugin(t, way)
    assert.equal(await take(), null)
    assert.equal(existsSync(into), false)
    writeFileSync(join(open(), 'later'), 'x')
    await restore(null)
    assert.equal(existsSync(data), false)
    await restore(null)
  })

  test(`${way}: a second snapshot takes the place of the first`, { skip }, async (t) => {
    const { open, take, restore, into } = plugin(t, way)
    writeFileSync(join(open(), 'a'), 'first')
    await take()
    writeFileSync(join(open(), 'a'), 'second')
    await take()
    assert.deepEqual(readdirSync(dirname(into)), ['1.0.0-0123456789ab'])
    writeFileSync(join(open(), 'a'), 'third')
    await restore()
    assert.equal(readFileSync(join(open(), 'a'), 'utf8'), 'second')
  })

  test(`${way}: killed at any moment, it can be done again and ends the same`, { skip }, async (t) => {
    const { data, open, take, restore, id, into } = plugin(t, way)
    furnish(open(), id)
    const before = listing(open())
    await take()
    const source = join(import.meta.dirname, '../../../src/runtime/index.ts')
    // On an emulated machine each round takes a quarter of a minute.
    for (let ms = 60 * SLOW; ms < 1_500 * SLOW; ms = Math.ceil(ms * (SLOW > 1 ? 2 : 1.25))) {
      writeFileSync(join(open(), 'later'), `${ms}`)
      closeData(data)
      const code = `import { restoreSnapshot } from ${JSON.stringify(source)}
        await restoreSnapshot(${JSON.stringify({ from: into, data })})`
      const child = spawn(process.execPath, ['--input-type=module-typescript', '--no-warnings', '-e', code])
      const timer = setTimeout(() => child.kill('SIGKILL'), ms)
      const status = await new Promise((done) => child.on('close', done))
      clearTimeout(timer)
      await restore()
      assert.deepEqual(listing(open()), before, `killed after ${ms} ms`)
      assert.deepEqual(
        readdirSync(data).filter((name) => name.endsWith('.restored')),
        [],
      )
      if (status === 0) break
    }
  })

  test(`${way}: a snapshot is dropped, and dropped again`, { skip }, async (t) => {
    const { open, take, into, id } = plugin(t, way)
    furnish(open(), id)
    await take()
    cpSync(into, `${into}.new`, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('fifo') })
    dropSnapshot(into)
    assert.equal(existsSync(dirname(into)), false, 'nor what an interrupted one has left')
    dropSnapshot(into)
    await take()
    dropSnapshots(dirname(into))
    assert.equal(existsSync(dirname(into)), false)
    dropSnapshots(dirname(into))
  })
}

test('an image is whole: nothing has to be repaired in a copy of it, mounted or not', {
  skip: WAYS.image.skip,
}, async (t) => {
  const { data, open, take, into, id } = plugin(t, 'image')
  furnish(open(), id)
  const check = () => spawnSync('e2fsck', ['-fn', join(into, 'image.ext4')], { encoding: 'utf8' })
  await take()
  assert.deepEqual([check().status, /not cleanly unmounted|recover/.test(check().stdout)], [0, false], check().stdout)
  closeData(data)
  await take()
  assert.equal(check().status, 0)
  assert.ok(blocksOf(join(into, 'image.ext4')) < 16 * M, 'and as sparse as it was')
  assert.equal(blocksOf(join(into, 'image.ext4')) <= blocksOf(join(data, 'image.ext4')) + M, true)
})

/** Writes to /data without end, and says so when it has begun. */
const writer = needsRoot
  ? ''
  : compile(`
    #include <fcntl.h>
    #include <stdio.h>
    #include <unistd.h>
    int main(void) { char name[32]; static char page[4096]; puts("up"); fflush(stdout);
      for (int i = 0;; i = (i + 1) % 20) { sprintf(name, "/data/%d", i); int fd = open(name, O_CREAT | O_WRONLY, 0600);
        if (fd < 0 || write(fd, page, sizeof page) < 0) return 1; close(fd); } }`)

async function running(t: TestContext, place: string, id: number) {
  const run = start({
    in: compartment(writer),
    set: { uid: id, gid: id, data: place },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  t.after(() => run.process.kill('SIGKILL'))
  await new Promise((done) => run.process.stdout?.once('data', done))
  return run
}

test('a running plugin stands still while its image is copied, and goes on', { skip: WAYS.image.skip }, async (t) => {
  const { open, take, restore, id, into } = plugin(t, 'image')
  const place = open()
  const run = await running(t, place, id)
  const found = await take(true)
  assert.equal(found?.isLive, true)
  const { status, stdout } = spawnSync('e2fsck', ['-fn', join(into, 'image.ext4')], { encoding: 'utf8' })
  assert.equal(status, 0, stdout)
  const { mtimeMs } = statSync(join(place, '0'))
  for (const end = Date.now() + 10_000 * SLOW; statSync(join(place, '0')).mtimeMs === mtimeMs; ) {
    assert.ok(Date.now() < end, 'it writes again')
    await new Promise((done) => setTimeout(done, 20))
  }
  await assert.rejects(restore(), { code: 'STORE_BUSY', message: /while the plugin runs/ })
  run.process.kill('SIGTERM')
  await run.result
  await restore()
})

for (const way of ['project', 'folder'] as const) {
  test(`${way}: folders of a running plugin are copied file by file, and not brought back below it`, {
    skip: WAYS[way].skip,
  }, async (t) => {
    const { open, take, restore, id, into } = plugin(t, way)
    const place = open()
    writeFileSync(join(place, 'steady'), 'x')
    chownSync(join(place, 'steady'), id, id)
    const run = await running(t, place, id)
    assert.equal((await take(true))?.isLive, true)
    const [part = ''] = readdirSync(into)
    assert.equal(readFileSync(join(into, part, 'steady'), 'utf8'), 'x')
    await assert.rejects(restore(), { code: 'STORE_BUSY' })
    run.process.kill('SIGTERM')
    await run.result
    await restore()
    assert.equal(lstatSync(join(open(), 'steady')).uid, id)
  })
}

test('whoever freezes an image and is killed leaves it thawed', { skip: WAYS.image.skip }, async (t) => {
  const { data, open, into } = plugin(t, 'image')
  const place = open(1024 * M)
  execFileSync('dd', ['if=/dev/urandom', `of=${join(place, 'big')}`, 'bs=1M', 'count=400', 'status=none'])
  mkdirSync(into, { recursive: true })
  const args = ['--copy', join(data, 'image.ext4'), join(into, 'x'), `${2 ** 40}`, '--frozen', place]
  for (const signal of ['SIGKILL', 'SIGINT', 'SIGTERM'] as const) {
    rmSync(join(into, 'x'), { force: true })
    const child = spawn(launcherPath(), args, { stdio: 'ignore' })
    while (!existsSync(join(into, 'x'))) await new Promise((done) => setTimeout(done, 1))
    child.kill(signal)
    const [status, by] = await new Promise<unknown[]>((done) => child.on('close', (...how) => done(how)))
    assert.deepEqual([status, by], [null, signal], 'killed while it copied')
    const { status: wrote } = spawnSync('touch', [join(place, signal)], { timeout: 20_000 * SLOW })
    assert.equal(wrote, 0, `${signal}: what is frozen lets nobody write`)
  }
})

const sharing = noImages || (existsSync('/usr/sbin/mkfs.xfs') ? false : 'there is no mkfs.xfs (Debian: xfsprogs)')

test('where the file system can, a snapshot takes no room of its own', {
  skip: sharing === false ? false : String(sharing),
}, async (t) => {
  const home = scratch()
  const top = join(home, 'xfs')
  mkdirSync(top)
  execFileSync('truncate', ['-s', '600M', `${top}.img`])
  execFileSync('/usr/sbin/mkfs.xfs', ['-q', '-m', 'reflink=1', `${top}.img`])
  const mounted = spawnSync('mount', ['-t', 'xfs', '-o', 'loop', `${top}.img`, top], { encoding: 'utf8' })
  if (mounted.status !== 0) return t.skip(mounted.stderr.trim())
  const data = join(top, 'data', 'acme', 'kept')
  t.after(() => {
    removeData(data)
    execFileSync('umount', [top])
  })
  const id = ++uid
  const ids = { mode: 'root', uid: id, gid: id, idmap: 'direct' } as const
  const used = () => {
    execFileSync('sync', ['-f', top])
    const { bsize, blocks, bfree } = statfsSync(top)
    return (blocks - bfree) * bsize
  }
  for (const weaker of [[], ['data-quota']]) {
    const into = join(top, 'snapshots', 'acme', 'kept', `${weaker.length}`)
    const place = openData({ name: 'acme/kept', folder: data, bytes: 128 * M, ids, weaker })
    execFileSync('dd', [
      'if=/dev/urandom',
      `of=${join(place, 'big')}`,
      'bs=1M',
      'count=64',
      'status=none',
      'conv=fsync',
    ])
    const before = used()
    const found = await takeSnapshot({ data, into, isRunning: false })
    assert.ok((found?.bytes ?? 0) >= 64 * M)
    assert.ok(used() - before < 8 * M, `${(used() - before) / M} MiB`)
    await restoreSnapshot({ from: into, data })
    assert.ok(used() - before < 16 * M, `${(used() - before) / M} MiB`)
  }
})

test('nothing is frozen where nothing is mounted', { skip: needsRoot }, () => {
  const folder = scratch()
  mkdirSync(join(folder, 'mnt'))
  writeFileSync(join(folder, 'image'), 'x')
  const args = ['--copy', join(folder, 'image'), join(folder, 'copy'), '100', '--frozen', join(folder, 'mnt')]
  const { status, stderr } = spawnSync(launcherPath(), args, { encoding: 'utf8' })
  assert.deepEqual([status, existsSync(join(folder, 'copy'))], [125, false])
  assert.match(stderr, /cannot freeze .*: nothing is mounted there/)
})

test('a copy that would take more than there is room for is refused and leaves nothing', {
  skip: needsRoot,
}, async (t) => {
  const small = join(scratch(), 'small')
  mkdirSync(small)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', small])
  t.after(() => void spawnSync('umount', ['-l', small]))
  const data = join(scratch(), 'acme', 'kept')
  mkdirSync(join(data, 'files'), { recursive: true })
  writeFileSync(join(data, 'files', 'big'), Buffer.alloc(32 * M, 1))
  const into = join(small, 'acme', 'kept', '1')
  const message = /^cannot keep \/data of acme\/kept: there is no room for it: it takes more than the \d+ bytes/
  await assert.rejects(takeSnapshot({ data, into, isRunning: false }), { code: 'DISK_FAILED', message, hint: /df/ })
  assert.deepEqual(readdirSync(dirname(into)), [])
})

test('a snapshot that is not there is no reason to take away what is', { skip: needsRoot }, async (t) => {
  const { open, restore } = plugin(t, 'folder')
  writeFileSync(join(open(), 'kept'), 'x')
  await assert.rejects(restore(join(scratch(), 'nowhere')), { code: 'DISK_FAILED', message: /there is no snapshot in/ })
  assert.equal(existsSync(join(open(), 'kept')), true)
})
