import { UsageError } from '../../core/errors.ts'
import { instanceNameOf } from '../../core/instance-name.ts'
import { assertKnownOptions, assertSignal, type OptionNames } from '../../core/known-options.ts'
import type { PluginName } from '../../core/name.ts'
import { RESTART_POLICY, type RestartPolicy } from '../../core/restart-policy.ts'
import type { Rate } from '../../core/token-bucket.ts'
// Past the room's door: whoever only connects an MCP client must not load all of it.
import { CHANNEL_BOUNDS } from '../../runtime/channel/bounds.ts'
import type { ChannelBounds, HostFunction } from '../../runtime/index.ts'
import type { RunOptions } from '../clearance.ts'
import { PLUGIN_EVENTS, type PluginListeners } from './plugin-events.ts'

/** How a plugin is loaded. All of it may be left out. */
export interface LoadOptions
  extends Pick<RunOptions, 'args' | 'profile' | 'weaker' | 'env' | 'engine' | 'range' | 'settings'> {
  /** What its instances are called: this, or with several `NAME-1`, `NAME-2` and so on. 1 to 32 of `[a-z0-9-]`. */
  readonly name?: string | undefined
  /** Sandboxes of it, 1 to 256; each call goes to the one with the fewest. */
  readonly instances?: number | undefined
  /** For a call that does not say, in milliseconds; 30,000. 0: as long as it takes. Never longer than the plugin's own `timeout`. */
  readonly timeoutMs?: number | undefined
  /** Until the first answer, in milliseconds; 60,000. */
  readonly startTimeoutMs?: number | undefined
  /** What the plugin may call of the host, by name: these and no others. */
  readonly functions?: Readonly<Record<string, HostFunction>> | undefined
  /** `false`: what has ended stays so. */
  readonly restart?: Partial<RestartPolicy> | false | undefined
  /** Of calls, over all instances. */
  readonly rate?: Rate | undefined
  readonly bounds?: Partial<ChannelBounds> | undefined
  /** Listeners that hear what happens before `load` has ended, too: those of `LoadedPlugin.on` come after that. */
  readonly on?: PluginListeners | undefined
  /** Ends the loading, and nothing after it. */
  readonly signal?: AbortSignal | undefined
}

/** Of whatever a host starts to speak with. */
export const SERVED_OPTIONS = {
  args: true,
  name: true,
  profile: true,
  weaker: true,
  env: true,
  engine: true,
  range: true,
  settings: true,
} as const

const LOAD_OPTIONS: OptionNames<LoadOptions> = {
  ...SERVED_OPTIONS,
  instances: true,
  timeoutMs: true,
  startTimeoutMs: true,
  functions: true,
  restart: true,
  rate: true,
  bounds: true,
  on: true,
  signal: true,
}
const RATE: OptionNames<Rate> = { perSecond: true, burst: true }
/** Of these every name there is has a value. */
const namesIn = (values: object): Readonly<Record<string, true>> =>
  Object.fromEntries(Object.keys(values).map((name) => [name, true]))

/** The same, with every value in place. */
export interface LoadPlan {
  readonly name: PluginName
  readonly instances: number
  /** What the instance in each place is called; `null`: nothing. */
  readonly names: readonly (string | null)[]
  readonly timeoutMs: number
  /** The plugin's effective `timeout`; 0: none. Known when its first instance was planned. */
  limitMs: number
  readonly startTimeoutMs: number
  readonly functions: Readonly<Record<string, HostFunction>>
  readonly policy: RestartPolicy | null
  readonly rate: Rate | null
  readonly bounds: ChannelBounds
  readonly on: PluginListeners
}

const INSTANCES_MAX = 256
const TIMEOUT_MS = 30_000
const START_TIMEOUT_MS = 60_000
/** As long as Node's timers go, in milliseconds. */
export const LONGEST_MS = 2 ** 31 - 1

