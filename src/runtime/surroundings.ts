import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Who made the container we are in, as far as it leaves a mark; `null`: none that we know. */
export type Maker = 'docker' | 'podman' | 'kubernetes'

/** What stands around this process and may say no: kernel, switches, container, security modules. */
export interface Surroundings {
  /** `uname -r`. */
  readonly release: string
  /** Kernels that are none, or not a whole one. */
  readonly foreign: 'gvisor' | 'wsl1' | null
  readonly maker: Maker | null
  /** A seccomp filter is in force, and it is not ours: ours comes later, in a child. */
  readonly filtered: boolean
  readonly noNewPrivileges: boolean
  /** Name of the AppArmor profile we are confined by, or `null`. */
  readonly appArmor: string | null
  readonly seLinuxEnforcing: boolean
  /** kernel.apparmor_restrict_unprivileged_userns of Ubuntu; `null` where there is no such thing. */
  readonly appArmorUserns: string | null
  readonly maxUserNamespaces: string | null
  /** Debian's and Arch's own switch. */
  readonly unprivilegedUserns: string | null
}

/** Looks at `root`'s /proc, /sys and marks; a test gives a tree of its own. */
export function surveySurroundings(
  root = '/',
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Surroundings {
  const read = (path: string): string | null => {
    try {
      return readFileSync(join(root, path), 'utf8').replace(/\0/g, '').trim()
    } catch {
      return null
    }
  }
  const status = read('proc/self/status') ?? ''
  const release = read('proc/sys/kernel/osrelease') ?? 'unknown'
  return {
    release,
    foreign: foreignOf(release, read('proc/version') ?? ''),
    maker: makerOf(root, environment),
    filtered: /^Seccomp:\s*2$/m.test(status),
    noNewPrivileges: /^NoNewPrivs:\s*1$/m.test(status),
    appArmor: profileOf(read('proc/self/attr/apparmor/current') ?? read('proc/self/attr/current')),
    seLinuxEnforcing: read('sys/fs/selinux/enforce') === '1',
    appArmorUserns: read('proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
    maxUserNamespaces: read('proc/sys/user/max_user_namespaces'),
    unprivilegedUserns: read('proc/sys/kernel/unprivileged_userns_clone'),
  }
}

/** Only the marks: for a hint, without reading anything. */
export function makerOf(root = '/', environment: Readonly<Record<string, string | undefined>> = process.env) {
  const there = (path: string): boolean => existsSync(join(root, path))
  if (environment.KUBERNETES_SERVICE_HOST || there('var/run/secrets/kubernetes.io')) return 'kubernetes'
  if (there('run/.containerenv')) return 'podman'
  return there('.dockerenv') ? 'docker' : null
}

/** gVisor says that it is this one build of Linux 4.4; the first WSL translates calls and says Microsoft, without a 2. */
function foreignOf(release: string, version: string): Surroundings['foreign'] {
  if (release.startsWith('4.4.0') && version.includes('Sun Jan 10 15:06:54 PST 2016')) return 'gvisor'
  return /-Microsoft$/.test(release) ? 'wsl1' : null
}

/** `docker-default (enforce)`; under SELinux the same file holds a context, which has colons. */
function profileOf(current: string | null): string | null {
  const name = /^([^\s:]+) \((?:enforce|kill|prompt)\)$/.exec(current ?? '')?.[1]
  return name === undefined || name === 'unconfined' ? null : name
}
