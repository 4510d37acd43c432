// One image, one mounted file system: neither a running plugin nor two first runs at once may bring it to two.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { closeData, missingDataTools, openData, removeData } from '../../../src/runtime/data.ts'
import { withFolderLock } from '../../../src/runtime/folder-lock.ts'
import { compartment, compile, needsRoot, PLUGIN_UID, scratch, start } from '../../runtime/launcher/launch.ts'

const MIB = 2 ** 20
const noImages = needsRoot || (missingDataTools()[0] ?? (existsSync('/dev/loop-control') ? false : 'no loop devices'))
const skip = noImages === false ? false : String(noImages)

function place(t: TestContext) {
  const folder = join(scratch(), 'data')
  t.after(() => closeData(folder))
  const ids = { mode: 'root', uid: PLUGIN_UID, gid: PLUGIN_UID, idmap: 'direct' } as const
  return { name: 'acme/kept', folder, ids, weaker: [] }
}

function fsck(folder: string): void {
  closeData(folder)
  execFileSync('e2fsck', ['-fn', join(folder, 'image.ext4')], { stdio: ['ignore', 'ignore', 'pipe'] })
}

test('/data of a running plugin is neither grown nor removed below it', { skip }, async (t) => {
  const request = place(t)
  const keeper = compile(`
    #include <fcntl.h>
    #include <stdio.h>
    #include <unistd.h>
    int main(void) { char c; puts("in"); fflush(stdout); read(0, &c, 1);
      int fd = open("/data/kept", O_CREAT | O_WRONLY, 0600); return fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) != 0; }`)
  const data = openData({ ...request, bytes: 8 * MIB })
  const run = start({ in: compartment(keeper), set: { data }, stdio: ['pipe', 'pipe', 'pipe'] })
  await new Promise((done) => run.process.stdout?.once('data', done))
  // umount alone succeeds: the run has a mount of its own, in its own namespace.
  assert.throws(() => openData({ ...request, bytes: 32 * MIB }), { code: 'STORE_BUSY' })
  assert.throws(() => removeData(request.folder), { code: 'STORE_BUSY' })
  assert.equal(openData({ ...request, bytes: 8 * MIB }), data, 'mounted again')
  run.process.stdin?.end()
  assert.equal((await run.result).ended?.code, 0)
  assert.deepEqual(readdirSync(data), ['kept'], 'the same file system is seen inside and outside')
  openData({ ...request, bytes: 32 * MIB })
  assert.ok(readdirSync(data).includes('kept'), 'beside what e2fsck puts there')
  fsck(request.folder)
})

test('first runs at once make and mount one image', { skip }, async (t) => {
  const request = { ...place(t), bytes: 16 * MIB }
  const source = join(import.meta.dirname, '../../../src/runtime/data.ts')
  const code = `import { openData } from ${JSON.stringify(source)}; openData(${JSON.stringify(request)})`
  const ends = Array.from({ length: 6 }, () => {
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--no-warnings', '-e', code], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    return new Promise((done) => child.on('close', done))
  })
  assert.deepEqual(await Promise.all(ends), [0, 0, 0, 0, 0, 0])
  const devices = execFileSync('losetup', ['-n', '-O', 'NAME', '-j', join(request.folder, 'image.ext4')], {
    encoding: 'utf8',
  })
  assert.equal(devices.trim().split('\n').length, 1, devices)
  assert.deepEqual(readdirSync(request.folder).sort(), ['image.ext4', 'mnt'])
  fsck(request.folder)
})

const emulated = process.env.BULKHEAD_VM ? 'minutes on an emulated machine, and the same on every kernel' : false

test('a tree deeper than descriptors and paths reach is removed, and nothing that links in it lead to', {
  skip: emulated,
}, () => {
  const base = scratch()
  const folder = join(base, 'kept')
  mkdirSync(join(folder, 'files'), { recursive: true })
  writeFileSync(join(base, 'precious'), 'x')
  execFileSync('python3', ['-c', DEEP], { cwd: join(folder, 'files') })
  // Node's own rmSync needs a descriptor for each level.
  const ownRemoval = `ulimit -n 512; exec "$0" -e 'require("fs").rmSync(process.argv[1], { recursive: true })' "$1"`
  const args = ['-c', ownRemoval, process.execPath, join(folder, 'files', 'd')]
  assert.throws(() => execFileSync('/bin/sh', args, { stdio: 'pipe' }), /EMFILE|ENAMETOOLONG|Too many open files/)
  removeData(folder)
  assert.deepEqual(readdirSync(base), ['precious'])
})

const DEEP = `
import os
for i in range(20000):
    if i % 1000 == 0:
        os.symlink('../../../precious', 'link'), os.symlink('/', 'root'), os.mkfifo('fifo')
        os.makedirs('.removed-%d/full' % i)
    os.mkdir('d'), os.chdir('d')`

test('a lock left by a killed process, or by one whose pid is somebody else’s now, is taken away', () => {
  const folder = scratch()
  for (const left of ['4194304 1', `${process.pid} 1`, '']) {
    writeFileSync(join(folder, 'lock'), left)
    assert.equal(
      withFolderLock(folder, 'test', () => 'done'),
      'done',
    )
    assert.deepEqual(readdirSync(folder), [])
  }
  mkdirSync(join(folder, 'x'))
  assert.throws(() => withFolderLock(join(folder, 'x'), 'test', () => assert.fail('work')), /work/)
  assert.deepEqual(readdirSync(join(folder, 'x')), [], 'let go also after a failure')
})
