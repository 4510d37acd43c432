import type { Maker, Surroundings } from './surroundings.ts'

/** Why a layer is missing, as far as it can be known, and what changes it. */
export interface Explanation {
  /** A clause for the end of a sentence, or `null` where the errno has to do. */
  readonly cause: string | null
  readonly remedy: string
}

/** One thing a container is not allowed, and how each maker is told to allow it. */
type Permission = 'seccomp' | 'apparmor' | 'proc' | 'cgroups' | 'privileges' | 'setids'

const CONTAINER: Readonly<Record<Permission, Readonly<Record<Maker, string>>>> = {
  seccomp: {
    docker: '--security-opt seccomp=bulkhead.json (plugins doctor --print seccomp > bulkhead.json)',
    podman: '--security-opt seccomp=bulkhead.json (plugins doctor --print seccomp > bulkhead.json)',
    kubernetes:
      'securityContext.seccompProfile: {type: Localhost, localhostProfile: bulkhead.json} (plugins doctor --print seccomp > bulkhead.json, in /var/lib/kubelet/seccomp of the node)',
  },
  apparmor: {
    docker: '--security-opt apparmor=unconfined',
    podman: '--security-opt apparmor=unconfined',
    kubernetes: 'securityContext.appArmorProfile: {type: Unconfined}',
  },
  proc: {
    docker: '--security-opt systempaths=unconfined',
    podman: '--security-opt unmask=ALL',
    kubernetes: 'securityContext.procMount: Unmasked, and hostUsers: false in the pod',
  },
  cgroups: {
    docker: '--cgroupns=private --security-opt writable-cgroups=true (Docker 28)',
    podman: '--cgroupns=private --security-opt unmask=/sys/fs/cgroup',
    kubernetes:
      'cgroup_writable = true for the runtime class in containerd 2.1; with CRI-O the annotation io.kubernetes.cri-o.cgroup2-mount-hierarchy-rw: "true"',
  },
  privileges: {
    docker: 'without --security-opt no-new-privileges, or as root of the container',
    podman: 'without --security-opt no-new-privileges, or as root of the container',
    kubernetes: 'securityContext.allowPrivilegeEscalation: true, or runAsUser: 0',
  },
  setids: {
    docker: '--cap-add SETUID --cap-add SETGID',
    podman: '--cap-add SETUID --cap-add SETGID',
    kubernetes: 'securityContext.capabilities.add: [SETUID, SETGID]',
  },
}

/** Docker's flags where nothing says who made the container: most engines take them. */
export function permit(permission: Permission, maker: Maker | null): string {
  const words = CONTAINER[permission][maker ?? 'docker']
  if (maker === 'kubernetes') return words
  if (maker !== null) return `${maker} run ${words}`
  return words.startsWith('without') ? `start the container ${words}` : `start the container with ${words}`
}

const NAMESPACES = /-namespace$/
/** The calls that each step of the launcher needs, to tell a filter's no from the kernel's. */
const CALLS: Readonly<Record<string, readonly string[]>> = {
  'mount-namespace': [
    'mount',
    'umount2',
    'pivot_root',
    'open_tree',
    'move_mount',
    'mount_setattr',
    'fsopen',
    'fsmount',
    'fsconfig',
  ],
  'read-only': ['fsopen', 'fsmount', 'fsconfig'],
  dev: ['open_tree'],
  'uts-namespace': ['sethostname', 'setdomainname'],
  'cgroup-namespace': ['unshare'],
  keyring: ['keyctl'],
  seccomp: ['seccomp'],
  landlock: ['landlock_create_ruleset'],
  descriptors: ['close_range'],
  'parent-death': ['pidfd_open'],
  'kill-tree': ['pidfd_send_signal'],
}
const MAKES_NAMESPACE = ['clone3', 'clone']

