import { type Mount, parseMountinfo } from './mountinfo.ts'

/** `root`: effective uid 0, which may make cgroups where it likes. `user`: only where something was delegated to it. */
export type Mode = 'root' | 'user'
export type Controller = 'memory' | 'pids' | 'cpu' | 'io'
/** What v1 calls them; it counts processor time in a hierarchy of its own. */
export type LegacyController = 'memory' | 'pids' | 'cpu' | 'blkio' | 'cpuacct'
/** The limits that only a cgroup can hold, by the names of `weaker`. */
export type CgroupLimit = 'memory' | 'processes' | 'cpu' | 'io'

/** What is to be known of one cgroup directory; `null` where there is none. */
export interface CgroupFolder {
  /** `cgroup.controllers`; empty on v1. */
  readonly controllers: readonly string[]
  /** `cgroup.subtree_control`; empty on v1. */
  readonly enabled: readonly string[]
  /** Has it processes of its own? Then (v2, no-internal-process rule) it can pass no controller on. */
  readonly occupied: boolean
  /** The hierarchy's real root, which is exempt from that rule. */
  readonly top: boolean
  readonly writable: boolean
}

export interface CgroupFacts {
  readonly mountinfo: string
  /** /proc/self/cgroup. */
  readonly selfCgroup: string
  readonly mode: Mode
  readonly uid: number
  readonly look: (directory: string) => CgroupFolder | null
}

/** A limit that cannot be held here: why, and the command that changes it. */
export interface MissingLimit {
  readonly limit: CgroupLimit
  readonly reason: string
  readonly remedy: string
}

export interface CgroupPlan {
  readonly hierarchy: 'v1' | 'v2' | 'hybrid' | 'none'
  /** Directories to make leaves in, by the keys of the launcher's SPEC. */
  readonly cgroup2: string | null
  readonly cgroup2Controllers: readonly Controller[]
  readonly cgroup1: { readonly [C in LegacyController]?: string }
  readonly missing: readonly MissingLimit[]
  /** What `prepareCgroups` has to do first, in this order: then a run costs it nothing. */
  readonly steps: readonly CgroupStep[]
}

export type CgroupStep =
  | { readonly step: 'make'; readonly directory: string }
  | { readonly step: 'enable'; readonly directory: string; readonly controllers: readonly Controller[] }

/** The parent of all our leaves; nothing else is ever put in it. */
export const PARENT = 'bulkhead'

const CONTROLLERS: readonly Controller[] = ['memory', 'pids', 'cpu', 'io']
const LIMIT_OF = { memory: 'memory', pids: 'processes', cpu: 'cpu', io: 'io' } as const
const LEGACY = { memory: 'memory', pids: 'pids', cpu: 'cpu', io: 'blkio' } as const

/** Where the leaves of a run go. v1 and hybrid: below the caller's own cgroup; v2: see `planUnified`. */
export function planCgroups(facts: CgroupFacts): CgroupPlan {
  const mounts = parseMountinfo(facts.mountinfo)
  const own = parseSelfCgroup(facts.selfCgroup)
  const unified = planUnified(mounts, own, facts)
  const cgroup1: { [C in LegacyController]?: string } = {}
  const missing: MissingLimit[] = []
  const steps: CgroupStep[] = [...unified.steps]

  for (const controller of [...CONTROLLERS, 'cpuacct'] as const) {
    if (controller !== 'cpuacct' && unified.controllers.includes(controller)) continue
    const legacy = controller === 'cpuacct' ? controller : LEGACY[controller]
    const place = planLegacy(mounts, own, legacy, facts)
    if ('parent' in place) {
      cgroup1[legacy] = place.parent
      if (!place.exists && !steps.some((step) => step.directory === place.parent)) {
        steps.push({ step: 'make', directory: place.parent })
      }
    } else if (controller !== 'cpuacct') {
      const why = place.mounted || unified.why === null ? place : unified.why
      missing.push({ limit: LIMIT_OF[controller], reason: why.reason, remedy: why.remedy })
    }
  }
  const legacy = Object.keys(cgroup1).length > 0
  const hierarchy = legacy ? (unified.parent ? 'hybrid' : 'v1') : unified.parent ? 'v2' : 'none'
  return { hierarchy, cgroup2: unified.parent, cgroup2Controllers: unified.controllers, cgroup1, missing, steps }
}

