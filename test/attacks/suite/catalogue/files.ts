// Files of the host, its own code, devices, what /proc tells.

import type { Attack } from '../attack.ts'
import { rowsOf } from '../attack.ts'

const c = rowsOf('c')
const node = rowsOf('node')
const python = rowsOf('python')

const UNMOUNTED = { contained: 'ENOENT' }
/** A file of root's that a plugin is shown: its own uid is what keeps it closed. */
const OWN = ['landlock', 'uid'] as const
const NO_CARELESS = {
  runc: 'what a launcher passes on to a runtime is closed before',
  crun: 'what a launcher passes on to a runtime is closed before',
}

export const FILES: readonly Attack[] = [
  c('read-host-file', 'read_file $secret', 'mount-namespace', UNMOUNTED),
  c('climb-out-of-root', 'climb_root $secret', 'mount-namespace', { ...UNMOUNTED, known: 'CVE-2018-15664' }),
  c('find-cgroup-files', 'exists /sys/fs/cgroup', 'mount-namespace', { ...UNMOUNTED, known: 'CVE-2022-0492' }),
  c('find-container-socket', 'connect_unix $stream', 'mount-namespace', {
    also: ['seccomp'],
    contained: 'EAFNOSUPPORT',
  }),
  c('run-host-setuid', 'run_setuid $setuid', 'no-new-privs', {
    also: ['mount-namespace', 'user-namespace', 'landlock'],
    contained: 'ENOENT|answer',
    known: 'CVE-2023-4911',
    onlyContained: { rootless: 'a user namespace cannot be given up' },
  }),
  c('run-what-it-wrote', 'run_from /tmp', 'landlock', { also: ['mount-namespace'], contained: 'EACCES' }),
  node('read-host-file-node', 'read_file $secret', 'mount-namespace', UNMOUNTED),
  node('import-host-module', 'import_module $module', 'mount-namespace', {
    contained: 'ERR_MODULE_NOT_FOUND',
    known: 'CVE-2019-14271',
  }),
  node('start-host-shell', 'start_shell true', 'mount-namespace', { also: ['landlock'], contained: 'ENOENT' }),
  node('map-written-addon', 'load_addon /tmp', 'mount-namespace', { also: ['landlock'], contained: 'not mapped' }),
  python('list-host-folder', 'list_folder $hidden', 'mount-namespace', UNMOUNTED),
  python('list-root-home', 'list_folder /root', 'mount-namespace', {
    ...UNMOUNTED,
    also: ['uid'],
    onlyContained: { rootless: 'this caller may not look there either' },
  }),
  python('map-written-library', 'load_written_code /tmp', 'mount-namespace', {
    also: ['landlock'],
    contained: 'OSError|EPERM',
  }),

  c('read-owner-only-file', 'read_file $private', 'uid', { contained: 'EACCES' }),
  c('lease-host-file', 'lease $public', 'uid', { contained: 'EACCES' }),
  python('read-owner-only-file-python', 'open_for_reading $private', 'uid', { contained: 'EACCES' }),
  python('lease-host-file-python', 'lock_file $public', 'uid', { contained: 'EACCES' }),

  c('write-own-code', 'write_file /plugin/plugin.json', 'read-only', { also: OWN, contained: 'EROFS|EACCES' }),
  c('write-shown-file', 'write_file $public', 'read-only', { also: OWN, contained: 'EROFS|EACCES' }),
  c('add-device-name', 'make_file /dev/x', 'read-only', { also: OWN, contained: 'EROFS|EACCES' }),
  node('write-own-code-node', 'open_for_writing /plugin/main.mjs', 'read-only', {
    also: OWN,
    contained: 'EROFS|EACCES',
  }),
  node('shadow-a-library', 'write_file /usr/preload.js', 'read-only', {
    also: OWN,
    contained: 'EROFS|EACCES',
    known: 'CVE-2019-14271',
  }),
  python('write-own-code-python', 'open_for_writing /plugin/hosts.py', 'landlock', {
    also: ['read-only', 'uid'],
    contained: 'EROFS|EACCES',
  }),
  python('plant-folder', 'make_folder /usr/planted', 'landlock', {
    also: ['read-only', 'uid'],
    contained: 'EROFS|EACCES',
  }),

  c('read-kernel-log', 'exists /dev/kmsg', 'dev', UNMOUNTED),
  c('find-loop-devices', 'exists /dev/loop-control', 'dev', UNMOUNTED),
  node('see-host-devices', 'see_device kmsg', 'dev', { contained: /^no$/ }),
  python('open-terminal', 'open_terminal', 'dev', { contained: 'ENOENT|EACCES|EPERM', known: 'CVE-2017-5226' }),

  c('read-core-pattern', 'read_file /proc/sys/kernel/core_pattern', 'proc', { ...UNMOUNTED, known: 'CVE-2022-0811' }),
  c('find-interrupts', 'exists /proc/interrupts', 'proc', UNMOUNTED),
  c('see-init', 'exists /proc/1/status', 'proc', UNMOUNTED),
  node('read-boot-line', 'read_file /proc/cmdline', 'proc', UNMOUNTED),
  python('read-kernel-symbols', 'open_for_reading /proc/kallsyms', 'proc', UNMOUNTED),
  python('read-kernel-file-systems', 'find_in_file /proc/filesystems proc', 'proc', UNMOUNTED),
  c('enter-init-root', 'descend $secret', 'proc', {
    contained: 'ENOENT|EACCES',
    loose: null,
    unswitched: 'init cannot be inspected (undumpable), in any sandbox there is',
    known: 'CVE-2019-5736',
  }),

  c('climb-from-open-folder', 'climb 200 $secret', 'descriptors', {
    also: ['landlock'],
    contained: 'EBADF',
    known: 'CVE-2024-21626',
    onlyContained: NO_CARELESS,
  }),
  c('write-open-file', 'write_fd 201', 'descriptors', {
    contained: 'EBADF',
    known: 'CVE-2016-9962',
    onlyContained: NO_CARELESS,
  }),
  node('write-open-file-node', 'write_descriptor 201', 'descriptors', {
    contained: 'EBADF',
    onlyContained: NO_CARELESS,
  }),
  python('count-open-files', 'count_descriptors', 'descriptors', { contained: /^no$/, onlyContained: NO_CARELESS }),
]
