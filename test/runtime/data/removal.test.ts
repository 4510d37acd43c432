// What a plugin kept is its user's to remove, though it belongs to an id of the plugin's own and is closed to others.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { removeKept } from '../../../src/runtime/data/removal.ts'
import { compile, launcherPath, needsRoot, scratch } from '../launcher/launch.ts'
import { runAs } from '../launcher/user.ts'
import { call, readable, user } from './as-user.ts'

test('a user removes the private folders of a plugin, deep ones and closed ones, and follows none of its links', {
  skip: readable,
}, (t) => {
  const { uid, sub } = user as { uid: number; sub: number }
  const base = scratch()
  const folder = join(base, 'home', 'acme', 'kept')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(base, 'precious'), 'x')
  spawnSync('chown', ['-R', `${uid}:${uid}`, join(base, 'home')])
  const ids = { mode: 'user', uid: sub + 9, gid: sub + 9, idmap: 'helper' }
  const request = { name: 'acme/kept', folder, bytes: 2 ** 20, ids, weaker: ['data-quota'], caller: { uid } }
  const data = call('openData', request)
  assert.equal(data, join(folder, 'files'))
  const program = compile(`
    #include <stdio.h>
    #include <sys/stat.h>
    #include <unistd.h>
    #include <fcntl.h>
    int main(void) {
      if (chdir("/data")) return 1;
      mkdir("closed", 0700); close(open("closed/file", O_CREAT | O_WRONLY, 0600)); symlink("${base}", "closed/link"); chmod("closed", 0);
      for (int i = 0; i < 300; i++) { if (mkdir("deep", 0700) || chdir("deep")) return 2; }
      close(open("file", O_CREAT | O_WRONLY, 0600));
      puts("kept");
      return 0; }`)
  const { stdout, stderr } = runAs(
    uid,
    { uid: ids.uid, gid: ids.gid, idmap: 'helper', data },
    ['memory', 'processes'],
    program,
  )
  assert.equal(stdout, 'kept\n', stderr)
  assert.equal(call('removeData', folder), 'done')
  assert.equal(existsSync(folder), false)
  assert.equal(existsSync(join(base, 'precious')), true)
  t.diagnostic('300 levels')
})

test('the launcher opens no folder for an id that is not the caller’s to map', { skip: readable || needsRoot }, () => {
  const { uid } = user as { uid: number }
  const folder = scratch()
  for (const [id, words] of [
    ['0', /out of range/],
    ['x', /not a number/],
    ['77', /newuidmap|cannot/],
  ] as const) {
    const as = ['--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', launcherPath()]
    const { status, stderr } = spawnSync('setpriv', [...as, '--unlock', folder, id, id], { encoding: 'utf8' })
    assert.equal(status, 125, id)
    assert.match(stderr, words)
  }
})

test('what somebody else has removed meanwhile is removed', () => {
  const folder = join(scratch(), 'gone')
  removeKept(folder)
  assert.equal(existsSync(folder), false)
})
