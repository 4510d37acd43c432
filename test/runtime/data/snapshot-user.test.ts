// An ordinary user keeps and brings back what a plugin keeps, though it belongs to an id of the plugin's own and is closed.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { lackOfFuse } from '../../../src/runtime/data/mounting.ts'
import { compile, scratch } from '../launcher/launch.ts'
import { runAs } from '../launcher/user.ts'
import { asUser, call, readable, user } from './as-user.ts'
import { listing } from './listing.ts'

const noFuse = whyNoFuse()
function whyNoFuse(): string | false {
  if (readable !== false || typeof user === 'string') return String(readable || user)
  const lack = lackOfFuse({ uid: user.uid })
  if (lack !== null) return lack.reason
  return asUser(['test', '-w', '/dev/fuse']).status === 0 ? false : 'users may not open /dev/fuse'
}

/** Makes closed folders and a file; `later`: something else. */
const program =
  readable !== false
    ? ''
    : compile(`
    #include <fcntl.h>
    #include <stdio.h>
    #include <sys/stat.h>
    #include <unistd.h>
    int main(int c, char **v) {
      if (chdir("/data")) return 1;
      if (c > 1) { close(open("later", O_CREAT | O_WRONLY, 0600)); puts("later"); return unlink("file"); }
      mkdir("closed", 0700); int fd = open("closed/file", O_CREAT | O_WRONLY, 0600); write(fd, "kept", 4); close(fd);
      link("closed/file", "file"); symlink("/etc/shadow", "closed/link"); chmod("closed", 0); puts("kept"); return 0; }`)

function plugin(t: TestContext, weaker: readonly string[]) {
  const { uid, sub } = user as { uid: number; sub: number }
  const home = scratch()
  const data = join(home, 'data', 'acme', 'kept')
  const into = join(home, 'snapshots', 'acme', 'kept', '1')
  for (const folder of [data, dirname(into)]) mkdirSync(folder, { recursive: true })
  spawnSync('chown', ['-R', `${uid}:${uid}`, join(home, 'data'), join(home, 'snapshots')])
  t.after(() => call('removeData', data))
  const ids = { mode: 'user', uid: sub + 11, gid: sub + 11, idmap: 'helper' }
  const request = { name: 'acme/kept', folder: data, bytes: 2 ** 23, ids, weaker, caller: { uid } }
  const set = { uid: ids.uid, gid: ids.gid, idmap: 'helper' }
  const run = (...args: string[]) =>
    runAs(uid, { ...set, data: call('openData', request) }, ['memory', 'processes'], program, { args }).stdout
  return { data, into, run, uid, id: ids.uid }
}

test('folders: kept, brought back as they were, and dropped', { skip: readable }, (t) => {
  const { data, into, run, uid, id } = plugin(t, ['data-quota'])
  assert.equal(run(), 'kept\n')
  const before = listing(join(data, 'files'))
  assert.match(call('takeSnapshot', { data, into, isRunning: false }), /isLive: false/)
  assert.deepEqual(listing(join(into, 'files')), before)
  assert.equal(statSync(into).uid, uid)
  assert.equal(run('later'), 'later\n')
  assert.equal(call('restoreSnapshot', { from: into, data }), 'done')
  assert.deepEqual(listing(join(data, 'files')), before)
  assert.equal(statSync(join(data, 'files', 'closed')).uid, id)
  assert.deepEqual(readdirSync(data), ['files'])
  assert.equal(run('later'), 'later\n', 'the plugin is at home in it')
  assert.equal(call('dropSnapshot', into), 'done')
  assert.equal(existsSync(into), false)
  assert.equal(call('restoreSnapshot', { from: null, data }), 'done')
  assert.equal(existsSync(data), false)
})

test('an image that fuse2fs serves: kept and brought back', { skip: noFuse }, (t) => {
  const { data, into, run } = plugin(t, [])
  assert.equal(run(), 'kept\n')
  assert.match(call('takeSnapshot', { data, into, isRunning: false }), /isLive: false/)
  assert.equal(spawnSync('e2fsck', ['-fn', join(into, 'image.ext4')]).status, 0)
  assert.equal(run('later'), 'later\n')
  assert.equal(call('restoreSnapshot', { from: into, data }), 'done')
  assert.equal(run('later'), 'later\n', 'what was kept is there to be removed again')
})
