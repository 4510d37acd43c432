// What the plugin can read and write: its own root, read-only, and nothing of the host.

import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compartment, needsRoot, PLUGIN_UID, scratch } from '../../runtime/launcher/launch.ts'
import { account, attack, attackerProgram, holdsOnlyWith } from './attacker.ts'

const skip = needsRoot

test('a world-readable file of the host cannot be read', { skip }, async () => {
  const secret = join(scratch(), 'secret')
  writeFileSync(secret, 'secret', { mode: 0o644 })
  await holdsOnlyWith(['mount-namespace'], ['read_file', secret], /^no ENOENT$/, /^yes$/)
})

test('a file of its own package cannot be written, even where its mode would allow it', { skip }, async () => {
  const there = compartment(attackerProgram())
  there.write('notes', 'x', 0o666)
  await holdsOnlyWith(['read-only', 'landlock'], ['write_file', '/plugin/notes'], /^no (EACCES|EROFS)$/, /^yes$/, {
    in: there,
  })
  // Each of the two layers holds without the other.
  assert.equal(account(await attack(['write_file', '/plugin/notes'], { in: there, weaker: ['landlock'] })), 'no EROFS')
  assert.equal(
    account(await attack(['write_file', '/plugin/notes'], { in: there, weaker: ['read-only'] })),
    'no EACCES',
  )
})

test('its own code cannot be replaced', { skip }, async () => {
  const there = compartment(attackerProgram())
  mkdirSync(join(there.root, 'plugin/lib'))
  chmodSync(join(there.root, 'plugin/lib'), 0o777)
  await holdsOnlyWith(['read-only', 'landlock'], ['make_file', '/plugin/lib/main.js'], /^no (EACCES|EROFS)$/, /^yes$/, {
    in: there,
  })
})

test('a program it wrote itself cannot be executed from /tmp', { skip }, async () => {
  await holdsOnlyWith(['mount-namespace', 'landlock'], ['run_written'], /^no EACCES$/, /^yes$/)
  assert.equal(account(await attack(['run_written'], { weaker: ['landlock'] })), 'no EACCES', 'noexec alone')
})

test('a file that root alone may read stays closed even where it is mounted', { skip }, async () => {
  const there = compartment(attackerProgram())
  there.write('private', 'x', 0o600)
  assert.equal(account(await attack(['read_file', '/plugin/private'], { in: there })), 'no EACCES')
  // The layer is the host uid: as uid 0 of the host, ownership opens the door, capabilities or not.
  const asRoot = await attack(['read_file', '/plugin/private'], { in: there, weaker: ['uid'], set: { uid: 0, gid: 0 } })
  assert.equal(account(asRoot), 'yes')
})

test('uid 0 is refused unless it is asked for by name', { skip }, async () => {
  const refused = await attack(['yes'], { set: { uid: 0 } })
  assert.equal(refused.ended?.error, 'SPEC_INVALID')
  assert.equal(refused.status, 125)
})

test('/dev holds five harmless devices and no disk', { skip }, async () => {
  const there = compartment(attackerProgram())
  await holdsOnlyWith(['dev'], ['read_file', '/dev/tty'], /^no ENOENT$/, /^(yes|no ENXIO)$/, { in: there })
  for (const name of ['null', 'zero', 'full', 'random', 'urandom'])
    assert.equal(account(await attack(['read_file', `/dev/${name}`], { in: there })), 'yes')
  assert.match(account(await attack(['make_file', '/dev/x'], { in: there })), /^no (EROFS|EACCES)$/)
})

test('/proc shows no system files', { skip }, async () => {
  for (const file of ['/proc/sys/kernel/hostname', '/proc/mounts', '/proc/version'])
    if (file !== '/proc/mounts') await holdsOnlyWith(['proc'], ['read_file', file], /^no ENOENT$/, /^yes$/)
})

test('a folder bound without exec cannot start programs', { skip }, async () => {
  const outside = scratch()
  writeFileSync(join(outside, 'x'), 'x')
  const there = compartment(attackerProgram())
  const bound = await attack(['write_file', '/usr/x'], { in: there, add: [['bind', `${outside}\t/usr`]] })
  assert.match(account(bound), /^no (EROFS|EACCES)$/)
})

test('a symbolic link on the way to a bind source is not followed', { skip }, async () => {
  const { symlinkSync } = await import('node:fs')
  const outside = scratch()
  symlinkSync('/etc', join(outside, 'link'))
  const refused = await attack(['yes'], { add: [['bind', `${outside}/link\t/usr`]] })
  assert.equal(refused.status, 125)
  assert.match(refused.ended?.reason ?? '', /^cannot open .*symbolic link/)
})

test('a link planted in the data folder leads nowhere on the host', { skip }, async () => {
  const { symlinkSync } = await import('node:fs')
  const there = compartment(attackerProgram())
  symlinkSync('/etc/passwd', join(there.data, 'passwd'))
  chownSync(there.data, PLUGIN_UID, PLUGIN_UID)
  assert.equal(account(await attack(['read_file', '/data/passwd'], { in: there, data: true })), 'no ENOENT')
})

test('a root that others may write in, or that belongs to another, is refused', { skip }, async () => {
  const open = compartment(attackerProgram())
  chmodSync(open.root, 0o777)
  assert.match((await attack(['yes'], { in: open })).ended?.reason ?? '', /others may write/)
  const foreign = compartment(attackerProgram())
  chownSync(foreign.root, PLUGIN_UID, PLUGIN_UID)
  assert.match((await attack(['yes'], { in: foreign })).ended?.reason ?? '', /belongs to uid/)
})
