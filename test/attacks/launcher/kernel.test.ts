// Kernel interfaces with a record of holes. Calls carry arguments that cannot succeed: EPERM is the filter's answer,
// anything else would be the kernel's own.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answers32BitCalls } from '../../helpers/calls-of-32-bit.ts'
import { needsRoot } from '../../runtime/launcher/launch.ts'
import { account, attack, holdsOnlyWith } from './attacker.ts'

const skip = needsRoot

const calls: readonly (readonly [title: string, attack: string, filtered: RegExp, kernel: RegExp])[] = [
  ['io_uring', 'use_io_uring', /^no ENOSYS$/, /^(yes|no (ENOMEM|EPERM))$/],
  ['bpf', 'use_bpf', /^no EPERM$/, /^no EINVAL$/],
  ['perf_event_open', 'use_perf', /^no EPERM$/, /^no (EFAULT|EACCES)$/],
  ['userfaultfd', 'use_userfaultfd', /^no EPERM$/, /^no EINVAL$/],
  ['ptrace', 'use_ptrace', /^no EPERM$/, /^yes$/],
  ['process_vm_readv', 'use_vm_readv', /^no EPERM$/, /^yes$/],
  ['personality', 'use_personality', /^no EPERM$/, /^yes$/],
]

for (const [title, name, filtered, kernel] of calls)
  test(`${title} is refused by the filter`, { skip }, async () => {
    await holdsOnlyWith(['seccomp'], [name], filtered, kernel)
  })

test('open_by_handle_at is refused by the filter', { skip }, async (t) => {
  const loose = account(await attack(['use_handle'], { weaker: ['seccomp'] }))
  // Older kernels ask for the capability before they look at the handle: nothing shows whose refusal it is.
  if (loose === 'no EPERM') return t.skip('without the filter this kernel gives the same answer')
  await holdsOnlyWith(['seccomp'], ['use_handle'], /^no EPERM$/, /^no EFAULT$/)
})

test('the other system call tables of the processor are closed', {
  skip: skip || (process.arch !== 'x64' && 'x64 only'),
}, async (t) => {
  assert.equal(account(await attack(['x32'])), 'no ENOSYS')
  // Nothing would show whose refusal it is.
  if (!answers32BitCalls()) return t.skip('this kernel has no 32-bit calls')
  const i386 = await attack(['i386'])
  assert.equal(i386.ended?.signal, 'SIGSYS')
  const loose = await attack(['i386'], { weaker: ['seccomp'] })
  assert.match(account(loose), /^yes$/)
})

test('a call nobody knows yet is absent', { skip }, async () => {
  assert.equal(account(await attack(['unknown_call'])), 'no ENOSYS')
})

test('terminal input cannot be forged, whatever the upper half of the number', { skip }, async () => {
  await holdsOnlyWith(['seccomp'], ['use_tiocsti'], /^no EPERM$/, /^no ENOTTY$/)
  await holdsOnlyWith(['seccomp'], ['use_tioclinux'], /^no EPERM$/, /^no ENOTTY$/)
})

test('devices cannot be made, FIFOs can', { skip }, async () => {
  assert.equal(account(await attack(['make_device'])), 'no EPERM')
  assert.equal(account(await attack(['make_fifo'])), 'yes')
})

test('keys of the caller cannot be found', { skip }, async (t) => {
  const { execFileSync } = await import('node:child_process')
  const { scratch, compile, encode, launcherPath, specification, compartment, parseReport } = await import(
    '../../runtime/launcher/launch.ts'
  )
  const { attackerProgram } = await import('./attacker.ts')
  const { writeFileSync, readFileSync } = await import('node:fs')
  const { join } = await import('node:path')
  // A parent with a key in its session keyring, readable by whoever holds the keyring.
  const parent = compile(`
    #include <errno.h>
    #include <fcntl.h>
    #include <linux/keyctl.h>
    #include <stdio.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    int main(int c, char **v) {
      if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "bulkhead-test") < 0) return errno == ENOSYS ? 77 : 1;
      const long ring = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
      const long key = syscall(SYS_add_key, "user", "secret", "x", 1, KEY_SPEC_SESSION_KEYRING);
      syscall(SYS_keyctl, KEYCTL_SETPERM, key, 0x3f3f3f3f);
      syscall(SYS_keyctl, KEYCTL_SETPERM, ring, 0x3f3f3f3f);
      dup2(open(v[2], O_RDONLY), 3); dup2(open(v[3], O_WRONLY | O_CREAT | O_TRUNC, 0600), 4);
      execl(v[1], v[1], NULL);
      return 1;
    }`)
  const search = (weaker: readonly ('seccomp' | 'keyring')[]): string => {
    const folder = scratch()
    writeFileSync(
      join(folder, 'spec'),
      encode(specification({ in: compartment(attackerProgram()), args: ['find_key', 'secret'], weaker })),
    )
    try {
      const text = execFileSync(parent, [launcherPath(), join(folder, 'spec'), join(folder, 'report')], {
        encoding: 'utf8',
      })
      assert.equal(parseReport(readFileSync(join(folder, 'report'), 'utf8')).ended?.outcome, 'exited')
      return text.trim()
    } catch (error) {
      if ((error as { status?: number }).status === 77) return 'no keys'
      throw error
    }
  }
  const filtered = search([])
  if (filtered === 'no keys') return t.skip('this kernel has no keyrings')
  assert.equal(filtered, 'no EPERM', 'seccomp')
  assert.equal(search(['seccomp']), 'no ENOKEY', 'the keyring of the run is new and empty')
  assert.equal(search(['seccomp', 'keyring']), 'yes')
})
