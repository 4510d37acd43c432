import type { AlertConfig, PreloadConfig } from '../core/config.ts'
import { IsolationError, UsageError } from '../core/errors.ts'
import { chrootOf } from '../core/layout.ts'
import type { EffectiveLimits, LimitName, LimitSource } from '../core/limits.ts'
import type { Manifest } from '../core/manifest.ts'
import type { NetworkGrant } from '../core/network.ts'
import { FLOORS } from '../core/runtimes.ts'
import type { CgroupLimit, CgroupPlan, MissingLimit } from './cgroups.ts'
import type { Disks } from './disks.ts'
import { buildEnvironment, type HookCall, interpreterFlags } from './environment.ts'
import { assertHandshake } from './handshake-variables.ts'
import type { Ids } from './ids.ts'
import type { Bind, Interpreter } from './interpreter.ts'
import { refuseLacking } from './oci/refusals.ts'
import { type EnginePlan, NATIVE } from './oci/runtimes.ts'
import { placeBinds } from './plan-binds.ts'
import { type PreloadPlan, planPreload } from './preload/plan.ts'

/** Everything a run's plan is made from; whoever gathers it has done all the looking. */
export interface PlanInput {
  /** `[a-z0-9-]{1,64}`, of this run alone. */
  readonly run: string
  readonly manifest: Manifest
  /** The release's folder; its `root` is the chroot directory. */
  readonly release: string
  readonly limits: EffectiveLimits
  /** Who it may reach. */
  readonly network: NetworkGrant
  /** This host's certificate authorities, or `null`. */
  readonly certificates: string | null
  readonly ids: Ids
  readonly interpreter: Interpreter
  readonly reads: readonly Bind[]
  readonly cgroups: CgroupPlan
  /** What is mounted at /data, or `null`. */
  readonly data: string | null
  /** What the package, /data and the readable paths lie on. */
  readonly disks: Disks
  readonly procMasked: boolean
  /** The user's own arguments, after the manifest's. */
  readonly args: readonly string[]
  /** What its host calls it; `null` if not said. */
  readonly instance?: string | null
  /** Values the operator grants; only those that `permissions.env` names are passed on. */
  readonly grants: Readonly<Record<string, string>>
  /** Layers to go without, by name. */
  readonly weaker: readonly string[]
  /** Tell the author what was denied. */
  readonly reportDenials: boolean
  /** What may be preloaded here; nothing if not said. */
  readonly preload?: PreloadConfig
  readonly watch: WatchPlan
  readonly hook?: HookCall | null
  /** What its operator has set, as JSON, and the file that will hold it; `null`: its manifest has no `config`. */
  readonly settings?: SettingsPlan | null
  /** What Node has compiled of the package, found to be what it was. */
  readonly compileCache?: string | null
  /** Variables of the go-plugin handshake: `assertHandshake` says which. */
  readonly handshake?: Readonly<Record<string, string>> | undefined
  /** The folder in which its host may have sockets for it to dial, or `null`. */
  readonly sockets?: string | null
  /** Who builds the sandbox; our launcher if not said. */
  readonly engine?: EnginePlan
}

/** `json` is written to `file` before the run starts, and shown to the plugin. It may hold secrets. */
export interface SettingsPlan {
  readonly file: string
  readonly json: string
}

/** How a run is watched while it goes on. */
export interface WatchPlan {
  readonly sampleMs: number
  /** Percent of a limit from which on it is told; 0: never. */
  readonly alerts: Readonly<Record<keyof AlertConfig, number>>
  /** Where what it writes to stderr is kept, and how much of it: `bytes` twice. `null`: nowhere. */
  readonly log: { readonly file: string; readonly bytes: number } | null
}

