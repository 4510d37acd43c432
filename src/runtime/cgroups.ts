import { type Mount, parseMountinfo } from './mountinfo.ts'
import { permit } from './remedies.ts'
import type { Maker } from './surroundings.ts'
import { SUPERVISORS, UNIT } from './systemd/user-manager.ts'

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
  /** Do all of those belong to the caller, or is it (root too) the only one, so that it may move them out of the way? */
  readonly movable: boolean
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
  /** Which systemd can be asked: the caller's own, and through it the system's. */
  readonly systemd: Systemd
  readonly look: (directory: string) => CgroupFolder | null
  /** Who made the container, for the words of a remedy; asked only where there is something to remedy. */
  readonly maker?: () => Maker | null
}

/** What of systemd there is to ask: the system's own (did it boot this host?), its bus, and the caller's own manager. */
export interface Systemd {
  readonly booted: boolean
  readonly bus: boolean
  readonly user: boolean
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
  /** A launcher has to be moved into the user's unit first: from where it starts the kernel lets it reach no leaf. */
  readonly adopt: boolean
  readonly missing: readonly MissingLimit[]
  /** What `prepareCgroups` has to do first, in this order: then a run costs it nothing. */
  readonly steps: readonly CgroupStep[]
}

export type CgroupStep =
  | { readonly step: 'make'; readonly directory: string }
  /** Have the user's systemd start the unit that keeps this directory. */
  | { readonly step: 'start'; readonly directory: string }
  /** Move its processes into `supervisors` below it. */
  | { readonly step: 'vacate'; readonly directory: string }
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
  return {
    hierarchy,
    cgroup2: unified.parent,
    cgroup2Controllers: unified.controllers,
    cgroup1,
    adopt: unified.adopt ?? false,
    missing,
    steps,
  }
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
  // The own cgroup is another one after the next login, so what root hands over for good lies at the top.
  const given = below(below(mount.point, `${PARENT}-${facts.uid}`), PARENT)
  if (facts.mode === 'user' && facts.look(given)?.writable) return { parent: given, exists: true }
  if (mount.options.includes('ro')) {
    return { mounted: true, ...readOnly(mount, facts) }
  }
  if (!there && facts.look(home)?.writable) return { parent, exists: false }
  return {
    mounted: true,
    reason: `${there ? parent : home} may not be written by uid ${facts.uid}`,
    remedy: facts.mode === 'user' ? `sudo install -d -o ${facts.uid} ${given}` : `chmod u+w ${there ? parent : home}`,
  }
}

const readOnly = (mount: Mount, { maker }: CgroupFacts) => ({
  reason: `${mount.point} is mounted read-only, as in a container`,
  remedy: permit('cgroups', maker?.() ?? null),
})

interface Unified {
  readonly parent: string | null
  readonly controllers: readonly Controller[]
  readonly steps: readonly CgroupStep[]
  readonly adopt?: boolean
  /** Why a controller that is not in `controllers` is missing, if the unified hierarchy is the place to look for it. */
  readonly why: { readonly reason: string; readonly remedy: string } | null
}

const NOWHERE: Unified = { parent: null, controllers: [], steps: [], why: null }
const nowhere = (reason: string, remedy: string): Unified => ({ ...NOWHERE, why: { reason, remedy } })

/**
 * Root makes its parent at the top of the mount. An ordinary user has one in a unit of the own systemd, where there is
 * one; else in the highest cgroup above its own that it may write: a process may only be moved within what was delegated
 * (cgroup v2, "Delegation Containment").
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
  const manager = facts.systemd.user ? directoryOf(mount, managerOf(facts.uid)) : null
  if (manager !== null && (home === null || home === manager) && facts.look(manager)?.writable) {
    return planUnit(manager, home === null, mount, facts)
  }
  if (home !== null) return planParent(home, mount, facts)
  if (mount.options.includes('ro')) return { ...NOWHERE, why: readOnly(mount, facts) }
  return nowhere(`no cgroup above ${self} is delegated to uid ${facts.uid}`, delegationRemedy(facts))
}

const managerOf = (uid: number): string => `/user.slice/user-${uid}.slice/user@${uid}.service`

/**
 * In a unit of our own, because all else below the user's systemd is systemd's to arrange. `outside`: the caller sits in a
 * cgroup of root's, such as a login session's, from where only the system's systemd can move it into the unit.
 */
