// Neither the end of a run nor what is said of it is the plugin's to decide.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SLOW } from '../../helpers/patience.ts'
import { leavesOf, needsRoot } from '../../runtime/launcher/launch.ts'
import { account } from '../launcher/attacker.ts'
import { besiege, siege } from './besieger.ts'

const skip = needsRoot

test('output hidden in a letter between sockets does not keep the launcher waiting', { skip }, async () => {
  const began = Date.now()
  const result = await siege(['hide_output'])
  assert.equal(result.stdout, 'hidden\n')
  assert.equal(result.ended?.outcome, 'exited')
  // Without the end at an empty pipe it took until the kernel next collected garbage: seconds, or for ever.
  assert.ok(Date.now() - began < 1500 * SLOW, `${Date.now() - began} ms`)
})

test('what it wrote last is delivered whole all the same', { skip }, async () => {
  const { launch, compartment, compile } = await import('../../runtime/launcher/launch.ts')
  const writer = compile(`
    #include <fcntl.h>
    #include <string.h>
    #include <unistd.h>
    int main(void) { static char bytes[1 << 20]; memset(bytes, 'x', sizeof bytes); fcntl(1, F_SETPIPE_SZ, 1 << 20);
      for (int at = 0, n; at < sizeof bytes && (n = write(1, bytes + at, sizeof bytes - at)) > 0; at += n); return 0; }`)
  assert.equal((await launch({ in: compartment(writer) })).stdout.length, 1 << 20)
})

const ends: readonly (readonly [title: string, attack: string, stdout: string])[] = [
  ['stopped children, zombies, an endless vfork and a deaf survivor are gone with it', 'leave_odd_ones', 'left\n'],
  ['SIGKILL to everybody it can see spares init', 'kill_all', 'yes\n'],
  [
    'a kernel signal of its making (F_SETSIG) does not kill init, even where the launcher sets it off',
    'own_killer',
    'still\nyes\n',
  ],
]
for (const [title, name, stdout] of ends)
  test(title, { skip }, async () => {
    const run = besiege([name])
    run.process.stdin?.end('some input')
    const result = await run.result
    assert.equal(result.stdout, stdout)
    assert.equal(result.ended?.outcome, 'exited')
    assert.equal(result.ended?.code, 0)
    assert.deepEqual(leavesOf(run.name), [])
  })

test('a signal that claims to come from outside ends nobody but itself', { skip }, async () => {
  const result = await siege(['forge_signal'])
  assert.equal(result.ended?.outcome, 'signalled')
  assert.equal(result.ended?.signal, 'SIGTERM')
})

test('the far ends of its own pipes are not its to open', { skip }, async () => {
  assert.equal(account(await siege(['turn_pipes'])), '0 0')
})

const initAttacks: readonly (readonly [title: string, attack: string, contained: RegExp])[] = [
  ['traced', 'trace_init', /^no EPERM$/],
  ['read or written', 'open_init_memory', /^no (ENOENT|EACCES|EROFS)$/],
  ['robbed of a descriptor', 'take_init_fd', /^no EPERM$/],
  ['entered', 'enter_init', /^no EPERM$/],
  ['asked for its robust list', 'init_robust_list', /^no EPERM$/],
]
for (const [title, name, contained] of initAttacks)
  test(`init cannot be ${title}, with the filter or without`, { skip }, async () => {
    assert.match(account(await siege([name])), contained)
    const loose = account(await siege([name], { weaker: ['seccomp', 'landlock'] }))
    assert.match(loose, /^no E(PERM|ACCES|NOENT|ROFS)$/)
  })

test('thirty-six calls that no plugin needs say EPERM or ENOSYS, whatever their arguments', { skip }, async () => {
  assert.equal(account(await siege(['other_tables'])), 'done')
  assert.notEqual(account(await siege(['other_tables'], { weaker: ['seccomp'] })), 'done')
})
