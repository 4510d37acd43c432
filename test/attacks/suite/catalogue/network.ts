// Ways to the host and to the world: sockets, names, queues.

import type { Attack } from '../attack.ts'
import { rowsOf } from '../attack.ts'

const c = rowsOf('c')
const node = rowsOf('node')
const python = rowsOf('python')

const CLOSED = { contained: 'ECONNREFUSED|ENETUNREACH' }
const LOCAL = { contained: 'EAFNOSUPPORT' }

export const NETWORK: readonly Attack[] = [
  c('reach-host-loopback', 'connect_tcp 127.0.0.1 $port', 'net-namespace', CLOSED),
  c('reach-any-address', 'connect_tcp 0.0.0.0 $port', 'net-namespace', CLOSED),
  c('reach-other-loopback', 'connect_tcp 127.13.37.1 $port', 'net-namespace', CLOSED),
  c('reach-by-mapped-address', 'mapped ::ffff:127.0.0.1 $port', 'net-namespace', CLOSED),
  c('reach-by-udp', 'udp_echo 127.0.0.1 $udp', 'net-namespace', CLOSED),
  c('reach-by-fast-open', 'fast_open 127.0.0.1 $port', 'net-namespace', {
    contained: 'ECONNREFUSED|ENETUNREACH|EOPNOTSUPP',
  }),
  c('route-to-metadata', 'route 169.254.169.254 80', 'net-namespace', { contained: 'ENETUNREACH', needs: 'route' }),
  c('see-host-sockets', 'see_text /proc/self/net/unix $abstract', 'net-namespace', { contained: /^no/ }),
  c('connect-abstract', 'connect_unix $abstract', 'net-namespace', {
    ...LOCAL,
    also: ['seccomp', 'landlock'],
    known: 'CVE-2020-15257',
  }),
  node('fetch-host-loopback', 'fetch_page http://127.0.0.1:$port/', 'net-namespace', CLOSED),
  node('connect-host-node', 'connect_port 127.0.0.1 $port', 'net-namespace', CLOSED),
  node('fetch-metadata', 'connect_port 169.254.169.254 80', 'net-namespace', {
    contained: 'ENETUNREACH',
    loose: null,
    unswitched: 'nobody has to answer there on this host',
  }),
  node('pose-as-host-server', 'pose_as_server $lure', 'net-namespace', { contained: /^no$/ }),
  node('see-host-interfaces', 'outside_interface', 'net-namespace', { contained: /^no$/, needs: 'route' }),
  node('connect-host-socket', 'connect_path $stream', 'mount-namespace', {
    also: ['seccomp'],
    contained: 'EAFNOSUPPORT',
  }),
  python('fetch-host-python', 'fetch http://127.0.0.1:$port/', 'net-namespace', {
    contained: 'ECONNREFUSED|ENETUNREACH|URLError',
  }),
  python('connect-host-python', 'connect 2 1 0 127.0.0.1 $port', 'net-namespace', CLOSED),
  python('see-host-ports', 'host_network_files $port', 'net-namespace', { contained: /^no$/ }),

  c('late-socket', 'connect_unix $lateStream', 'seccomp', LOCAL),
  c('late-mailbox-by-pair', 'pair_send 2 $lateLetters', 'seccomp', { contained: 'EPROTONOSUPPORT' }),
  c('late-mailbox-by-raw-pair', 'pair_send 3 $lateLetters', 'seccomp', { contained: 'EPROTONOSUPPORT' }),
  c('reconnect-pair', 'pair_connect 2 $lateLetters', 'seccomp', { contained: 'EPROTONOSUPPORT' }),
  c('reconnect-stream-pair', 'pair_connect 1 $lateStream', 'seccomp', {
    contained: 'EISCONN|EINVAL',
    loose: null,
    unswitched: 'the kernel connects one that is connected no more',
  }),
  python('late-socket-python', 'connect 1 1 0 $lateStream', 'seccomp', LOCAL),
  c('mptcp', 'socket_of 2 1 262', 'seccomp', { contained: 'EPROTONOSUPPORT', loose: 'yes|ENOPROTOOPT' }),
  c('packet-socket', 'socket_of 17 3 0', 'seccomp', { ...LOCAL, loose: 'yes|EPERM' }),
  c('udp-lite', 'socket_of 2 2 136', 'seccomp', { contained: 'EPROTONOSUPPORT' }),
  c('netlink-sockets', 'socket_of 16 3 4', 'seccomp', LOCAL),
  python('netlink-events', 'make_socket 16 3 15', 'seccomp', LOCAL),

  c('shared-memory', 'shared_memory $key', 'ipc-namespace', { contained: 'ENOENT' }),
  c('semaphores', 'semaphores $key', 'ipc-namespace', { contained: 'ENOENT' }),
  c('message-queue', 'message_queue $key', 'ipc-namespace', { contained: 'ENOENT' }),
  c('posix-queue', 'posix_queue $queue', 'ipc-namespace', {
    also: ['landlock'],
    contained: 'ENOENT|EACCES',
    needs: 'queues',
  }),
  python('shared-memory-python', 'shared_memory $key', 'ipc-namespace', { contained: 'ENOENT' }),
  python('message-queue-python', 'message_queue $key', 'ipc-namespace', { contained: 'ENOENT' }),

  c('learn-host-name', 'host_name $hostname', 'uts-namespace', { contained: /^no plugin$/ }),
  node('learn-host-name-node', 'host_name $hostname', 'uts-namespace', { contained: /^no$/ }),
  python('learn-host-name-python', 'host_name $hostname', 'uts-namespace', { contained: /^no$/ }),
  c('learn-cgroup', 'see_text /proc/self/cgroup bulkhead-', 'cgroup-namespace', { contained: /^no$/ }),
  c('learn-cgroup-from-specification', 'see_field /dev/spec cgroup2 /sys', 'cgroup-namespace', {
    contained: /^no/,
    loose: null,
    unswitched: 'with the launcher there is no such file; in a container it names nothing of the host',
  }),
  c('learn-own-id-from-specification', 'see_field /dev/spec uid 19', 'user-namespace', {
    contained: /^no/,
    loose: null,
    unswitched: 'with the launcher there is no such file; in a container it names nothing of the host',
  }),
  node('learn-cgroup-node', 'find_in_file /proc/self/cgroup bulkhead-', 'cgroup-namespace', { contained: /^no$/ }),
  python('learn-cgroup-python', 'find_in_file /proc/self/cgroup bulkhead-', 'cgroup-namespace', { contained: /^no$/ }),
]