/** One run as data: what the launcher is told, and why. `--dry-run` prints it. */
export interface RunPlan {
  readonly run: string
  readonly name: string
  /** What its host calls it, or `null`. */
  readonly instance: string | null
  readonly version: string
  readonly ids: Ids
  /** Becomes `/`, read-only. */
  readonly root: string
  /** Small file systems that hold nothing but mount points. */
  readonly skeletons: readonly string[]
  readonly binds: readonly Bind[]
  readonly data: string | null
  /** The folder in which its host may have sockets for it to dial, outside; or `null`. */
  readonly sockets: string | null
  readonly exec: string
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Names in `env` whose values are the operator's; `redact` hides them. */
  readonly granted: readonly string[]
  readonly cwd: string
  readonly limits: Readonly<Record<LimitName, { readonly value: number; readonly from: LimitSource }>>
  readonly cuts: EffectiveLimits['cuts']
  readonly network: NetworkGrant
  readonly tmpInodes: number
  readonly graceMs: number
  /** How long a run may stand still for want of memory or of a process. */
  readonly stallMs: number
  readonly cgroups: Pick<CgroupPlan, 'hierarchy' | 'cgroup2' | 'cgroup2Controllers' | 'cgroup1' | 'adopt'>
  /** Block devices whose bandwidth is limited, as `MAJOR:MINOR`. */
  readonly disks: readonly string[]
  readonly reportDenials: boolean
  readonly unixSockets: boolean
  readonly proc: boolean
  readonly landlockAbi: number
  /** Layers this run goes without: those asked for, and `cpu` where no cgroup can hold it. */
  readonly weaker: readonly string[]
  /** Why a limit is not held. */
  readonly unenforced: readonly MissingLimit[]
  readonly watch: WatchPlan
  readonly settings: SettingsPlan | null
  readonly engine: EnginePlan
  /** What the program finds imported; a run that is handed over is started cold all the same. */
  readonly preload: PreloadPlan
  /** The folder in which this run is a preloaded parent. */
  readonly parentIn?: string
}

/** An MCP client sends SIGKILL 2 s after SIGTERM; by then everything has to be gone. */
const GRACE_MS = 1_500
/** As systemd-oomd waits before it acts on memory pressure. */
const STALL_MS = 30_000
/** Without these a run goes on, and says so. */
const OPTIONAL: ReadonlySet<CgroupLimit> = new Set(['cpu', 'io'])
const RUN = /^[a-z0-9-]{1,64}$/

/** Pure. @throws IsolationError when this host cannot hold what the manifest needs. */
export function planRun(input: PlanInput): RunPlan {
  const { manifest, limits, ids, interpreter, cgroups, weaker } = input
  if (!RUN.test(input.run)) throw new UsageError('USAGE', `cannot name a run "${input.run}": expected ${RUN.source}`)
  refuseSharedNetwork(input)
  if (input.handshake !== undefined) assertHandshake(manifest, input.handshake, manifest.permissions.env)
  refuseLacking(input)
  refuseTooSmall(manifest, limits)
  refuseUnboundedNode(manifest, weaker)
  const io = planDisks(input)
  const unenforced = [...cgroups.missing.filter((lack) => lack.limit !== 'io'), ...io.missing]
  for (const lack of unenforced) {
    if (OPTIONAL.has(lack.limit) || weaker.includes(lack.limit)) continue
    throw new IsolationError(
      'SANDBOX_UNAVAILABLE',
      `cannot run ${manifest.name}: the ${lack.limit} limit cannot be held here, ${lack.reason}`,
      { hint: lack.remedy, details: { layer: lack.limit } },
    )
  }
  const { memoryBytes, tmpBytes } = limits.limits
  const entry = `/plugin/${manifest.entry.path}`
  const [argv0 = entry, ...leading] = interpreter.leading
  const program = interpreter.leading.length === 0 ? [] : [entry]
  const flags = interpreterFlags(interpreter.kind, memoryBytes)
  const root = chrootOf(input.release)
  const certificates = input.network.allow.length > 0 ? input.certificates : null
  const binds = placeBinds({
    name: manifest.name,
    root,
    interpreter: interpreter.binds,
    reads: input.reads,
    certificates,
    settings: input.settings?.file ?? null,
    compileCache: input.compileCache ?? null,
    sockets: input.sockets ?? null,
  })
  const names = Object.keys(limits.limits) as LimitName[]

  return {
    run: input.run,
    name: manifest.name,
    instance: input.instance ?? null,
    version: manifest.version,
    ids,
    root,
    skeletons: [...new Set(binds.map((bind) => topOf(bind.inside)))],
    binds,
    data: input.data,
    sockets: input.sockets ?? null,
    exec: interpreter.exec,
    argv: [argv0, ...flags, ...leading, ...program, ...manifest.entry.args, ...input.args],
    env: buildEnvironment(manifest, interpreter.kind, {
      data: input.data !== null,
      grants: input.grants,
      hook: input.hook ?? null,
      settings: input.settings != null,
      compileCache: input.compileCache != null,
      handshake: input.handshake ?? {},
    }),
    granted: manifest.permissions.env.filter((name) => Object.hasOwn(input.grants, name)),
    cwd: '/plugin',
    limits: Object.fromEntries(
      names.map((name) => [name, { value: limits.limits[name], from: limits.sources[name] }]),
    ) as RunPlan['limits'],
    cuts: limits.cuts,
    network: input.network,
    // An inode of tmpfs costs the host about a kilobyte: as many as pages would fit, but not without end.
    tmpInodes: Math.min(Math.max(Math.floor(tmpBytes / 4096), 64), 65_536),
    graceMs: GRACE_MS,
    stallMs: STALL_MS,
    cgroups: {
      hierarchy: cgroups.hierarchy,
      cgroup2: cgroups.cgroup2,
      cgroup2Controllers: cgroups.cgroup2Controllers,
      cgroup1: cgroups.cgroup1,
      adopt: cgroups.adopt,
    },
    disks: io.devices,
    reportDenials: input.reportDenials,
    unixSockets: manifest.protocol === 'grpc',
    proc: !input.procMasked,
    landlockAbi: weaker.includes('landlock') ? 0 : 1,
    weaker: [...new Set([...weaker, ...unenforced.flatMap(({ limit }) => (limit === 'io' ? [] : [limit]))])],
    unenforced,
    watch: input.watch,
    settings: input.settings ?? null,
    engine: input.engine ?? NATIVE,
    preload: planPreload(input),
  }
}

