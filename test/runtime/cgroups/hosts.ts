import type { CgroupFolder, Systemd } from '../../../src/runtime/cgroups.ts'

/** One machine, as its kernel describes it: a row of the table. */
export interface Host {
  readonly mountinfo: string
  readonly selfCgroup: string
  readonly folders: Readonly<Record<string, Partial<CgroupFolder>>>
  /** By default there is none. */
  readonly systemd?: Systemd
}

export const lookIn =
  (host: Host) =>
  (directory: string): CgroupFolder | null => {
    const folder = host.folders[directory]
    return folder
      ? { controllers: [], enabled: [], occupied: false, movable: true, top: false, writable: true, ...folder }
      : null
  }

const V2_ALL = ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids', 'rdma', 'misc']
const V2_MOUNT =
  '30 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n'

/** Debian 12, Ubuntu 24.04: systemd, cgroup v2. An ssh session, and the user's own manager beside it. */
export const DEBIAN: Host = {
  mountinfo: `22 28 0:20 / /proc rw,relatime shared:12 - proc proc rw\n${V2_MOUNT}`,
  selfCgroup: '0::/user.slice/user-1000.slice/session-3.scope\n',
  folders: {
    '/sys/fs/cgroup': { controllers: V2_ALL, enabled: V2_ALL, occupied: true, top: true },
    '/sys/fs/cgroup/user.slice/user-1000.slice/session-3.scope': { controllers: V2_ALL, occupied: true },
  },
}

const USER = '/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service'

/** Everything there is to ask. */
export const SYSTEMD: Systemd = { booted: true, bus: true, user: true }

/** The same as an ordinary user, in a terminal of a desktop or started by `systemd-run --user --scope`. */
export const DEBIAN_USER: Host = {
  ...DEBIAN,
  systemd: SYSTEMD,
  selfCgroup: '0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-42.scope\n',
  folders: {
    '/sys/fs/cgroup': { controllers: V2_ALL, enabled: V2_ALL, top: true, writable: false },
    '/sys/fs/cgroup/user.slice': { controllers: V2_ALL, enabled: V2_ALL, writable: false },
    '/sys/fs/cgroup/user.slice/user-1000.slice': { controllers: V2_ALL, enabled: V2_ALL, writable: false },
    [USER]: { controllers: ['cpu', 'io', 'memory', 'pids'], enabled: ['cpu', 'io', 'memory', 'pids'] },
    [`${USER}/app.slice`]: { controllers: ['cpu', 'memory', 'pids'], enabled: ['memory', 'pids'] },
    [`${USER}/app.slice/run-42.scope`]: { controllers: ['memory', 'pids'], occupied: true },
  },
}

/** systemd before 252 delegates to users without cpu. */
export const DEBIAN_USER_WITHOUT_CPU: Host = {
  ...DEBIAN_USER,
  folders: {
    ...DEBIAN_USER.folders,
    [USER]: { controllers: ['memory', 'pids'], enabled: ['memory', 'pids'] },
  },
}

const READY = { controllers: ['cpu', 'memory', 'pids'], enabled: ['cpu', 'memory', 'pids'] }
/** The unit has been started, and holds what it must. */
export const DEBIAN_USER_AGAIN: Host = {
  ...DEBIAN_USER,
  folders: {
    ...DEBIAN_USER.folders,
    [`${USER}/app.slice/bulkhead.service`]: READY,
    [`${USER}/app.slice/bulkhead.service/supervisors`]: { ...READY, enabled: [], occupied: true },
    [`${USER}/app.slice/bulkhead.service/bulkhead`]: READY,
  },
}

/** The tree that systemd makes, made by hand: there is nobody to ask. */
export const DELEGATED_BY_HAND: Host = { ...DEBIAN_USER, systemd: { booted: false, bus: false, user: false } }

/** A system service with `User=` and `Delegate=yes`: the process that asks sits at the top of what it was given. */
const SERVICE = '/sys/fs/cgroup/system.slice/host.service'
export const SERVICE_OF_USER: Host = {
  ...DEBIAN,
  systemd: { booted: true, bus: true, user: false },
  selfCgroup: '0::/system.slice/host.service\n',
  folders: {
    '/sys/fs/cgroup': { controllers: V2_ALL, enabled: V2_ALL, top: true, writable: false },
    '/sys/fs/cgroup/system.slice': { controllers: V2_ALL, enabled: V2_ALL, writable: false },
    [SERVICE]: { controllers: V2_ALL, occupied: true },
  },
}

