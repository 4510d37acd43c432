// What is seen of a program and its pid 1, from inside and from the host.

import { mountsOf, postureOf } from '../posture/sight.ts'
import { childOf } from './parent.ts'

/** Everything an interpreter and its kernel say of a process, but for addresses, sizes and times. */
export const PORTRAIT = `
import json, os, resource, signal, sys
read = lambda path: open('/proc/self/' + path).read()
# SigQ counts what waits for pid 1 as well, which hears of each message that its launcher has read.
MOVES = ('Vm', 'Rss', 'FDSize', 'Mems', 'voluntary', 'nonvoluntary', 'SigQ')
portrait = {
    'status': [line for line in read('status').splitlines() if not line.startswith(MOVES)],
    'cmdline': read('cmdline'), 'environ': read('environ'), 'limits': read('limits'), 'cgroup': [line.rsplit('/', 1)[0] for line in read('cgroup').splitlines()],
    'mounts': sorted(line.split()[4:6] for line in read('mountinfo').splitlines()), 'exe': os.readlink('/proc/self/exe'),
    'fds': sorted((fd, os.readlink('/proc/self/fd/' + fd).split(':')[0]) for fd in os.listdir('/proc/self/fd') if int(fd) < 3),
    'dumpable': os.stat('/proc/self/environ').st_uid, 'oom': read('oom_score_adj'), 'session': [os.getsid(0), os.getpgid(0), os.getpid(), os.getppid()],
    'umask': os.umask(0o77), 'cwd': os.getcwd(), 'root': os.listdir('/'), 'host': os.uname().nodename, 'plugin': os.listdir('/plugin'),
    'signals': [str(signal.getsignal(number)) for number in range(1, 65) if number not in (32, 33)], 'mask': len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    'argv': [sys.argv, sys.orig_argv, sys.path, sys.flags, sys.executable, sys.prefix, sys.getrecursionlimit(), sys.platform],
    'env': dict(os.environ), 'bytes': sorted(map(repr, os.environb)), 'encodings': [sys.stdin.encoding, sys.stdout.encoding, sys.stdout.errors, sys.stderr.errors, sys.getfilesystemencoding()],
    'lines': [sys.stdout.line_buffering, sys.stderr.line_buffering, sys.stdin.fileno()],
    'main': [__name__, __file__, str(__spec__), type(__loader__).__name__, __package__, __doc__, sys.modules['__main__'].__dict__ is globals(), __builtins__.__name__],
    'names': sorted(name for name in globals() if name.startswith('__')), 'nice': os.nice(0), 'cpus': sorted(os.sched_getaffinity(0)),
    'rlimits': {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith('RLIMIT_')},
    'stdin': sys.stdin.read(), 'threads': os.listdir('/proc/self/task'),
}
print(json.dumps(portrait, default=str))`

/** What is seen of init, whose number is `pid`, and of its program, when both are there. */
export function seenFromHost(pid: number): object {
  return [pid, childOf(pid)].map((one) => {
    const posture = postureOf(one)
    // A copy has one more number, in its parent's namespace. Init's file lies on a mount of the parent's, which is gone.
    const executable = one === pid ? '' : posture.executable
    return { ...posture, pids: posture.pids.slice(-1), executable, mounts: mountsOf(one) }
  })
}