function planUnit(manager: string, outside: boolean, mount: Mount, facts: CgroupFacts): Unified {
  if (outside && !facts.systemd.bus) {
    return nowhere(
      'a login session can be left through the system bus alone, and there is none',
      'sudo apt-get install dbus',
    )
  }
  const unit = `${manager}/app.slice/${UNIT}`
  // Made once its own process is in place. Before that systemd would find that it cannot put the process in any more.
  const running = facts.look(`${unit}/${SUPERVISORS}`)?.writable === true
  const { controllers } = facts.look(manager) ?? { controllers: [] }
  const fresh: CgroupFolder = { controllers, enabled: [], occupied: true, movable: true, top: false, writable: true }
  const look = (directory: string) => (!running && directory === unit ? fresh : facts.look(directory))
  const plan = planParent(unit, mount, { ...facts, look })
  const start: CgroupStep = { step: 'start', directory: unit }
  return { ...plan, adopt: outside, steps: running ? plan.steps : [start, ...plan.steps] }
}

/** Starts the user's manager where systemd is, else hands a cgroup over and puts the shell that asks into it. */
const delegationRemedy = ({ systemd, uid }: CgroupFacts): string =>
  systemd.booted
    ? `sudo loginctl enable-linger ${uid}`
    : `sudo sh -c 'cd /sys/fs/cgroup && echo "+cpu +memory +pids" > cgroup.subtree_control && mkdir -p bulkhead-${uid}/shell && cd bulkhead-${uid} && chown ${uid} . cgroup.procs cgroup.threads cgroup.subtree_control && echo '$$' > shell/cgroup.procs'`
const DELEGATE_RUN = 'systemd-run --user --scope --quiet -p Delegate=yes -- plugins run …'
const DELEGATE_MORE =
  "sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload # then log out and in, or restart the machine"

function planParent(home: string, mount: Mount, facts: CgroupFacts): Unified {
  const parent = below(home, PARENT)
  const there = facts.look(parent)
  if (there?.writable) {
    const ready = CONTROLLERS.filter((one) => there.enabled.includes(one))
    // The usual case, on every run but the first.
    if (ready.length === CONTROLLERS.length) return { parent, controllers: ready, steps: [], why: null }
  }
  const top = facts.look(home)
  if (mount.options.includes('ro')) return { ...NOWHERE, why: readOnly(mount, facts) }
  if (!top || !(there ?? top).writable) {
    const place = there ? parent : home
    return nowhere(`${place} may not be written by uid ${facts.uid}`, permit('cgroups', facts.maker?.() ?? null))
  }
  const offered = CONTROLLERS.filter((one) => top.controllers.includes(one))
  const toEnable = offered.filter((one) => !top.enabled.includes(one))
  // cgroup v2, "No Internal Process Constraint": processes of its own forbid passing controllers on.
  const occupied = toEnable.length > 0 && top.occupied && !top.top
  // The first program of a container is often `plugins` itself, alone at the top: then it makes room by going below.
  const blocked = occupied && !top.movable
  const usable = blocked ? offered.filter((one) => top.enabled.includes(one)) : offered
  const steps: CgroupStep[] = []
  if (occupied && !blocked) steps.push({ step: 'vacate', directory: home })
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
      remedy: `mkdir -p ${home}/${SUPERVISORS} && for p in $(cat ${home}/cgroup.procs); do echo $p > ${home}/${SUPERVISORS}/cgroup.procs; done`,
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