/** /proc/self/cgroup: controller (or `''` for the unified hierarchy) to path. */
export function parseSelfCgroup(text: string): ReadonlyMap<string, string> {
  const paths = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line)
    if (!match) continue
    for (const controller of (match[2] ?? '').split(',')) paths.set(controller, match[3] ?? '/')
  }
  return paths
}

/**
 * The directory below `mount` that is cgroup `path`. `null` when it lies outside of what is mounted: in a container whose
 * cgroup namespace differs from that of its mount, /proc/self/cgroup shows `/..` paths.
 */
function directoryOf(mount: Mount, path: string): string | null {
  if (path.split('/').includes('..')) return null
  if (mount.root === '/') return join(mount.point, path)
  if (path === mount.root) return mount.point
  return path.startsWith(`${mount.root}/`) ? join(mount.point, path.slice(mount.root.length)) : null
}

const join = (base: string, path: string): string => (path === '/' ? base : `${base.replace(/\/$/, '')}${path}`)
const below = (directory: string, name: string): string => join(directory, `/${name}`)
const parentOf = (directory: string): string => directory.slice(0, directory.lastIndexOf('/')) || '/'

type Legacy =
  | { readonly parent: string; readonly exists: boolean }
  | { readonly mounted: boolean; readonly reason: string; readonly remedy: string }

function planLegacy(
  mounts: readonly Mount[],
  own: ReadonlyMap<string, string>,
  controller: LegacyController,
  facts: CgroupFacts,
): Legacy {
  const mount = mounts.find((one) => one.type === 'cgroup' && one.options.includes(controller))
  if (!mount) {
    return {
      mounted: false,
      reason: `no cgroup hierarchy with the ${controller} controller is mounted`,
      remedy: own.has(controller)
        ? `mkdir -p /sys/fs/cgroup/${controller} && mount -t cgroup -o ${controller} cgroup /sys/fs/cgroup/${controller}`
        : 'mount -t cgroup2 cgroup2 /sys/fs/cgroup',
    }
  }
  // Where the mount does not show our own cgroup, its top is the nearest place that is ours.
  const home = directoryOf(mount, own.get(controller) ?? '/') ?? mount.point
  const parent = below(home, PARENT)
  const there = facts.look(parent)
  if (there?.writable) return { parent, exists: true }
  if (mount.options.includes('ro')) {
    return {
      mounted: true,
      reason: `${mount.point} is mounted read-only, as in a container`,
      remedy: `start the container with --volume ${mount.point}:${mount.point}:rw, or run plugins outside of it`,
    }
  }
  if (!there && facts.look(home)?.writable) return { parent, exists: false }
  return {
    mounted: true,
    reason: `${there ? parent : home} may not be written by uid ${facts.uid}`,
    remedy: `sudo install -d -o ${facts.uid} ${parent}`,
  }
}

interface Unified {
  readonly parent: string | null
  readonly controllers: readonly Controller[]
  readonly steps: readonly CgroupStep[]
  /** Why a controller that is not in `controllers` is missing, if the unified hierarchy is the place to look for it. */
  readonly why: { readonly reason: string; readonly remedy: string } | null
}

const nowhere = (reason: string, remedy: string): Unified => ({
  parent: null,
  controllers: [],
  steps: [],
  why: { reason, remedy },
})

/**
 * Root makes its parent at the top of the mount. An ordinary user makes it in the highest cgroup above its own that it may
 * write: a process may only be moved within what was delegated (cgroup v2, "Delegation Containment").
 */
