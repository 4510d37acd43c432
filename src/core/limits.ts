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
  /** stdout and stderr together; 0: not counted (servers). */
  readonly outputBytes: number
  /** Wall clock of a run; 0: as long as its host wants (servers). */
  readonly timeoutMs: number
  /** Longest time without a byte on stdin, stdout or stderr; 0: none (servers). */
  readonly idleMs: number
}

export type LimitName = keyof Limits
/** What somebody asks for: any part of the limits. */
export type LimitRequest = { readonly [K in LimitName]?: number | undefined }

export const PROFILES = ['development', 'production', 'strict'] as const
export type Profile = (typeof PROFILES)[number]

const M = 2 ** 20
const G = 2 ** 30

const DEFAULTS: Readonly<Record<Profile, Limits>> = {
  development: {
    memoryBytes: 512 * M,
    cpu: 2,
    processesMax: 256,
    filesMax: 1024,
    tmpBytes: 256 * M,
    dataBytes: 0,
    outputBytes: 64 * M,
    timeoutMs: 3_600_000,
    idleMs: 3_600_000,
  },
  production: {
    memoryBytes: 128 * M,
    cpu: 0.5,
    processesMax: 32,
    filesMax: 256,
    tmpBytes: 32 * M,
    dataBytes: 0,
    outputBytes: 16 * M,
    timeoutMs: 300_000,
    idleMs: 300_000,
  },
  strict: {
    memoryBytes: 64 * M,
    cpu: 0.2,
    processesMax: 16,
    filesMax: 64,
    tmpBytes: 16 * M,
    dataBytes: 0,
    outputBytes: 4 * M,
    timeoutMs: 60_000,
    idleMs: 60_000,
  },
}

const CEILINGS: Readonly<Record<Profile, Limits>> = {
  development: {
    memoryBytes: 8 * G,
    cpu: 8,
    processesMax: 4096,
    filesMax: 65_536,
    tmpBytes: 4 * G,
    dataBytes: 16 * G,
    outputBytes: G,
    timeoutMs: 86_400_000,
    idleMs: 86_400_000,
  },
  production: {
    memoryBytes: G,
    cpu: 2,
    processesMax: 512,
    filesMax: 4096,
    tmpBytes: 512 * M,
    dataBytes: G,
    outputBytes: 256 * M,
    timeoutMs: 3_600_000,
    idleMs: 3_600_000,
  },
  strict: {
    memoryBytes: 128 * M,
    cpu: 0.5,
    processesMax: 64,
    filesMax: 64,
    tmpBytes: 32 * M,
    dataBytes: 64 * M,
    outputBytes: 16 * M,
    timeoutMs: 60_000,
    idleMs: 60_000,
  },
}

/** Where an effective value came from; `--dry-run` prints it. */
export type LimitSource = 'manifest' | 'profile' | 'runtime' | 'ceiling' | 'flag' | 'protocol'

export interface EffectiveLimits {
  readonly limits: Limits
  readonly sources: Readonly<Record<LimitName, LimitSource>>
  /** What the operator's ceiling took away: said at install and in the plan. */
  readonly cuts: readonly { readonly limit: LimitName; readonly asked: number; readonly given: number }[]
}

export interface LimitContext {
  readonly runtime: Runtime
  readonly protocol: Protocol
  readonly profile: Profile
  /** The operator's own numbers, over the profile's (`config.json`). */
  readonly defaults?: LimitRequest | undefined
  readonly ceilings?: LimitRequest | undefined
  /** Numbers of this one run (`--timeout`); they may narrow only. */
  readonly flags?: LimitRequest | undefined
}

/** What this host's configuration says about a plugin's limits; one of the plugin's own entry beats the general one. */
export function limitContextOf(
  config: {
    readonly profile: Profile
    readonly defaults: LimitRequest
    readonly ceilings: LimitRequest
    readonly plugins: Readonly<Record<string, { readonly ceilings: LimitRequest }>>
  },
  plugin: { readonly name: string; readonly entry: { readonly runtime: Runtime }; readonly protocol: Protocol },
): LimitContext {
  const own = config.plugins[plugin.name]?.ceilings ?? {}
  const named = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined))
  return {
    runtime: plugin.entry.runtime,
    protocol: plugin.protocol,
    profile: config.profile,
    defaults: config.defaults,
    ceilings: { ...config.ceilings, ...named },
  }
}

const NAMES = Object.keys(DEFAULTS.production) as LimitName[]

/**
 * What a run is given: the manifest's request, or else the profile's default, raised to what the runtime needs to start
 * at all; cut by the operator's ceiling; narrowed by the flags of the run. Nothing here can widen past the ceiling,
 * except the floor of a runtime (DESIGN §3: "for a runtime whose floor is higher, its floor").
 */
export function effectiveLimits(asked: LimitRequest, context: LimitContext): EffectiveLimits {
  const sources = {} as Record<LimitName, LimitSource>
  const limits = {} as Record<LimitName, number>
  const cuts: { limit: LimitName; asked: number; given: number }[] = []
  for (const name of NAMES) {
    const [wanted, source] = wantedLimit(name, asked, context)
    const ceiling = Math.max(
      context.ceilings?.[name] ?? CEILINGS[context.profile][name],
      floorOf(name, context.runtime),
    )
    const capped = wanted > ceiling
    if (capped && source === 'manifest') cuts.push({ limit: name, asked: wanted, given: ceiling })
    const flag = context.flags?.[name]
    const value = capped ? ceiling : wanted
    const narrowed = flag !== undefined && (value === 0 ? flag <= ceiling : flag < value)
    limits[name] = narrowed ? flag : value
    sources[name] = narrowed ? 'flag' : capped ? 'ceiling' : source
  }
  return { limits: limits as unknown as Limits, sources, cuts }
}

function wantedLimit(name: LimitName, asked: LimitRequest, context: LimitContext): [number, LimitSource] {
  const own = asked[name]
  if (own !== undefined) return [own, 'manifest']
  // DESIGN §3: output, timeout and idle bound a stdio run; a server lives as long as its host wants.
  const isServer = context.protocol !== 'stdio'
  if (isServer && (name === 'outputBytes' || name === 'timeoutMs' || name === 'idleMs')) {
    return [context.defaults?.[name] ?? 0, 'protocol']
  }
  const byProfile = context.defaults?.[name] ?? DEFAULTS[context.profile][name]
  const byRuntime = runtimeDefault(name, context)
  return byRuntime > byProfile ? [byRuntime, 'runtime'] : [byProfile, 'profile']
}

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
