import { CEILINGS, DEFAULTS } from './profile-limits.ts'
import { FLOORS, type Protocol, type Runtime } from './runtimes.ts'

/** Every limit a run has; all are enforced by the kernel or by the launcher. 0 means none where the comment says so. */
export interface Limits {
  /** Resident memory of the whole tree, page cache, /tmp and /dev/shm included. Never swap. */
  readonly memoryBytes: number
  /** CPUs, as a quota over each 100 ms: 0.5 is half of one. */
  readonly cpu: number
  /** Processes and threads together. */
  readonly processesMax: number
  /** Open files of one process (RLIMIT_NOFILE). */
  readonly filesMax: number
  readonly tmpBytes: number
  /** Quota of /data; 0: the plugin has no /data. */
  readonly dataBytes: number
  /** Size of one file (RLIMIT_FSIZE), wherever it lies. */
  readonly fileSizeBytes: number
  /** Bytes per second from and to each block device it uses, reading and writing counted apart; 0: as fast as it goes. */
  readonly ioBytesPerSecond: number
  /** stdout and stderr together; 0: not counted (servers). */
  readonly outputBytes: number
  /** Wall clock of a run; 0: as long as its host wants (servers). */
  readonly timeoutMs: number
  /** Longest time without a byte on stdin, stdout or stderr; 0: none (servers). */
  readonly idleMs: number
  /** Connections through the relay at one time. */
  readonly connectionsMax: number
  /** Bytes through the relay in a run, both ways together; 0: not counted (servers). */
  readonly networkBytes: number
}

export type LimitName = keyof Limits
/** What somebody asks for: any part of the limits. */
export type LimitRequest = { readonly [K in LimitName]?: number | undefined }

export const PROFILES = ['development', 'production', 'strict'] as const
export type Profile = (typeof PROFILES)[number]

/** The places in `config.json` an operator writes numbers at: of the host, of a profile, of one plugin. */
export type OperatorSource = 'config' | 'profile-config' | 'plugin-config'

/** Where an effective value came from; `--dry-run` prints it. `derived`: it follows from other limits of the run. */
export type LimitSource =
  | 'manifest'
  | 'profile'
  | 'runtime'
  | 'protocol'
  | 'derived'
  | OperatorSource
  | 'ceiling'
  | `${OperatorSource}-ceiling`
  | 'flag'

export interface EffectiveLimits {
  readonly limits: Limits
  readonly sources: Readonly<Record<LimitName, LimitSource>>
  /** What the operator's ceiling took away: said at install and in the plan. */
  readonly cuts: readonly { readonly limit: LimitName; readonly asked: number; readonly given: number }[]
}

/** Numbers of the operator, and where they were written. */
export interface OperatorLimits {
  readonly from: OperatorSource
  readonly defaults: LimitRequest
  readonly ceilings: LimitRequest
}

export interface LimitContext {
  readonly runtime: Runtime
  readonly protocol: Protocol
  readonly profile: Profile
  /** The operator's own numbers, over those of the profile; what comes first is nearer to the plugin and wins. */
  readonly operator?: readonly OperatorLimits[] | undefined
  /** Numbers of this one run (`--timeout`); they may narrow only. */
  readonly flags?: LimitRequest | undefined
}

/** The part of `config.json` that limits come from. */
export interface LimitConfig {
  readonly profile: Profile
  readonly defaults: LimitRequest
  readonly ceilings: LimitRequest
  readonly profiles: { readonly [P in Profile]?: LimitConfigEntry | undefined }
  readonly plugins: Readonly<Record<string, LimitConfigEntry & { readonly profile?: Profile | undefined }>>
}

interface LimitConfigEntry {
  readonly defaults: LimitRequest
  readonly ceilings: LimitRequest
}

/** The profile a plugin runs under: the one asked for, or else its own of the configuration, or else the host's. */
export function profileFor(config: Pick<LimitConfig, 'profile' | 'plugins'>, name: string, asked?: Profile): Profile {
  return asked ?? config.plugins[name]?.profile ?? config.profile
}

/** What this host's configuration says about a plugin's limits under the profile it runs with. */
export function limitContextOf(
  config: LimitConfig,
  plugin: { readonly name: string; readonly entry: { readonly runtime: Runtime }; readonly protocol: Protocol },
  asked?: Profile,
): LimitContext {
  const profile = profileFor(config, plugin.name, asked)
  const places = { 'plugin-config': config.plugins[plugin.name], 'profile-config': config.profiles[profile], config }
  const operator = (Object.keys(places) as OperatorSource[]).flatMap((from) => {
    const entry = places[from]
    return entry === undefined ? [] : [{ from, defaults: entry.defaults, ceilings: entry.ceilings }]
  })
  return { runtime: plugin.entry.runtime, protocol: plugin.protocol, profile, operator }
}

