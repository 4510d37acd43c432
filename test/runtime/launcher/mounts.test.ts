// The plugin's view of files: skeletons, binds, links, and the flags of each mount.

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compartment, compile, launch, needsRoot, scratch } from './launch.ts'

const skip = needsRoot
const look = compile(`
  #include <stdio.h>
  #include <string.h>
  #include <sys/statvfs.h>
  #include <dirent.h>
  int main(int c, char **v) {
    for (int i = 1; i < c; i++) {
      struct statvfs s; DIR *d = opendir(v[i]);
      if (statvfs(v[i], &s) < 0) { printf("%s missing\\n", v[i]); continue; }
      printf("%s%s%s%s%s", v[i], s.f_flag & ST_RDONLY ? " ro" : " rw", s.f_flag & ST_NOSUID ? " nosuid" : "", s.f_flag & 4 ? " nodev" : "", s.f_flag & 8 ? " noexec" : "");
      int n = 0; while (d && readdir(d)) n++; printf(" %d\\n", d ? n - 2 : -1); }
  }`)

test('each mount has the flags it should', { skip }, async () => {
  const outside = scratch()
  mkdirSync(join(outside, 'lib/deep'), { recursive: true })
  writeFileSync(join(outside, 'file'), 'x')
  const result = await launch({
    in: compartment(look),
    data: true,
    args: ['/', '/plugin', '/tmp', '/data', '/proc', '/dev', '/usr', '/usr/lib', '/usr/share/deep', '/etc/file'],
    add: [
      ['skeleton', '/usr'],
      ['skeleton', '/etc'],
      ['bind-exec', `${outside}/lib\t/usr/lib`],
      ['bind', `${outside}/lib\t/usr/share/deep`],
      ['bind', `${outside}/file\t/etc/file`],
      ['symlink', 'lib\t/usr/lib64'],
    ],
  })
  assert.equal(result.status, 0, result.report)
  assert.deepEqual(
    result.stdout
      .replace(/ \d+\n/g, '\n')
      .trimEnd()
      .split('\n'),
    [
      '/ ro nosuid nodev',
      '/plugin ro nosuid nodev',
      '/tmp rw nosuid nodev noexec',
      '/data rw nosuid nodev noexec',
      '/proc ro nosuid nodev noexec',
      '/dev ro nosuid noexec',
      '/usr ro nosuid nodev noexec',
      '/usr/lib ro nosuid nodev',
      '/usr/share/deep ro nosuid nodev noexec',
      '/etc/file ro nosuid nodev noexec -1',
    ],
  )
})

test('a skeleton shows what was put into it and nothing of what lies below', { skip }, async () => {
  const there = compartment(look)
  writeFileSync(join(there.root, 'usr/hidden'), '')
  const result = await launch({
    in: there,
    args: ['/usr', '/usr/hidden'],
    add: [
      ['skeleton', '/usr'],
      ['symlink', 'plugin\t/usr/link'],
    ],
  })
  assert.equal(result.stdout, '/usr ro nosuid nodev noexec 1\n/usr/hidden missing\n')
})

test('another file system below a bound folder stays hidden', { skip }, async () => {
  // /proc below / is one on every machine.
  const result = await launch({ in: compartment(look), args: ['/usr/proc'], add: [['bind', '/\t/usr']] })
  assert.equal(result.stdout, '/usr/proc ro nosuid nodev noexec 0\n')
})

test('a program bound without exec is refused, with exec it runs', { skip }, async () => {
  const outside = scratch()
  const there = compartment(look)
  const { copyFileSync } = await import('node:fs')
  copyFileSync(look, join(outside, 'look'))
  chmodSync(join(outside, 'look'), 0o755)
  const run = (key: 'bind' | 'bind-exec') => launch({ in: there, exec: '/usr/look', add: [[key, `${outside}\t/usr`]] })
  assert.equal((await run('bind')).ended?.error, 'ENTRY_NOT_EXECUTABLE')
  assert.equal((await run('bind-exec')).status, 0)
})

test('a mount point that is not there is named', { skip }, async () => {
  const result = await launch({ in: compartment(look), add: [['bind', '/etc\t/nowhere']] })
  assert.equal(result.ended?.error, 'LAUNCH_FAILED')
  assert.match(result.ended?.reason ?? '', /^cannot find the mount point \/nowhere: No such file or directory$/)
})

test('a mount point below the root that is a link is not followed', { skip }, async () => {
  const { symlinkSync, rmSync } = await import('node:fs')
  const there = compartment(look)
  rmSync(join(there.root, 'tmp'), { recursive: true })
  symlinkSync('/etc', join(there.root, 'tmp'))
  const result = await launch({ in: there })
  assert.equal(result.ended?.outcome, 'refused')
})

test('without proc and tmp there is neither', { skip }, async () => {
  const result = await launch({
    in: compartment(look),
    args: ['/proc', '/tmp'],
    set: { proc: 0, 'tmp-bytes': undefined, 'tmp-inodes': undefined },
  })
  assert.equal(result.stdout, '/proc ro nosuid nodev 0\n/tmp ro nosuid nodev 0\n')
})
