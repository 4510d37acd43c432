// Other processes, and what outlives its own.

import type { Attack } from '../attack.ts'
import { rowsOf } from '../attack.ts'

const c = rowsOf('c')
const node = rowsOf('node')
const python = rowsOf('python')

/** Landlock keeps signals in from ABI 6 on. */
const UNSEEN = { also: ['landlock'] as const, contained: 'ESRCH|EPERM' }
const UNDUMPABLE = 'init cannot be inspected (undumpable), whatever is switched off'
const NOT_OURS = { rootless: 'an ordinary user cannot end what outlives the run' }

export const PROCESSES: readonly Attack[] = [
  c('see-processes', 'see_processes', 'pid-namespace', { contained: /^no 0$/ }),
  c('signal-other-run', 'signal_pid $victim 0', 'pid-namespace', UNSEEN),
  c('kill-everybody', 'kill_all', 'pid-namespace', {
    also: ['landlock'],
    alone: true,
    witness: 'victim',
    contained: /^no$/,
  }),
  node('see-processes-node', 'see_processes', 'pid-namespace', { contained: /^no$/ }),
  node('signal-other-run-node', 'signal_process $victim', 'pid-namespace', UNSEEN),
  node('open-inspector-of-other-run', 'debug_process $victim', 'pid-namespace', UNSEEN),
  python('see-processes-python', 'see_processes', 'pid-namespace', { contained: /^no$/ }),
  python('signal-other-run-python', 'signal_process $victim', 'pid-namespace', UNSEEN),
  python('hold-other-run', 'hold_process $victim', 'pid-namespace', { contained: 'ESRCH|EINVAL' }),
  python('read-environment-of-other-run', 'read_environment $victim', 'pid-namespace', {
    also: ['landlock', 'user-namespace'],
    contained: 'ENOENT|EACCES',
    known: 'CVE-2016-8659',
    onlyContained: { rootless: 'a user namespace cannot be given up' },
  }),

  c('survive', 'survive', 'kill-tree', {
    also: ['pid-namespace', 'parent-death'],
    alone: true,
    witness: 'survivors',
    contained: /^no$/,
    onlyContained: NOT_OURS,
  }),
  python('daemon', 'daemon', 'kill-tree', {
    also: ['pid-namespace', 'parent-death'],
    alone: true,
    witness: 'survivors',
    contained: /^no$/,
    onlyContained: NOT_OURS,
  }),
  c('outlive-caller', 'deaf', 'parent-death', {
    alone: true,
    witness: 'orphan',
    contained: /^no$/,
    not: {
      runc: 'a handed-over run is the native engine’s here',
      crun: 'a handed-over run is the native engine’s here',
    },
  }),
  c('same-session', 'print_session', 'session', {
    contained: /^[1-9]\d* [1-9]\d*$/,
    loose: /^0 0$/,
    known: 'CVE-2017-5226',
    onlyContained: { runc: 'a container begins a session of its own', crun: 'a container begins a session of its own' },
  }),
  python('same-session-python', 'in_own_session', 'session', { contained: /^no$/ }),

  c('trace-init', 'trace_init', 'seccomp', {
    contained: 'EPERM',
    loose: null,
    unswitched: UNDUMPABLE,
    known: 'CVE-2016-9962',
  }),
  c('write-init-memory', 'open_init_memory', 'proc', {
    contained: 'ENOENT|EACCES|EROFS',
    loose: null,
    unswitched: UNDUMPABLE,
  }),
  c('take-init-descriptor', 'take_init_fd', 'seccomp', { contained: 'EPERM', loose: null, unswitched: UNDUMPABLE }),
  c('enter-init-namespaces', 'enter_init', 'seccomp', { contained: 'EPERM', loose: null, unswitched: UNDUMPABLE }),
  c('ask-init-for-namespace', 'init_namespace', 'pid-namespace', {
    contained: 'EPERM|EACCES|ENOTTY|EINVAL',
    loose: null,
    unswitched: UNDUMPABLE,
  }),
  c('kill-init', 'kill_init', 'pid-namespace', {
    contained: /^no, it lives/,
    loose: null,
    unswitched: 'the kernel keeps signals from inside away from pid 1',
  }),
  c('starve-init', 'move_init_limit', 'seccomp', { contained: 'EPERM' }),
]
