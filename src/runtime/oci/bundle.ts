import type { RunPlan } from '../plan.ts'

/** Where the files of one bundle lie on the host. */
export interface BundlePlaces {
  /** The launcher: it is the container's first process. */
  readonly launcher: string
  /** What that process is told, as a file. */
  readonly inside: string
  /** The plugin's root, where the runtime can reach it. */
  readonly root: string
  /** `null`: the container has the host's ids. */
  readonly rootId: number | null
}

/** One id in the user namespace is the plugin's, as in a sandbox of our own. */
export const INSIDE_ID = 1000
/** Where the container finds its first process, and what that is told. */
const INIT = '/dev/init'
const SPEC = '/dev/spec'
/** A runtime's own first process is a Go program of several threads; the launcher lowers this before it lets it go. */
const START_UP_PIDS = 64

const READ_ONLY = ['bind', 'private', 'ro', 'nosuid', 'nodev']
const WRITABLE = ['nosuid', 'nodev', 'noexec']

type Json = Readonly<Record<string, unknown>>

/** The runtime-spec `config.json` of a run: the same mounts in the same order as the launcher's own, and no right at all. Pure. */
export function bundleOf(plan: RunPlan, places: BundlePlaces): Json {
  return {
    ociVersion: '1.0.2',
    process: processOf(plan, places),
    root: { path: places.root, readonly: true },
    hostname: 'plugin',
    mounts: mountsOf(plan, places),
    linux: {
      namespaces: namespacesOf(plan, places),
      ...idsOf(plan, places),
      cgroupsPath: `/bulkhead/bulkhead-${plan.run}`,
      resources: resourcesOf(plan),
      rootfsPropagation: 'private',
      // What /proc shows is processes alone (subset=pid), so there is nothing to mask.
      maskedPaths: [],
      readonlyPaths: [],
    },
  }
}

const insideId = (plan: RunPlan, { rootId }: BundlePlaces): number => (rootId === null ? plan.ids.uid : INSIDE_ID)

function processOf(plan: RunPlan, places: BundlePlaces): Json {
  const id = insideId(plan, places)
  return {
    terminal: false,
    user: { uid: id, gid: rootIdOr(places, plan.ids.gid), umask: 0o77 },
    args: [INIT, '--inside', SPEC],
    env: Object.entries(plan.env).map(([name, value]) => `${name}=${value}`),
    cwd: plan.cwd,
    capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
    // The rest is set by the first process inside, which knows what hard limits it was given.
    rlimits: ['RLIMIT_MEMLOCK', 'RLIMIT_MSGQUEUE', 'RLIMIT_NICE', 'RLIMIT_RTPRIO'].map((type) => ({
      type,
      soft: 0,
      hard: 0,
    })),
    noNewPrivileges: true,
    oomScoreAdj: 500,
  }
}

const rootIdOr = ({ rootId }: BundlePlaces, gid: number): number => (rootId === null ? gid : INSIDE_ID)

function mountsOf(plan: RunPlan, places: BundlePlaces): Json[] {
  const id = insideId(plan, places)
  const limit = (name: keyof RunPlan['limits']): number => plan.limits[name].value
  const tmpfs = (destination: string, options: readonly string[]): Json => ({
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options,
  })
  const bind = (source: string, destination: string, options: readonly string[]): Json => ({
    destination,
    type: 'bind',
    source,
    options,
  })
  // runc gives a tmpfs the mode of the folder below it, so its owner must be the plugin.
  const own = [`uid=${id}`, `gid=${rootIdOr(places, plan.ids.gid)}`, 'mode=1777']
  const sized = [`size=${limit('tmpBytes')}`, `nr_inodes=${plan.tmpInodes}`]
  return [
    bind(`${places.root}/plugin`, '/plugin', READ_ONLY),
    ...plan.skeletons.map((inside) => tmpfs(inside, ['ro', ...WRITABLE, 'mode=755', 'size=1048576', 'nr_inodes=4096'])),
    ...plan.binds.map(({ outside, inside, executable }) =>
      bind(outside, inside, executable ? READ_ONLY : [...READ_ONLY, 'noexec']),
    ),
    tmpfs('/dev', ['ro', 'nosuid', 'noexec', 'mode=755', 'size=65536', 'nr_inodes=64']),
    tmpfs('/dev/shm', [...WRITABLE, ...own, ...sized]),
    bind(places.launcher, INIT, READ_ONLY),
    bind(places.inside, SPEC, [...READ_ONLY, 'noexec']),
    tmpfs('/tmp', [...WRITABLE, ...own, ...sized]),
    ...(plan.data === null ? [] : [bind(plan.data, '/data', ['bind', 'private', 'rw', ...WRITABLE])]),
    ...(plan.proc
      ? [
          {
            destination: '/proc',
            type: 'proc',
            source: 'proc',
            options: ['ro', ...WRITABLE, 'subset=pid', 'hidepid=invisible'],
          },
        ]
      : []),
  ]
}

function namespacesOf(plan: RunPlan, { rootId }: BundlePlaces): Json[] {
  const wanted = [
    ['pid', true],
    ['mount', true],
    ['uts', true],
    ['cgroup', true],
    ['network', !plan.weaker.includes('net-namespace')],
    ['ipc', !plan.weaker.includes('ipc-namespace')],
    ['user', rootId !== null],
  ] as const
  return wanted.flatMap(([type, is]) => (is ? [{ type }] : []))
}

/** A runtime sets a container up as its root, so there must be one; its host id owns nothing and runs nothing. */
function idsOf(plan: RunPlan, { rootId }: BundlePlaces): Json {
  if (rootId === null) return {}
  const mappings = (hostID: number) => [
    { containerID: 0, hostID: rootId, size: 1 },
    { containerID: INSIDE_ID, hostID, size: 1 },
  ]
  return { uidMappings: mappings(plan.ids.uid), gidMappings: mappings(plan.ids.gid) }
}

/** The launcher sets the same limits, swap and disk among them, in the same cgroup: this is for a bundle to be whole by itself. */
function resourcesOf(plan: RunPlan): Json {
  const { memoryBytes, processesMax, cpu } = plan.limits
  const period = cpu.value < 0.01 ? 1_000_000 : 100_000
  return {
    devices: [{ allow: false, access: 'rwm' }],
    ...(plan.weaker.includes('memory') ? {} : { memory: { limit: memoryBytes.value } }),
    ...(plan.weaker.includes('processes') ? {} : { pids: { limit: Math.max(processesMax.value + 1, START_UP_PIDS) } }),
    ...(plan.weaker.includes('cpu') ? {} : { cpu: { quota: Math.round(cpu.value * period), period } }),
  }
}
