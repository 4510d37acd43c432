// Rights it has not got, and ways to get some.

import type { Attack } from '../attack.ts'
import { rowsOf } from '../attack.ts'

const c = rowsOf('c')
const node = rowsOf('node')
const python = rowsOf('python')

const ROOT_ONLY = { rootless: 'a user namespace cannot be given up' }

export const RIGHTS: readonly Attack[] = [
  c('override-modes', 'override_mode', 'capabilities', { contained: 'EACCES' }),
  c('mount', 'use_mount', 'capabilities', { also: ['seccomp', 'landlock'], contained: 'EPERM' }),
  c('make-file-system', 'use_fsopen', 'capabilities', {
    also: ['seccomp'],
    contained: 'EPERM',
    known: 'CVE-2022-0185',
  }),
  c('change-host-name', 'change_hostname', 'capabilities', { also: ['seccomp'], contained: 'EPERM' }),
  c('chroot', 'chroot_away', 'capabilities', { also: ['seccomp'], contained: 'EPERM' }),
  python('mount-python', 'mount', 'capabilities', { also: ['seccomp', 'landlock'], contained: 'EPERM' }),
  python('change-host-name-python', 'change_host_name', 'capabilities', { also: ['seccomp'], contained: 'EPERM' }),

  c('take-low-port', 'take_port 80', 'user-namespace', {
    also: ['capabilities'],
    contained: 'EACCES',
    onlyContained: ROOT_ONLY,
  }),
  c('set-clock', 'call settimeofday 0 0', 'user-namespace', {
    also: ['capabilities', 'seccomp'],
    contained: 'EPERM',
    onlyContained: ROOT_ONLY,
  }),
  c('become-root', 'become_root', 'user-namespace', {
    also: ['capabilities'],
    contained: 'EINVAL|EPERM',
    known: 'CVE-2022-29162',
    onlyContained: ROOT_ONLY,
  }),
  node('become-root-node', 'become_root', 'user-namespace', {
    also: ['capabilities'],
    contained: 'EINVAL|EPERM',
    onlyContained: ROOT_ONLY,
  }),
  python('raise-priority', 'raise_priority', 'user-namespace', {
    also: ['capabilities'],
    contained: 'EACCES|EPERM',
    onlyContained: ROOT_ONLY,
  }),

  c('gain-by-program', 'no_new_privileges', 'no-new-privs', { contained: /^no$/ }),
  python('gain-by-program-python', 'find_in_file /proc/self/status NoNewPrivs:\t0', 'no-new-privs', {
    contained: /^no$/,
  }),

  c('set-user-id', 'set_suid', 'seccomp', { contained: 'EPERM', known: 'CVE-2023-0386' }),
  c('make-set-group-id', 'make_suid', 'seccomp', { contained: 'EPERM' }),
  node('set-user-id-node', 'set_user_id', 'seccomp', { contained: 'EPERM' }),
  python('set-user-id-python', 'set_user_id', 'seccomp', { contained: 'EPERM' }),
]