/** Nothing depends on how fast a plugin's disk is; where it cannot be limited, that is said and no layer is missing. */
function planDisks({ limits, cgroups, disks }: PlanInput): { devices: readonly string[]; missing: MissingLimit[] } {
  if (limits.limits.ioBytesPerSecond === 0) return { devices: [], missing: [] }
  const missing = cgroups.missing.filter((lack) => lack.limit === 'io')
  if (missing.length > 0) return { devices: [], missing }
  if (disks.reason === null) return { devices: disks.devices, missing: [] }
  const lack = { limit: 'io', reason: disks.reason, remedy: 'keep the home on a disk of its own' } as const
  return { devices: disks.devices, missing: [lack] }
}

/** The plan as it may be shown: the operator's values are secrets. */
export function redact(plan: RunPlan): RunPlan {
  const hidden = plan.granted.map((name) => [name, '(granted)'])
  const settings = plan.settings === null ? null : { ...plan.settings, json: '(set)' }
  return { ...plan, env: { ...plan.env, ...Object.fromEntries(hidden) }, settings }
}

/** With the host's own network in place of an empty one, "every address leads to the relay" would be said of the host's. */
function refuseSharedNetwork({ manifest: { name }, network, weaker }: PlanInput): void {
  if (network.allow.length === 0 || !weaker.includes('net-namespace')) return
  throw new UsageError('USAGE', `cannot run ${name} without the layer net-namespace: its network is a relay in one`, {
    hint: "leave out --weaker net-namespace; it gives a plugin without permissions.network the host's own network",
  })
}

/** The manifest was held to these floors; an operator's ceiling or a flag of the run may have gone below. */
function refuseTooSmall({ name, entry }: Manifest, { limits }: EffectiveLimits): void {
  const floor = FLOORS[entry.runtime]
  for (const limit of ['memoryBytes', 'processesMax', 'filesMax'] as const) {
    if (limits[limit] >= floor[limit]) continue
    throw new IsolationError(
      'LIMIT_TOO_SMALL',
      `cannot run ${name}: ${entry.runtime} needs ${limit} of at least ${floor[limit]}, it is given ${limits[limit]}`,
    )
  }
}

/** What stands in for a memory cgroup, RLIMIT_DATA, counts address space, and V8 reserves more of it than it ever uses. */
function refuseUnboundedNode({ name, entry }: Manifest, weaker: readonly string[]): void {
  if (entry.runtime !== 'node' || !weaker.includes('memory')) return
  throw new IsolationError(
    'SANDBOX_UNAVAILABLE',
    `cannot run ${name} without the layer memory: Node does not start under what stands in for it`,
    {
      hint: 'give this user a cgroup: plugins doctor tells how',
      details: { layer: 'memory' },
    },
  )
}

const topOf = (path: string): string => `/${path.split('/')[1]}`
