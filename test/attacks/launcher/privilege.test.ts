// Rights: none to begin with, and no way to gain one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needsRoot, PLUGIN_UID } from '../../runtime/launcher/launch.ts'
import { account, attack, holdsOnlyWith } from './attacker.ts'

const skip = needsRoot

test('all five capability sets are empty, and one id exists', { skip }, async () => {
  const status = account(await attack(['print_status']))
  for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'])
    assert.match(status, new RegExp(`Cap${set}:\\t0000000000000000`))
  assert.match(status, /Uid:\t1000\t1000\t1000\t1000/)
  assert.match(status, /Groups:\t ?\n/)
  assert.match(status, /NoNewPrivs:\t1/)
  assert.match(status, /Seccomp:\t2/)
  const loose = account(await attack(['print_status'], { weaker: ['capabilities'] }))
  assert.doesNotMatch(loose, /CapEff:\t0000000000000000/)
  assert.match(
    account(await attack(['print_status'], { weaker: ['no-new-privs'] })),
    /NoNewPrivs:\t0[\s\S]*Seccomp:\t2/,
  )
  assert.match(account(await attack(['print_status'], { weaker: ['seccomp'] })), /Seccomp:\t0/)
})

test('outside, the plugin is its own uid; without a user namespace inside as well', { skip }, async () => {
  const status = account(await attack(['print_status'], { weaker: ['user-namespace'] }))
  assert.match(status, new RegExp(`Uid:\\t${PLUGIN_UID}\\t${PLUGIN_UID}\\t${PLUGIN_UID}\\t${PLUGIN_UID}`))
  assert.match(status, /CapEff:\t0000000000000000/)
})

test('the host name cannot be changed; each layer holds alone', { skip }, async () => {
  await holdsOnlyWith(['capabilities', 'seccomp'], ['change_hostname'], /^no EPERM$/, /^yes$/)
  assert.equal(account(await attack(['change_hostname'], { weaker: ['capabilities'] })), 'no EPERM')
  assert.equal(account(await attack(['change_hostname'], { weaker: ['seccomp'] })), 'no EPERM')
})

test('even with all capabilities the host name of the host stays: the uts namespace', { skip }, async () => {
  const { hostname } = await import('node:os')
  const before = hostname()
  await attack(['change_hostname'], { weaker: ['capabilities', 'seccomp'] })
  assert.equal(hostname(), before)
  // Without the namespace the launcher leaves the name alone, and the rights of the user namespace do not reach it.
  await holdsOnlyWith(['capabilities', 'seccomp'], ['change_hostname'], /^no EPERM$/, /^no EPERM$/, {
    weaker: ['uts-namespace'],
  })
})

test('nothing can be mounted', { skip }, async () => {
  await holdsOnlyWith(['capabilities', 'seccomp', 'landlock'], ['use_mount'], /^no EPERM$/, /^yes$/)
  await holdsOnlyWith(['capabilities', 'seccomp'], ['use_fsopen'], /^no EPERM$/, /^yes$/)
})

test('a user namespace cannot be made by any of three calls', { skip }, async () => {
  await holdsOnlyWith(['seccomp'], ['use_userns'], /^no EPERM$/, /^yes$/)
  await holdsOnlyWith(['seccomp'], ['use_clone'], /^no EPERM$/, /^yes$/)
  await holdsOnlyWith(['seccomp'], ['use_clone3'], /^no ENOSYS$/, /^yes$/)
})

test('a set-user-id file cannot be made', { skip }, async () => {
  await holdsOnlyWith(['seccomp'], ['set_suid'], /^no EPERM$/, /^yes$/)
  await holdsOnlyWith(['seccomp'], ['make_suid'], /^no EPERM$/, /^yes$/)
})

test('init under the same uid cannot be starved by its limits', { skip }, async () => {
  await holdsOnlyWith(['seccomp'], ['move_init_limit'], /^no EPERM$/, /^yes$/)
})
