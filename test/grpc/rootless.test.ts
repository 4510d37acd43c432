// Host applications that are not all-mighty: of ordinary users, and of root with a part of its capabilities.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CALLER, needsHelpers, subordinateUser } from '../runtime/launcher/user.ts'
import { goProgram, withoutGo } from './house.ts'

const ACTOR = join(import.meta.dirname, 'actor.ts')

/** What the actor says, line by line. */
function actAs(uid: number, weaker: readonly string[], rights: readonly string[] = []): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-rootless-'))
  try {
    chownSync(folder, uid, uid)
    const user = ['--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups']
    const env = { PATH: '/usr/bin:/bin', HOME: folder, TMPDIR: folder, NODE_NO_WARNINGS: '1' }
    const argv = [...user, ...rights, process.execPath, ACTOR, ...weaker]
    const { stdout, stderr } = spawnSync('setpriv', argv, { encoding: 'utf8', cwd: folder, env })
    assert.equal(stderr, '')
    return stdout.trimEnd().split('\n')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const mayRead = (uid: number): boolean => {
  const argv = ['--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', 'test', '-r', ACTOR]
  return spawnSync('setpriv', argv).status === 0
}
const skip = withoutGo || (mayRead(CALLER) ? false : 'nobody but root may read this checkout')
const sub = skip || needsHelpers || subordinateUser()
const skipSub = typeof sub === 'object' ? false : sub
for (const reason of new Set([skip, skipSub])) if (reason !== false) console.log(`skipped: ${reason}`)
// By root, who may keep it.
if (skip === false) goProgram()

test('a user whose plugins have the user’s own id speaks with them, both ways', { skip }, () => {
  assert.deepEqual(actAs(CALLER, ['uid', 'memory', 'processes']), ['called 21', 'heard: a user'])
})

test('and so does one whose plugins have subordinate ids, of which the user has none', { skip: skipSub }, () => {
  const { uid } = sub as { uid: number }
  assert.deepEqual(actAs(uid, ['memory', 'processes']), ['called 21', 'heard: a user'])
})

/** Of a container's root. */
const DOCKER =
  'chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod audit_write setfcap'
const having = (capabilities: string): string[] => ['--inh-caps', '-all', '--bounding-set', capabilities]

test('so does root with no more capabilities than Docker gives', { skip: withoutGo }, () => {
  const docker = having(['-all', ...DOCKER.split(' ').map((name) => `+${name}`)].join(','))
  assert.deepEqual(actAs(0, ['memory', 'processes'], docker), ['called 21', 'heard: a user'])
})

test('root that may mount and not look into others is told what it lacks', { skip: withoutGo }, () => {
  const [said = ''] = actAs(0, [], having('-sys_ptrace'))
  assert.match(said, /^GRPC_SOCKET_UNAVAILABLE .*CAP_SYS_PTRACE/)
})