/** An ssh session: its scope is root's, though the user's manager has a delegated tree. */
export const DEBIAN_SESSION: Host = {
  ...DEBIAN_USER,
  selfCgroup: '0::/user.slice/user-1000.slice/session-3.scope\n',
  folders: {
    ...DEBIAN_USER.folders,
    '/sys/fs/cgroup/user.slice/user-1000.slice/session-3.scope': { controllers: V2_ALL, writable: false },
  },
}

const V1 = ['memory', 'pids', 'cpuset', 'blkio'] as const
const v1Mount = (id: number, names: string, folder = names): string =>
  `${id} 31 0:${id} / /sys/fs/cgroup/${folder} rw,nosuid,nodev,noexec,relatime - cgroup cgroup rw,${names}\n`

/** systemd's hybrid: limits in v1, an empty unified hierarchy beside them; cpu and cpuacct are one mount. */
export const HYBRID: Host = {
  mountinfo: `${V1.map((name, at) => v1Mount(32 + at, name)).join('')}${v1Mount(40, 'cpu,cpuacct')}41 31 0:41 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n`,
  selfCgroup:
    '10:blkio:/\n9:memory:/user.slice\n8:pids:/user.slice/user-0.slice\n2:cpu,cpuacct:/user.slice\n0::/user.slice/s.scope\n',
  folders: {
    '/sys/fs/cgroup/memory/user.slice': {},
    '/sys/fs/cgroup/memory/user.slice/bulkhead': {},
    '/sys/fs/cgroup/blkio': {},
    '/sys/fs/cgroup/pids/user.slice/user-0.slice': {},
    '/sys/fs/cgroup/cpu,cpuacct/user.slice': {},
    '/sys/fs/cgroup/unified': { top: true },
  },
}

/** The machine this was written on: every v1 controller has a mount of its own, at different depths. */
export const SPLIT: Host = {
  mountinfo: `${['memory', 'pids', 'cpu', 'cpuacct', 'blkio'].map((name, at) => v1Mount(32 + at, name)).join('')}41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n`,
  selfCgroup: '9:blkio:/\n8:pids:/\n4:memory:/service/8982\n2:cpuacct:/\n1:cpu:/\n0::/\n',
  folders: {
    '/sys/fs/cgroup/memory/service/8982': {},
    '/sys/fs/cgroup/blkio': {},
    '/sys/fs/cgroup/pids': {},
    '/sys/fs/cgroup/cpu': {},
    '/sys/fs/cgroup/cpuacct': {},
    '/sys/fs/cgroup/unified': { controllers: ['hugetlb'], top: true },
  },
}

/** Docker on a v2 host: a cgroup namespace of its own, mounted read-only. */
export const DOCKER_V2: Host = {
  mountinfo: '700 699 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate\n',
  selfCgroup: '0::/\n',
  folders: { '/sys/fs/cgroup': { controllers: V2_ALL, enabled: [], occupied: true, writable: false } },
}

/** Docker --privileged: writable, but the container's processes sit at its top. */
export const DOCKER_PRIVILEGED: Host = {
  ...DOCKER_V2,
  mountinfo: DOCKER_V2.mountinfo.replace('ro,', 'rw,'),
  folders: { '/sys/fs/cgroup': { controllers: V2_ALL, enabled: [], occupied: true, movable: false } },
}

/** `docker run --security-opt writable-cgroups=true image plugins run …`: nobody else is in the container. */
export const DOCKER_WRITABLE: Host = {
  ...DOCKER_PRIVILEGED,
  folders: { '/sys/fs/cgroup': { controllers: V2_ALL, enabled: [], occupied: true, movable: true } },
}

/** Docker on a v1 host: the mount shows the container's own cgroup only, and is read-only. */
export const DOCKER_V1: Host = {
  mountinfo: ['memory', 'pids', 'cpu', 'blkio']
    .map(
      (name, at) =>
        `${600 + at} 599 0:${30 + at} /docker/f00 /sys/fs/cgroup/${name} ro,nosuid - cgroup cgroup rw,${name}\n`,
    )
    .join(''),
  selfCgroup: '9:memory:/docker/f00\n8:pids:/docker/f00\n2:cpu:/docker/f00\n',
  folders: {
    '/sys/fs/cgroup/memory': { writable: false },
    '/sys/fs/cgroup/pids': { writable: false },
    '/sys/fs/cgroup/cpu': { writable: false },
    '/sys/fs/cgroup/blkio': { writable: false },
  },
}

/** v2 is mounted, but every controller is still v1's, which nobody mounted. */
export const EMPTY_V2: Host = {
  mountinfo: V2_MOUNT,
  selfCgroup: '8:pids:/\n4:memory:/\n1:cpu:/\n0::/\n',
  folders: { '/sys/fs/cgroup': { top: true, occupied: true } },
}
