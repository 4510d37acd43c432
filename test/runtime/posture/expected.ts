// What must be seen of each process of a run, exactly: a posture that differs, or has one thing more, is a fault.

import { readdirSync } from 'node:fs'
import type { Mode, Profile, Scene, Way } from './scene.ts'
import type { Posture } from './sight.ts'

const MiB = 2 ** 20

/** The table of docs/sandbox.md; a server has no limit of time or output. */
export const LIMITS = {
  development: {
    memory: 512 * MiB,
    cpuUs: 200_000,
    processes: 256,
    files: 1024,
    tmp: 256 * MiB,
    file: 512 * MiB,
    disk: 1024 * MiB,
  },
  production: {
    memory: 128 * MiB,
    cpuUs: 50_000,
    processes: 32,
    files: 256,
    tmp: 32 * MiB,
    file: 64 * MiB,
    disk: 200 * MiB,
  },
  strict: { memory: 64 * MiB, cpuUs: 20_000, processes: 16, files: 64, tmp: 16 * MiB, file: 32 * MiB, disk: 50 * MiB },
} as const

export type Role = 'launcher' | 'init' | 'payload' | 'child'

const NONE = '0000000000000000'

/** NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE, each with its lock, and KEEP_CAPS locked in its absence. */
export const SECUREBITS = 0b11101111

/** Time is the one namespace a run shares with the host: there is nothing to hide in it, and no clock can be set. */
const SHARED = ['time', 'time_for_children']

const namespaces = (own: (kind: string) => boolean): Record<string, string> =>
  Object.fromEntries(
    ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'pid_for_children', ...SHARED, 'user', 'uts'].map((kind) => [
      kind,
      own(kind) ? 'own' : 'host',
    ]),
  )

const four = (id: number): string => Array(4).fill(id).join('\t')

export function expectedOf(
  role: Role,
  { idle, caller, plan, pids }: Scene,
  way: Way,
  mode: Mode,
  profile: Profile,
): Posture {
  if (role === 'launcher') {
    return {
      ...idle,
      umask: '0000',
      // As root it makes the network namespace ahead of the clone, and stays in it: it has no use for a network.
      namespaces: namespaces((kind) => mode === 'root' && kind === 'net'),
      descriptors: launcherDescriptors(idle, plan, way, mode),
      environment: [],
      executable: 'bulkhead-launch',
      owner: caller.uid,
    }
  }
  const limits = { ...idle.limits, 'Max core file size': lowered(idle, 'Max core file size', 1) }
  const sandboxed = {
    ...idle,
    uid: four(plan.ids.uid),
    gid: four(plan.ids.gid),
    groups: '',
    capabilities: [NONE, NONE, NONE, NONE, NONE],
    noNewPrivs: '1',
    seccomp: 'mode 2, 1 filters',
    coreDumping: '0',
    namespaces: namespaces((kind) => !SHARED.includes(kind)),
    session: 'own',
    group: 'own',
    terminal: 'none',
    root: '/',
    // Only with a memory limit of its own is it the first to go when the host is short of memory.
    oomScoreAdj: mode === 'root' ? '500' : idle.oomScoreAdj,
    limits,
    threads: 1,
    personality: '00000000',
  }
  if (role === 'init') {
    return {
      ...sandboxed,
      umask: '0000',
      pids: ['1'],
      descriptors: ['0 pipe w', '1 /tmp path'],
      cwd: '/',
      owner: 0,
      environment: [],
      executable: 'bulkhead-launch',
    }
  }
  const { files, file, processes, memory } = LIMITS[profile]
  return {
    ...sandboxed,
    umask: '0077',
    threads: role === 'payload' ? 2 : 1,
    // The second thread has the number between.
    pids: [role === 'payload' ? '2' : '4'],
    descriptors: ['0 pipe r inherited', '1 pipe w inherited', '2 pipe w inherited'],
    cwd: '/plugin',
    session: role === 'payload' ? 'own' : `of ${pids.payload}`,
    group: role === 'payload' ? 'own' : `of ${pids.payload}`,
    owner: plan.ids.uid,
    environment: ['GRANTED', 'PATH', 'HOME', 'TMPDIR', 'LANG', 'PLUGIN_NAME', 'PLUGIN_VERSION'],
    executable: '/plugin/bin/x',
    limits: {
      ...limits,
      'Max open files': lowered(idle, 'Max open files', files),
      'Max file size': String(file),
      'Max locked memory': '0',
      'Max msgqueue size': '0',
      'Max pending signals': lowered(idle, 'Max pending signals', 1024),
      'Max realtime priority': '0',
      'Max nice priority': '0',
      // Init is counted, and where a pids cgroup is, that comes first by one.
      ...(mode === 'root'
        ? { 'Max processes': lowered(idle, 'Max processes', processes + 2) }
        : { 'Max data size': String(memory) }),
    },
  }
}

