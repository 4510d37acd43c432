// /data of an ordinary user by fuse2fs: an image of a size of its own, mounted once, seen by a plugin with an id of its own.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { lackOfFuse } from '../../../src/runtime/data/mounting.ts'
import { compile, scratch } from '../launcher/launch.ts'
import { runAs } from '../launcher/user.ts'
import { asUser, call, readable, user } from './as-user.ts'

const M = 2 ** 20

const skip = whyNot()
function whyNot(): string | false {
  if (typeof user === 'string') return user
  const lack = lackOfFuse({ uid: user.uid })
  if (lack !== null) return lack.reason
  return asUser(['test', '-w', '/dev/fuse']).status === 0 ? readable : 'users may not open /dev/fuse'
}

function plugin(t: TestContext) {
  const { uid, sub } = user as { uid: number; sub: number }
  const base = scratch()
  const folder = join(base, 'data', 'acme', 'kept')
  mkdirSync(folder, { recursive: true })
  spawnSync('chown', ['-R', `${uid}:${uid}`, join(base, 'data')])
  t.after(() => call('removeData', folder))
  const ids = { mode: 'user', uid: sub + 7, gid: sub + 7, idmap: 'helper' }
  const open = (bytes: number) =>
    call('openData', { name: 'acme/kept', folder, bytes, ids, weaker: [], caller: { uid } })
  const run = (program: string, data: string, args: string[] = []) =>
    runAs(
      uid,
      { uid: sub + 7, gid: sub + 7, idmap: 'helper', data, 'data-bytes': 8 * M },
      ['memory', 'processes'],
      program,
      {
        args,
      },
    )
  return { folder, open, run }
}

const program = skip
  ? ''
  : compile(`
    #include <errno.h>
    #include <fcntl.h>
    #include <stdio.h>
    #include <string.h>
    #include <sys/stat.h>
    #include <unistd.h>
    int main(int c, char **v) {
      static char chunk[65536]; long n = 0, got; char name[64];
      struct stat s;
      if (stat("/data", &s) || s.st_uid != 1000 || (s.st_mode & 07777) != 0700) { puts("not mine"); return 1; }
      int fd = v[1][0] == 'b' ? open("/data/big", O_CREAT | O_WRONLY, 0600) : -1;
      for (;; n += got) {
        if (fd >= 0) got = write(fd, chunk, sizeof chunk);
        else { sprintf(name, "/data/%ld", n); int f = open(name, O_CREAT | O_WRONLY, 0600); got = f < 0 ? -1 : 1; if (f >= 0) close(f); }
        if (got < 0) break;
      }
      printf("%ld %s", n, errno == ENOSPC ? "ENOSPC" : strerror(errno));
      return 0; }`)

test('a plugin of an ordinary user meets the end of its image, in bytes', { skip }, (t) => {
  const { open, run, folder } = plugin(t)
  const data = open(8 * M)
  assert.equal(data, join(folder, 'mnt'))
  assert.equal(open(8 * M), data, 'mounted once')
  const { stdout, stderr, ended } = run(program, data, ['bytes'])
  const [count = '', why] = stdout.split(' ')
  assert.equal(why, 'ENOSPC', stdout + stderr)
  assert.ok(Number(count) >= 8 * M - 65_536 && Number(count) <= 8 * M * 1.08, `${Number(count) / M} MiB`)
  assert.equal(ended?.limitsMet.includes('data'), true, JSON.stringify(ended))
  assert.ok((ended?.usage.dataBytes ?? 0) >= 8 * M - 65_536)
})

test('and in files', { skip }, (t) => {
  const { open, run } = plugin(t)
  const [count = '', why] = run(program, open(M), ['files']).stdout.split(' ')
  assert.equal(why, 'ENOSPC')
  assert.ok(Number(count) > 50 && Number(count) < 200, count)
})

test('what it kept outlives the process that served it, and a larger limit', { skip }, (t) => {
  const { open, run, folder } = plugin(t)
  const data = open(4 * M)
  run(program, data, ['files'])
  const kept = Number(spawnSync('sh', ['-c', `ls ${data} | wc -l`], { encoding: 'utf8' }).stdout)
  assert.ok(kept > 100)
  for (const pid of serversOf(folder)) process.kill(pid, 'SIGKILL')
  assert.equal(open(16 * M), data)
  assert.equal(readdirSync(data).length, kept)
  assert.equal(call('removeData', folder), 'done')
  assert.equal(existsSync(folder), false)
  assert.deepEqual(serversOf(folder), [])
})

test('it is not taken away while a plugin uses it', { skip }, async (t) => {
  const { open, folder } = plugin(t)
  const data = open(8 * M)
  // A mount of somebody else's, in another namespace, as a run has one.
  const elsewhere = scratch()
  const script = `mount --bind ${data} ${elsewhere} && umount ${data} && echo up && exec sleep 60`
  const child = spawn('unshare', ['--mount', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await new Promise((done) => child.stdout.once('data', done))
  assert.match(call('removeData', folder), /^STORE_BUSY cannot remove .* while the plugin runs$/)
  assert.match(open(16 * M), /^STORE_BUSY cannot grow/)
  assert.equal(open(8 * M), data)
  child.kill('SIGKILL')
  await new Promise((done) => child.once('close', done))
  assert.equal(open(16 * M), data)
})

function serversOf(folder: string): number[] {
  const found = spawnSync('pgrep', ['-f', `^/usr/bin/fuse2fs ${folder}/`], { encoding: 'utf8' }).stdout
  return found.split('\n').filter(Boolean).map(Number)
}