/** @throws UsageError naming the option, what was expected and what was found */
export function planLoad(name: PluginName, options: LoadOptions): LoadPlan {
  assertAllKnown(name, options)
  const {
    instances = 1,
    timeoutMs = TIMEOUT_MS,
    startTimeoutMs = START_TIMEOUT_MS,
    restart = {},
    rate = null,
  } = options
  const within = (what: string, value: number, least: number, most: number): void => {
    if (Number.isFinite(value) && value >= least && value <= most) return
    throw new UsageError('USAGE', `cannot load ${name} with ${what} of ${value}: expected ${least} to ${most}`)
  }
  const whole = (what: string, value: number, least: number, most: number): void => {
    within(what, value, least, most)
    if (!Number.isInteger(value))
      throw new UsageError('USAGE', `cannot load ${name} with ${what} of ${value}: expected a whole number`)
  }
  whole('instances', instances, 1, INSTANCES_MAX)
  const names = namesOf(name, options.name, instances)
  within('timeoutMs', timeoutMs, 0, LONGEST_MS)
  within('startTimeoutMs', startTimeoutMs, 1, LONGEST_MS)
  if (rate !== null) {
    within('rate.perSecond', rate.perSecond, 0.001, 1e9)
    within('rate.burst', rate.burst ?? 1, 1, 1e9)
  }
  const policy = restart === false ? null : { ...RESTART_POLICY, ...defined(restart) }
  if (policy !== null) {
    within('restart.minMs', policy.minMs, 1, policy.maxMs)
    within('restart.maxMs', policy.maxMs, 1, LONGEST_MS)
    within('restart.factor', policy.factor, 1, 100)
    within('restart.jitter', policy.jitter, 0, 1)
    within('restart.stableMs', policy.stableMs, 0, LONGEST_MS)
    whole('restart.breaker.failures', policy.breaker.failures, 1, 1_000)
    within('restart.breaker.withinMs', policy.breaker.withinMs, 1, LONGEST_MS)
    within('restart.breaker.coolMs', policy.breaker.coolMs, 1, LONGEST_MS)
  }
  const bounds = { ...CHANNEL_BOUNDS, ...defined(options.bounds ?? {}) }
  whole('bounds.messageBytes', bounds.messageBytes, 1024, 2 ** 28)
  whole('bounds.callsMax', bounds.callsMax, 1, 2 ** 20)
  whole('bounds.outboxBytes', bounds.outboxBytes, 1024, 2 ** 30)
  within('bounds.inboundPerSecond', bounds.inboundPerSecond, 1, 1e9)
  whole('bounds.lateInARow', bounds.lateInARow, 1, 2 ** 20)
  const functions = options.functions ?? {}
  for (const [method, work] of Object.entries(functions)) {
    if (typeof work === 'function' && !method.startsWith('$/')) continue
    throw new UsageError(
      'USAGE',
      `cannot grant ${name} "${method}": expected a function whose name does not begin with $/`,
    )
  }
  assertSignal(options.signal, `cannot load ${name}`)
  const on = listenersOf(name, options.on ?? {})
  return { name, on, instances, names, timeoutMs, limitMs: 0, startTimeoutMs, functions, policy, rate, bounds }
}

function listenersOf(name: PluginName, on: PluginListeners): PluginListeners {
  assertKnownOptions(on, PLUGIN_EVENTS, `cannot load ${name}`, 'on.')
  for (const [event, listener] of Object.entries(on)) {
    if (listener === undefined || typeof listener === 'function') continue
    throw new UsageError('USAGE', `cannot load ${name}: expected on.${event} to be a function`)
  }
  return on
}

/** @throws UsageError naming the option, wherever in them it is */
function assertAllKnown(name: PluginName, options: LoadOptions): void {
  const cannot = `cannot load ${name}`
  assertKnownOptions(options, LOAD_OPTIONS, cannot)
  const { rate, bounds, signal } = options
  assertSignal(signal, cannot)
  const restart: Partial<RestartPolicy> = options.restart || {}
  assertKnownOptions(restart, namesIn(RESTART_POLICY), cannot, 'restart.')
  assertKnownOptions(restart.breaker ?? {}, namesIn(RESTART_POLICY.breaker), cannot, 'restart.breaker.')
  assertKnownOptions(rate ?? {}, RATE, cannot, 'rate.')
  assertKnownOptions(bounds ?? {}, namesIn(CHANNEL_BOUNDS), cannot, 'bounds.')
}

/** Whoever stands in a place has its name, also after a restart. */
function namesOf(plugin: PluginName, name: string | undefined, instances: number): readonly (string | null)[] {
  const named = (at: number) => (name === undefined || instances === 1 ? name : `${name}-${at + 1}`)
  return Array.from({ length: instances }, (_, at) => instanceNameOf(plugin, named(at)))
}

const defined = <T extends object>(from: T): Partial<T> =>
  Object.fromEntries(Object.entries(from).filter(([, value]) => value !== undefined)) as Partial<T>
