// What is copied was written by the plugin, which may be at work in it: no link leads out of it, nothing in it holds the copy
// up, and what it becomes is for nobody else.

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { removeData } from '../../../src/runtime/data.ts'
import { dropSnapshot, restoreSnapshot, takeSnapshot } from '../../../src/runtime/index.ts'
import { compile, needsRoot, scratch } from '../../runtime/launcher/launch.ts'

const skip = needsRoot

function place(t: TestContext) {
  const base = scratch()
  const data = join(base, 'data', 'acme', 'kept')
  const files = join(data, 'files')
  const into = join(base, 'snapshots', 'acme', 'kept', '1')
  mkdirSync(files, { recursive: true })
  const busy: ChildProcess[] = []
  t.after(async () => {
    for (const child of busy) if (child.kill('SIGKILL')) await once(child, 'close')
    dropSnapshot(into)
    removeData(data)
  })
  const start = async (...args: string[]) => {
    const child = spawn(busybody, args, { cwd: files, stdio: ['ignore', 'pipe', 'inherit'] })
    busy.push(child)
    await once(child.stdout, 'data')
    return child
  }
  return { base, data, files, into, start, take: (isRunning = true) => takeSnapshot({ data, into, isRunning }) }
}

/** `swap A B N`: exchanges A0 and B0, A1 and B1 … without end. `grow FILE`: appends 2 GiB, and stays. */
const busybody = skip
  ? ''
  : compile(`
    #define _GNU_SOURCE
    #include <fcntl.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <unistd.h>
    int main(int c, char **v) {
      static char page[65536], a[256], b[256]; memset(page, 'x', sizeof page);
      int fd = v[1][0] == 's' ? -1 : open(v[2], O_CREAT | O_WRONLY | O_APPEND, 0600);
      puts("up"); fflush(stdout);
      if (v[1][0] == 's')
        for (;;)
          for (int i = 0; i < atoi(v[4]); i++) {
            sprintf(a, "%s%d", v[2], i); sprintf(b, "%s%d", v[3], i);
            renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
          }
      for (long n = 0; n < 1 << 15; n++) if (write(fd, page, sizeof page) < 0) return 1;
      for (;;) pause(); }`)

/** So many that one is always being exchanged in the very moment in which it is opened. */
const PAIRS = 400
const ROUNDS = 8

/** Node's own listing would follow the links. */
const everything = (folder: string): string[] => execFileSync('find', [folder], { encoding: 'utf8' }).trim().split('\n')

/** What is moved while it is read may be met twice; then the copy is given up, which is no way in. */
function isGivenUp(error: Error & { readonly code?: string }): void {
  assert.equal(error.code, 'DISK_FAILED')
  assert.match(error.message, /^cannot keep \/data of acme\/kept: what it holds was moved meanwhile$/)
}

test('a folder that turns into a link and back leads nowhere', { skip }, async (t) => {
  const { base, files, into, start, take } = place(t)
  mkdirSync(join(base, 'private'))
  writeFileSync(join(base, 'private', 'secret'), 'x')
  for (let i = 0; i < PAIRS; i++) {
    mkdirSync(join(files, `a${i}`))
    symlinkSync(join(base, 'private'), join(files, `b${i}`))
  }
  await start('swap', 'a', 'b', `${PAIRS}`)
  let copies = 0
  for (let i = 0; i < ROUNDS; i++) {
    await take().catch(isGivenUp)
    if (!existsSync(into)) continue
    copies++
    assert.deepEqual(
      everything(into).filter((path) => path.endsWith('secret')),
      [],
    )
  }
  assert.ok(copies > 0, `none of ${ROUNDS} copies came to an end`)
})

test('a file that turns into a link and back is never what the link leads to', { skip }, async (t) => {
  const { base, files, into, start, take } = place(t)
  writeFileSync(join(base, 'secret'), 'secret')
  for (let i = 0; i < PAIRS; i++) {
    writeFileSync(join(files, `a${i}`), '')
    symlinkSync(join(base, 'secret'), join(files, `b${i}`))
  }
  await start('swap', 'a', 'b', `${PAIRS}`)
  let copies = 0
  for (let i = 0; i < ROUNDS; i++) {
    await take().catch(isGivenUp)
    if (!existsSync(into)) continue
    copies++
    const found = execFileSync('find', [join(into, 'files'), '-type', 'f', '-size', '+0'], { encoding: 'utf8' })
    assert.equal(found, '')
  }
  assert.ok(copies > 0, `none of ${ROUNDS} copies came to an end`)
})