const NAMES = Object.keys(CEILINGS.production) as LimitName[]

/** A number, and who gave it. */
type Given = readonly [value: number, from: LimitSource]

/**
 * What a run is given: the manifest's request, or else the nearest default, raised to what the runtime needs to start at
 * all; cut by the nearest ceiling; narrowed by the flags of the run. Nothing here can widen past the ceiling, except the
 * floor of a runtime (DESIGN §3: "for a runtime whose floor is higher, its floor").
 */
export function effectiveLimits(asked: LimitRequest, context: LimitContext): EffectiveLimits {
  const sources = {} as Record<LimitName, LimitSource>
  const limits = {} as Record<LimitName, number>
  const cuts: { limit: LimitName; asked: number; given: number }[] = []
  // `NAMES` has fileSizeBytes after what it is derived from.
  for (const name of NAMES) {
    const [wanted, source] = wantedLimit(name, asked, context, limits)
    const [ceiling, cutter] = ceilingOf(name, context)
    const capped = wanted > ceiling
    if (capped && source === 'manifest') cuts.push({ limit: name, asked: wanted, given: ceiling })
    const flag = context.flags?.[name]
    const value = capped ? ceiling : wanted
    // Of /data 0 is none at all, not any size.
    const isUnbounded = value === 0 && name !== 'dataBytes'
    const narrowed = flag !== undefined && (isUnbounded ? flag <= ceiling : flag < value)
    limits[name] = narrowed ? flag : value
    sources[name] = narrowed ? 'flag' : capped ? cutter : source
  }
  return { limits: limits as unknown as Limits, sources, cuts }
}

/** DESIGN §3: these bound a stdio run; a server lives as long as its host wants. */
const UNBOUNDED_FOR_SERVERS: ReadonlySet<LimitName> = new Set(['outputBytes', 'timeoutMs', 'idleMs', 'networkBytes'])

function wantedLimit(
  name: LimitName,
  asked: LimitRequest,
  context: LimitContext,
  settled: Readonly<Record<LimitName, number>>,
): Given {
  const own = asked[name]
  if (own !== undefined) return [own, 'manifest']
  const byOperator = nearest(context, (entry) => entry.defaults[name])
  if (context.protocol !== 'stdio' && UNBOUNDED_FOR_SERVERS.has(name)) return byOperator ?? [0, 'protocol']
  const given = byOperator ?? builtIn(name, context.profile, settled)
  const byRuntime = runtimeDefault(name, context)
  return byRuntime > given[0] ? [byRuntime, 'runtime'] : given
}

function nearest(
  { operator = [] }: LimitContext,
  pick: (entry: OperatorLimits) => number | undefined,
): readonly [number, OperatorSource] | undefined {
  for (const entry of operator) {
    const value = pick(entry)
    if (value !== undefined) return [value, entry.from]
  }
  return undefined
}

function builtIn(name: LimitName, profile: Profile, settled: Readonly<Record<LimitName, number>>): Given {
  if (name !== 'fileSizeBytes') return [DEFAULTS[profile][name], 'profile']
  // Twice, so that what fills /tmp or /data with one file meets their end (ENOSPC), and not a signal.
  return [2 * Math.max(settled.tmpBytes, settled.dataBytes), 'derived']
}

function ceilingOf(name: LimitName, context: LimitContext): Given {
  const byOperator = nearest(context, (entry) => entry.ceilings[name])
  const [ceiling, cutter]: Given = byOperator
    ? [byOperator[0], `${byOperator[1]}-ceiling`]
    : [CEILINGS[context.profile][name], 'ceiling']
  const floor = floorOf(name, context.runtime)
  return floor > ceiling ? [floor, 'runtime'] : [ceiling, cutter]
}

const M = 2 ** 20

/** Facts of Node: 256 MiB and 64 processes by default. `strict` gives a runtime its floor and no more. */
function runtimeDefault(name: LimitName, { runtime, profile }: LimitContext): number {
  if (runtime === 'node' && profile !== 'strict') {
    if (name === 'memoryBytes') return 256 * M
    if (name === 'processesMax') return 64
  }
  return floorOf(name, runtime)
}

function floorOf(name: LimitName, runtime: Runtime): number {
  const floor = FLOORS[runtime]
  return name === 'memoryBytes' || name === 'processesMax' || name === 'filesMax' ? floor[name] : 0
}