/** Nobody can raise a hard limit that was inherited. */
function lowered({ limits }: Posture, name: string, to: number): string {
  const hard = limits[name]?.split(' to ').at(-1) ?? 'unlimited'
  return String(hard === 'unlimited' ? to : Math.min(to, Number(hard)))
}

/** What the launcher waits for, counts with and removes at the end; nothing else of the caller's is left. */
function launcherDescriptors(idle: Posture, { cgroups }: Scene['plan'], way: Way, mode: Mode): string[] {
  const v1 = Object.values(cgroups.cgroup1).filter((path, at, all) => all.indexOf(path) === at)
  return [
    ...idle.descriptors.filter((one) => /^[012] /.test(one)).map((one) => one.replace(/^\d+ /, '')),
    '[pidfd] rw', // the parent
    '[pidfd] rw', // init
    '[signalfd] rw',
    'pipe r', // init's messages
    'pipe w', // the plugin's stdin, stdout and stderr
    'pipe r',
    'pipe r',
    ...(way === 'library' ? ['socket rw', 'socket rw'] : []), // report and control
    ...(mode === 'root' ? ['/ path', '/tmp path', '/dev path'] : []), // the trees it made
    ...(cgroups.cgroup2 === null ? [] : [`${cgroups.cgroup2}/RUN r`]),
    ...v1.flatMap((path) => [`${path}/RUN r`, `${path}/RUN/tasks w`]),
  ].sort()
}

export function expectedMounts({ tmp }: { readonly tmp: number }, mode: Mode): string[] {
  const nodes = ['full', 'null', 'random', 'urandom', 'zero'].map((node) => `/dev/${node} ro,nosuid,noexec`)
  const inodes = Math.min(tmp / 4096, 65_536)
  return [
    '/ ro,nosuid,nodev',
    '/dev ro,nosuid,noexec tmpfs mode=755,nr_inodes=32,size=64k',
    // An ordinary user makes no device, and binds the host's one by one.
    ...(mode === 'root' ? [] : nodes),
    '/proc ro,nosuid,nodev,noexec proc hidepid=invisible,subset=pid',
    `/tmp rw,nosuid,nodev,noexec tmpfs nr_inodes=${inodes},size=${tmp / 1024}k`,
  ].sort()
}

/** `file: content` for each limit in the leaves of a run; those of a kernel that has no such file are left out. */
export function expectedCgroups(
  { cgroups, disks }: Scene['plan'],
  profile: Profile,
): [path: string, content: string][] {
  const { memory, processes, cpuUs, disk } = LIMITS[profile]
  const rates = (each: (device: string) => string): string => disks.map(each).join('\n')
  const v2: Record<string, [string, string][]> = {
    memory: [
      ['memory.max', `${memory}`],
      ['memory.swap.max', '0'],
      ['memory.oom.group', '1'],
    ],
    pids: [['pids.max', `${processes + 1}`]],
    cpu: [['cpu.max', `${cpuUs} 100000`]],
    io: [['io.max', rates((device) => `${device} rbps=${disk} wbps=${disk} riops=max wiops=max`)]],
  }
  const v1: Record<string, [string, string][]> = {
    memory: [
      ['memory.limit_in_bytes', `${memory}`],
      ['memory.memsw.limit_in_bytes', `${memory}`],
      ['memory.kmem.tcp.limit_in_bytes', `${memory / 4}`],
    ],
    pids: [['pids.max', `${processes + 1}`]],
    cpu: [
      ['cpu.cfs_quota_us', `${cpuUs}`],
      ['cpu.cfs_period_us', '100000'],
    ],
    blkio: [
      ['blkio.throttle.read_bps_device', rates((device) => `${device} ${disk}`)],
      ['blkio.throttle.write_bps_device', rates((device) => `${device} ${disk}`)],
    ],
    cpuacct: [],
  }
  const files = [
    ...cgroups.cgroup2Controllers.flatMap((one) => (v2[one] ?? []).map((file) => [cgroups.cgroup2, ...file])),
    ...Object.entries(cgroups.cgroup1).flatMap(([one, path]) => (v1[one] ?? []).map((file) => [path, ...file])),
  ] as [parent: string, file: string, content: string][]
  return files
    .filter(([parent, file]) => !OPTIONAL.has(file) || readdirSync(parent).includes(file))
    .map(([parent, file, content]) => [`${parent}/RUN/${file}`, content])
}

/** Kernels without swap accounting, or without v1's count of socket buffers, have none. */
const OPTIONAL = new Set(['memory.swap.max', 'memory.memsw.limit_in_bytes', 'memory.kmem.tcp.limit_in_bytes'])
