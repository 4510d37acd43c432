// What there is only so much of: memory, processes, processor time, and what the kernel counts.

import type { Attack } from '../attack.ts'
import { rowsOf } from '../attack.ts'

const c = rowsOf('c')
const node = rowsOf('node')
const python = rowsOf('python')

const MIB = 2 ** 20
const FALLS = { alone: true, contained: /\[limited memory/ }
const HANDED_DOWN = { preload: 'its parent has that limit, and hands it down' }
const STOPS = { alone: true, contained: /^(no|\[).*met .*processes|^no/ }

export const LIMITS: readonly Attack[] = [
  c('eat-memory', `eat_memory ${96 * MIB}`, 'memory', FALLS),
  c('eat-by-tmp', `fill /tmp/x ${80 * MIB}`, 'memory', FALLS),
  c('eat-by-memfd', `memfd_hog ${96 * MIB}`, 'memory', FALLS),
  c('eat-by-shared-memory', `shared_hog ${96 * MIB}`, 'memory', FALLS),
  c('eat-by-pipes', `pipe_hog ${62 * MIB}`, 'memory', FALLS),
  c('eat-by-datagrams', `udp_hog ${66 * MIB}`, 'memory', { alone: true, contained: /^no|\[limited memory/ }),
  node('eat-memory-node', `eat_memory ${320 * MIB}`, 'memory', FALLS),
  node('eat-in-workers', `eat_in_workers ${320 * MIB}`, 'memory', FALLS),
  python('eat-memory-python', `eat_memory ${96 * MIB}`, 'memory', FALLS),
  python('eat-by-mapping', `map_memory ${96 * MIB}`, 'memory', FALLS),

  // Of a copy on cgroup v1, as many as its parent may have: it is in the cgroup of that one then.
  c('fork-bomb', 'fork_bomb', 'processes', { alone: true, contained: /^3[012] /, loose: /^(?:300|25\d) / }),
  c('fork-chain', 'fork_chain 100', 'processes', STOPS),
  c('thread-bomb', 'thread_bomb 100', 'processes', STOPS),
  node('worker-bomb', 'worker_bomb 22', 'processes', {
    alone: true,
    contained: /met [a-z,]*processes|\[limited processes/,
  }),
  python('fork-bomb-python', 'fork_bomb 40', 'processes', STOPS),
  python('thread-bomb-python', 'thread_bomb 40', 'processes', STOPS),

  c('burn-processor', 'burn_many 4 60', 'cpu', {
    profile: 'strict',
    alone: true,
    contained: /met cpu/,
    loose: /^\[exited 0\]$/,
  }),

  c('open-files', 'more_files 256', 'rlimits', { contained: /^no 256$/ }),
  c('lock-page', 'lock_page', 'rlimits', { contained: 'EPERM|ENOMEM' }),
  c('own-queue', 'make_queue', 'rlimits', { also: ['landlock'], contained: 'EMFILE|EACCES', needs: 'queues' }),
  c('huge-pages-by-shared-memory', 'huge_shared', 'rlimits', {
    contained: 'EPERM',
    loose: null,
    unswitched: 'the kernel asks for a right on the host',
  }),
  c('queue-signals', 'many_signals 1024', 'rlimits', { contained: /^no 102[0-4]$/ }),
  c('long-file', `long_file ${200 * MIB}`, 'rlimits', { contained: /^killed by XFSZ$/ }),
  c('core-handler', 'core_limit', 'rlimits', { contained: /^1 1$/, loose: /^(?!1 1$)/, onlyContained: HANDED_DOWN }),
  c('lower-core-limit', 'lower_core_limit 0', 'seccomp', { contained: 'EINVAL' }),
  node('open-files-node', 'open_files 300', 'rlimits', { contained: /^no$/ }),
  python('core-handler-python', 'core_dump', 'rlimits', { contained: /^no$/, onlyContained: HANDED_DOWN }),
  python('raise-core-limit', 'raise_core_limit', 'seccomp', { contained: 'ValueError|EINVAL' }),
  python('open-files-python', 'open_files 300', 'rlimits', { contained: /^no$/ }),
  python('lock-memory', 'lock_memory', 'rlimits', { contained: 'EPERM|ENOMEM' }),
]