/** A row of the probe that failed, its sentence, and what was looked at. */
export interface Lack {
  readonly layer: string
  /** `EPERM`; empty where there was none. */
  readonly errno: string
  /** Calls that a filter of somebody else refuses, whatever their arguments. */
  readonly refusedCalls: readonly string[]
  /** Is the caller root, with every right of it? */
  readonly root: boolean
}

/** Pure: the table of docs/containers.md, as code. The first cause that fits is the one that must go first. */
export function explain(lack: Lack, around: Surroundings): Explanation {
  const { layer, errno, refusedCalls, root } = lack
  if (around.foreign !== null) return FOREIGN[around.foreign]
  const namespaced = NAMESPACES.test(layer) || ['capabilities', 'read-only', 'dev', 'kill-tree', 'proc'].includes(layer)
  const needed = [...(namespaced ? MAKES_NAMESPACE : []), ...(CALLS[layer] ?? [])]
  const refused = needed.filter((call) => refusedCalls.includes(call))
  if (around.filtered && refused.length > 0) {
    const [first = ''] = refused.includes('clone') ? ['clone(CLONE_NEWUSER)'] : refused
    return {
      cause: `${first} is refused by the seccomp profile of this container`,
      remedy: permit('seccomp', around.maker),
    }
  }
  if (namespaced && errno === 'ENOSPC' && around.maxUserNamespaces === '0') {
    return { cause: 'user.max_user_namespaces is 0', remedy: 'sudo sysctl -w user.max_user_namespaces=15000' }
  }
  if (namespaced && around.appArmor !== null && around.maker !== null) {
    return {
      cause: `the AppArmor profile ${around.appArmor} of this container forbids it`,
      remedy: permit('apparmor', around.maker),
    }
  }
  if (namespaced && !root && around.unprivilegedUserns === '0') {
    return {
      cause: 'kernel.unprivileged_userns_clone is 0',
      remedy: 'sudo sysctl -w kernel.unprivileged_userns_clone=1',
    }
  }
  if (namespaced && !root && around.appArmorUserns === '1') {
    return {
      cause:
        'kernel.apparmor_restrict_unprivileged_userns is 1, and no AppArmor profile lets the launcher make user namespaces',
      remedy:
        'plugins doctor --print apparmor | sudo tee /etc/apparmor.d/bulkhead-launch && sudo apparmor_parser -r /etc/apparmor.d/bulkhead-launch',
    }
  }
  if (namespaced && (errno === 'EPERM' || errno === 'EACCES') && around.appArmor !== null) {
    return {
      cause: `the AppArmor profile ${around.appArmor} forbids it`,
      remedy: permit('apparmor', around.maker),
    }
  }
  if (namespaced && errno === 'EACCES' && around.seLinuxEnforcing) {
    return {
      cause: 'SELinux forbids it',
      remedy: 'ausearch -m avc -ts recent names the rule; in a container: --security-opt label=disable',
    }
  }
  return { cause: null, remedy: plainRemedy(layer, around) }
}

const FOREIGN: Readonly<Record<NonNullable<Surroundings['foreign']>, Explanation>> = {
  gvisor: {
    cause: 'this is gVisor, whose kernel lacks Landlock and the newer mount calls',
    remedy: 'run plugins outside of it',
  },
  wsl1: { cause: 'this is WSL 1, which has no namespaces', remedy: 'wsl --set-version DISTRIBUTION 2' },
}

function plainRemedy(layer: string, around: Surroundings): string {
  if (NAMESPACES.test(layer))
    return around.maker === null
      ? 'use a kernel with CONFIG_USER_NS, CONFIG_PID_NS, CONFIG_NET_NS, CONFIG_IPC_NS and CONFIG_UTS_NS'
      : permit('seccomp', around.maker)
  if (layer === 'landlock')
    return 'boot Linux with lsm=landlock,… in front of the present list (cat /sys/kernel/security/lsm)'
  if (layer === 'seccomp') return 'use a kernel with CONFIG_SECCOMP_FILTER'
  return 'plugins run --weaker names what can be gone without'
}