test('a FIFO that turns into a file and back holds nobody up', { skip, timeout: 60_000 }, async (t) => {
  const { files, start, take } = place(t)
  const names = Array.from({ length: PAIRS }, (_, i) => join(files, `b${i}`))
  execFileSync('mkfifo', names)
  for (let i = 0; i < PAIRS; i++) writeFileSync(join(files, `a${i}`), '')
  await start('swap', 'a', 'b', `${PAIRS}`)
  for (let i = 0; i < ROUNDS; i++) await take()
})

test('a file that grows is copied as long as it was', { skip, timeout: 120_000 }, async (t) => {
  const { files, into, start, take } = place(t)
  const child = await start('grow', 'log')
  await take()
  const { size } = statSync(join(into, 'files', 'log'))
  // A copy of what is written meanwhile would be all of it, and nothing more would come.
  while (statSync(join(files, 'log')).size <= size) await sleep(10)
  assert.equal(child.exitCode, null, 'it could append')
  child.kill('SIGKILL')
})

test('devices are left out, and a set-user-id program is out of reach', { skip }, async (t) => {
  const { base, files, into, take } = place(t)
  assert.equal(spawnSync('mknod', [join(files, 'null'), 'c', '1', '3']).status, 0)
  writeFileSync(join(files, 'suid'), '#!/bin/sh\n')
  chmodSync(join(files, 'suid'), 0o4755)
  await take()
  assert.deepEqual(readdirSync(join(into, 'files')), ['suid'])
  chmodSync(base, 0o755)
  const as = ['--reuid', '65534', '--regid', '65534', '--clear-groups']
  for (const path of [into, join(into, 'files', 'suid')]) {
    assert.notEqual(spawnSync('setpriv', [...as, 'test', '-x', path]).status, 0, path)
  }
})

const emulated = process.env.BULKHEAD_VM ? 'minutes on an emulated machine, and the same on every kernel' : false

test('a tree deeper than descriptors and paths reach is kept, brought back and dropped', {
  skip: skip || emulated,
}, async (t) => {
  const { base, data, files, into, take } = place(t)
  execFileSync('python3', ['-c', DEEP], { cwd: files })
  await take(false)
  removeData(data)
  await restoreSnapshot({ from: into, data })
  assert.equal(execFileSync('python3', ['-c', DEPTH], { cwd: files, encoding: 'utf8' }).trim(), '3000 kept')
  dropSnapshot(into)
  assert.equal(existsSync(into), false)
  assert.deepEqual(readdirSync(base).sort(), ['data', 'snapshots'])
})

const DEEP = `
import os
for i in range(3000): os.mkdir('d'), os.chdir('d')
open('bottom', 'w').write('kept')`
const DEPTH = `
import os
n = 0
while os.path.isdir('d'): os.chdir('d'); n += 1
print(n, open('bottom').read())`

test('a folder that is moved while it is copied does not lead the copy above the top', { skip }, async (t) => {
  const { base, files, into, start, take } = place(t)
  // Whatever the order in which a folder is read, some of each come after the one that was moved.
  for (let i = 0; i < 30; i++) {
    writeFileSync(join(base, 'data', 'acme', `secret-${i}`), 'x')
    mkdirSync(join(files, 'a', 'b', `c${i}`), { recursive: true })
    mkdirSync(join(files, `z${i}`))
    for (let n = 0; n < 5; n++) writeFileSync(join(files, 'a', 'b', `c${i}`, `own-${n}`), 'x')
  }
  await start('swap', 'a/b/c', 'z', '30')
  let moved = 0
  for (let i = 0; i < ROUNDS; i++) {
    const failed = await take().then(
      () => null,
      (error) => error,
    )
    assert.equal(existsSync(`${into}.new`), false)
    if (failed !== null) {
      isGivenUp(failed)
      moved++
    } else assert.equal(everything(into).join('\n').includes('secret'), false)
  }
  t.diagnostic(`${moved} of ${ROUNDS} were given up`)
})
