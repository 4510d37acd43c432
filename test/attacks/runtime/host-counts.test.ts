// What the kernel counts once for the whole host, or for root: no plugin may use it up for everybody.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { cgroups, compile, needsRoot, PLUGIN_UID } from '../../runtime/launcher/launch.ts'
import { account } from '../launcher/attacker.ts'
import { besiege, siege } from './besieger.ts'

const skip = needsRoot
const MIB = 2 ** 20

const filtered: readonly (readonly [title: string, args: readonly string[], on: RegExp, off: RegExp])[] = [
  ['asynchronous I/O contexts, of which the host has one number (fs.aio-max-nr)', ['aio'], /^no ENOSYS$/, /^yes$/],
  ['huge pages, which no memory cgroup counts', ['huge_pages'], /^no EPERM$/, /^(yes|no ENOMEM)$/],
  ['huge pages by memfd', ['huge_memfd'], /^no EPERM$/, /^(yes|no ENOMEM)$/],
  ['the disk, by a flush of the host’s file system', ['flush_host', '/plugin'], /^no EPERM$/, /^yes$/],
  [
    'what the host has read lately, by cachestat',
    ['page_cache', '/plugin/main'],
    /^no ENOSYS$/,
    /^(yes|no E(PERM|NOSYS))$/,
  ],
  ['the limit that keeps crash handlers away, by prlimit', ['lower_core_limit', '0'], /^no EINVAL$/, /^yes$/],
]
for (const [title, args, on, off] of filtered)
  test(`out of reach: ${title}`, { skip }, async () => {
    assert.match(account(await siege(args)), on)
    assert.match(account(await siege(args, { weaker: ['seccomp'] })), off)
  })

test('out of reach: the same limit by setrlimit', {
  skip: skip || (process.arch !== 'x64' && 'no such call'),
}, async () => {
  assert.equal(account(await siege(['lower_core_limit', '1'])), 'no EINVAL')
})

test('its own files in memory and its own other limits stay its own', { skip }, async () => {
  assert.equal(account(await siege(['plain_memfd'])), 'yes')
  assert.equal(account(await siege(['lower_other_limit'])), 'yes')
})

test('a crash starts no program of the host: the core limit is 1, not 0', { skip }, async () => {
  assert.equal(account(await siege(['core_limit'])), '1 1')
  assert.notEqual(account(await siege(['core_limit'], { weaker: ['rlimits'] })), '1 1')
})

test('inotify and signals are charged to the plugin, not to root: it owns its user namespace', { skip }, async () => {
  const owner = compile(`
    #include <fcntl.h>
    #include <stdio.h>
    #include <sys/ioctl.h>
    int main(int c, char **v) { unsigned uid = -1; ioctl(open(v[1], O_RDONLY), 0xb704 /* NS_GET_OWNER_UID */, &uid); printf("%u", uid); }`)
  for (const [weaker, expected] of [
    [[], PLUGIN_UID],
    [['uid'], 0],
  ] as const) {
    const run = besiege(['yes'], { weaker })
    const { pid } = await run.started
    assert.equal(Number(execFileSync(owner, [`/proc/${pid}/ns/user`], { encoding: 'utf8' })), expected)
    run.process.stdin?.end()
    await run.result
  }
})

test('root can still watch files while a plugin holds every inotify instance it can get', { skip }, async () => {
  const watch = compile(
    '#include <stdio.h>\n#include <sys/inotify.h>\nint main() { puts(inotify_init1(0) < 0 ? "no" : "yes"); }',
  )
  const run = besiege(['inotify'])
  const held = await new Promise<string>((done) => run.process.stdout?.once('data', (text) => done(String(text))))
  assert.ok(Number(held) >= 100, held)
  assert.equal(execFileSync(watch, { encoding: 'utf8' }), 'yes\n')
  run.process.stdin?.end()
  await run.result
})

test('queued signals end at a limit of the run', { skip }, async () => {
  assert.equal(account(await siege(['queue_signals'])), '1024')
  assert.ok(Number(account(await siege(['queue_signals'], { weaker: ['rlimits'] }))) > 1024)
})

test('v1: buffers of its own connections are bounded, though the memory limit does not count them', {
  skip: skip || (cgroups().fields.some(([key]) => key === 'cgroup1-memory') ? false : 'memory is not on v1'),
}, async () => {
  const set = { 'memory-bytes': 32 * MIB }
  const bounded = Number(account(await siege(['tcp_buffers', '12'], { set })))
  assert.ok(bounded <= 12, `${bounded} MiB`)
  const loose = Number(account(await siege(['tcp_buffers', '12'], { set, weaker: ['memory'] })))
  assert.ok(loose > 20, `${loose} MiB`)
})