function planUnified(mounts: readonly Mount[], own: ReadonlyMap<string, string>, facts: CgroupFacts): Unified {
  const mount = mounts.find((one) => one.type === 'cgroup2')
  if (!mount) return { parent: null, controllers: [], steps: [], why: null }
  if (facts.mode === 'root') return planParent(mount.point, mount, facts)

  const self = directoryOf(mount, own.get('') ?? '/')
  if (self === null) return nowhere('the own cgroup lies outside of the mounted hierarchy', DELEGATE_RUN)
  let home: string | null = null
  for (let at = self; at === mount.point || at.startsWith(`${mount.point}/`); at = parentOf(at)) {
    if (facts.look(at)?.writable) home = at
    else if (home !== null) break
  }
  if (home !== null) return planParent(home, mount, facts)
  const manager = `${mount.point}/user.slice/user-${facts.uid}.slice/user@${facts.uid}.service`
  return facts.look(manager)?.writable
    ? nowhere(`${self} is not delegated to uid ${facts.uid}, but ${manager} is`, DELEGATE_RUN)
    : nowhere(`no cgroup above ${self} is delegated to uid ${facts.uid}`, `loginctl enable-linger; ${DELEGATE_RUN}`)
}

const DELEGATE_RUN = 'systemd-run --user --scope --quiet -p Delegate=yes -- plugins run …'
const DELEGATE_MORE =
  "printf '[Service]\\nDelegate=memory pids cpu io\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload, then log in again"

function planParent(home: string, mount: Mount, facts: CgroupFacts): Unified {
  const parent = below(home, PARENT)
  const there = facts.look(parent)
  if (there?.writable) {
    const ready = CONTROLLERS.filter((one) => there.enabled.includes(one))
    // The usual case, on every run but the first.
    if (ready.length === CONTROLLERS.length) return { parent, controllers: ready, steps: [], why: null }
  }
  const top = facts.look(home)
  if (!top || mount.options.includes('ro') || !(there ?? top).writable) {
    return nowhere(
      `${home} is not writable here`,
      'start the container with --privileged --cgroupns=private, or delegate a cgroup to it',
    )
  }
  const offered = CONTROLLERS.filter((one) => top.controllers.includes(one))
  const toEnable = offered.filter((one) => !top.enabled.includes(one))
  // cgroup v2, "No Internal Process Constraint": processes of its own forbid passing controllers on.
  const blocked = toEnable.length > 0 && top.occupied && !top.top
  const usable = blocked ? offered.filter((one) => top.enabled.includes(one)) : offered
  const steps: CgroupStep[] = []
  if (!blocked && toEnable.length > 0) steps.push({ step: 'enable', directory: home, controllers: toEnable })
  if (!there) steps.push({ step: 'make', directory: parent })
  const inner = usable.filter((one) => !there?.enabled.includes(one))
  if (inner.length > 0) steps.push({ step: 'enable', directory: parent, controllers: inner })
  return { parent, controllers: usable, steps, why: whyUnified(home, blocked, offered, facts.mode) }
}

function whyUnified(home: string, blocked: boolean, offered: readonly Controller[], mode: Mode): Unified['why'] {
  if (blocked) {
    return {
      reason: `${home} has processes of its own, so it can pass no controller on`,
      remedy: `mkdir -p ${home}/init && for p in $(cat ${home}/cgroup.procs); do echo $p > ${home}/init/cgroup.procs; done`,
    }
  }
  if (offered.length === CONTROLLERS.length) return null
  const absent = CONTROLLERS.filter((one) => !offered.includes(one)).join(', ')
  return mode === 'user'
    ? { reason: `${home} was delegated without ${absent}`, remedy: DELEGATE_MORE }
    : {
        reason: `${home} has no ${absent} controller`,
        remedy: 'boot Linux with cgroup_no_v1=all (systemd: also systemd.unified_cgroup_hierarchy=1)',
      }
}
