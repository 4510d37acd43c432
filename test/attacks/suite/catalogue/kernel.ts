// Doors of the kernel with a record of holes. Calls carry arguments that cannot succeed: EPERM and ENOSYS are the filter's
// answers, anything else is the kernel's own.

import type { Attack } from '../attack.ts'
import { rowsOf } from '../attack.ts'

const c = rowsOf('c')
const node = rowsOf('node')
const python = rowsOf('python')

const call = (name: string, words: string, loose: string, known?: string): Attack =>
  c(name, `call ${words}`, 'seccomp', { contained: 'EPERM', loose, ...(known === undefined ? {} : { known }) })

const X64 = process.arch === 'x64'

export const KERNEL: readonly Attack[] = [
  c('io-uring', 'use_io_uring', 'seccomp', { contained: 'ENOSYS', loose: 'yes|ENOMEM|EPERM', known: 'CVE-2023-2598' }),
  c('bpf', 'use_bpf', 'seccomp', { contained: 'EPERM', loose: 'EINVAL', known: 'CVE-2021-3490' }),
  c('perf', 'use_perf', 'seccomp', { contained: 'EPERM', loose: 'EFAULT|EACCES' }),
  c('userfaultfd', 'use_userfaultfd', 'seccomp', { contained: 'EPERM', loose: 'EINVAL' }),
  c('ptrace', 'use_ptrace', 'seccomp', { contained: 'EPERM', known: 'CVE-2019-13272' }),
  c('read-other-memory', 'use_vm_readv', 'seccomp', { contained: 'EPERM' }),
  c('personality', 'use_personality', 'seccomp', { contained: 'EPERM' }),
  c('user-namespace-by-unshare', 'use_userns', 'seccomp', { contained: 'EPERM', known: 'CVE-2024-1086' }),
  c('user-namespace-by-clone', 'use_clone', 'seccomp', { contained: 'EPERM', known: 'CVE-2022-0185' }),
  c('user-namespace-by-clone3', 'use_clone3', 'seccomp', { contained: 'ENOSYS', known: 'CVE-2021-41133' }),
  c('asynchronous-io', 'aio', 'seccomp', { contained: 'ENOSYS' }),
  c('flush-host-disk', 'flush_host /plugin', 'seccomp', { contained: 'EPERM' }),
  c('what-host-has-read', 'page_cache /plugin/bin/x', 'seccomp', {
    contained: 'ENOSYS',
    loose: 'yes|EPERM',
    needs: 'cachestat',
  }),
  c('huge-pages', 'huge_pages', 'seccomp', { contained: 'EPERM', loose: 'yes|ENOMEM' }),
  c('huge-pages-by-memfd', 'huge_memfd', 'seccomp', { contained: 'EPERM', loose: 'yes|ENOMEM' }),
  c('forge-terminal-input', 'use_tiocsti', 'seccomp', { contained: 'EPERM', loose: 'ENOTTY', known: 'CVE-2019-10063' }),
  c('forge-console-input', 'use_tioclinux', 'seccomp', {
    contained: 'EPERM',
    loose: 'ENOTTY',
    known: 'CVE-2023-28100',
  }),
  c('line-discipline', 'line_discipline', 'seccomp', { contained: 'EPERM', loose: 'ENOTTY', known: 'CVE-2017-2636' }),
  c('no-filter', 'use_seccomp_less', 'seccomp', { contained: /^no/ }),
  ...(X64
    ? [
        // A kernel that was started without these calls refuses them by itself: SIGSEGV, and no such format of a program.
        c('i386-calls', 'i386', 'seccomp', { contained: /^killed by (SYS|SEGV)$/, needs: 'calls-of-32-bit' }),
        c('i386-program-from-memory', 'i386_program', 'seccomp', {
          contained: /^no (SYS|2)$/,
          needs: 'calls-of-32-bit',
        }),
        call('local-descriptors', 'modify_ldt 0 0 0', 'yes|ENOSYS', 'CVE-2015-5157'),
      ]
    : []),
  call('enter-namespace', 'setns -1 0', 'EBADF'),
  call('splice-own-memory', 'vmsplice -1 0 0 0', 'EBADF', 'CVE-2008-0600'),
  call('compare-processes', 'kcmp -1 -1', 'ESRCH|ENOSYS'),
  call('copy-mounts', 'open_tree -1 -1 0', 'EFAULT'),
  call('mount-attributes', 'mount_setattr -1 -1 0 0 0', 'EINVAL', 'CVE-2021-41133'),
  call('watch-file-systems', 'fanotify_init 0x200 0', 'yes|ENOSYS'),
  call('take-descriptor', 'pidfd_getfd -1 0 0', 'EBADF'),
  call('advise-others', 'process_madvise -1 0 0 0 0', 'EBADF|EINVAL'),
  call('secret-memory', 'memfd_secret -1', 'EINVAL|ENOSYS'),
  call('file-handle', 'name_to_handle_at -1 -1 -1 -1 0', 'EFAULT|EBADF|EINVAL', 'CVE-2015-3627'),
  call('write-other-memory', 'process_vm_writev 0 0 0 0 0 0', 'yes|ESRCH'),
  call('schedule', 'sched_setattr 0 -1 0', 'EINVAL|EFAULT'),
  call('disk-priority', 'ioprio_set 1 0 0', 'yes'),
  call('memory-policy', 'mbind 0 0 0 0 0 0', 'yes|EINVAL|ENOSYS', 'CVE-2010-4250'),
  call('request-key', 'request_key -1 -1 -1 0', 'EFAULT|ENOSYS', 'CVE-2016-0728'),
  c('find-key', 'find_key suite-secret', 'keyring', {
    also: ['seccomp'],
    contained: 'EPERM',
    known: 'CVE-2016-0728',
    needs: 'keys',
    onlyContained: {
      preload: 'its parent has a keyring of its own',
      runc: 'a runtime makes a keyring of its own',
      crun: 'a runtime makes a keyring of its own',
    },
  }),
  python('trace', 'trace', 'seccomp', { contained: 'EPERM' }),
  python('new-user-namespace', 'new_user_namespace', 'seccomp', { contained: 'EPERM' }),
  python('add-key', 'add_key', 'seccomp', { contained: 'EPERM', loose: 'yes|ENOSYS' }),
  python('join-keyring', 'join_keyring', 'seccomp', { contained: 'EPERM', loose: 'yes|ENOSYS' }),
  python('load-bpf', 'load_bpf', 'seccomp', { contained: 'EPERM', loose: 'EINVAL' }),
  python('watch-faults', 'watch_faults', 'seccomp', { contained: 'EPERM', loose: 'EINVAL' }),
  python('ring', 'ring', 'seccomp', { contained: 'ENOSYS', loose: 'yes|ENOMEM|EPERM' }),

  c('kernel-tls', 'upper_protocol tls', 'seccomp', { contained: 'EPERM', loose: 'yes|ENOENT', known: 'CVE-2023-0461' }),
  c('compile-socket-filter', 'socket_filter 26', 'seccomp', { contained: 'EPERM' }),
  c('compile-group-filter', 'socket_filter 51', 'seccomp', { contained: 'EPERM', loose: 'yes|EINVAL' }),
  c('parent-user-namespace', 'parent_namespace', 'user-namespace', {
    contained: 'EPERM',
    loose: null,
    unswitched: 'the kernel shows nobody a namespace around its own',
  }),
  c('next-mount-namespace', 'next_mounts', 'mount-namespace', {
    contained: 'EPERM|ENOTTY|ENOENT|EACCES|EINVAL',
    loose: null,
    unswitched: 'it takes a right on the host',
  }),
  node('userfaultfd-by-device', 'use_device /dev/userfaultfd', 'dev', {
    contained: 'ENOENT',
    loose: null,
    unswitched: 'on the host it is closed to all but root',
  }),
]
