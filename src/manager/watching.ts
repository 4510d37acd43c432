import { setTimeout as sleep } from 'node:timers/promises'
import { StoreError } from '../core/errors.ts'
import type { HookRun } from '../core/manifest.ts'
import type { Minute } from '../core/minute.ts'
import type { PluginName } from '../core/name.ts'
import type { RunPlace } from '../core/place.ts'
import { NO_FIGURES, type RunFigures } from '../core/run-figures.ts'
import { figuresOf, minutesOf } from '../runtime/index.ts'
import type { OpenRun } from '../store/index.ts'
import type { Host } from './host.ts'
import { assertKnown, launcherOf, liveRuns } from './live.ts'
import { nameOf } from './plugin-name.ts'

/** A run that goes on, and what it uses at this moment. */
export interface RunningPlugin extends RunFigures {
  readonly run: string
  readonly name: PluginName
  readonly version: string
  readonly profile: string
  /** The hook that it is; `null`: a run of the entry. */
  readonly hook: HookRun | null
  /** What its host calls it; `null`: nothing. */
  readonly instance: string | null
  /** Layers it goes without. */
  readonly weaker: readonly string[]
  /** The launcher's; `null` in the moment before it is started. */
  readonly pid: number | null
  readonly startedAtMs: number
  /** When this was looked at. */
  readonly atMs: number
  /** Through the relay, up to the last minute that was written; `null` without a network. */
  readonly networkBytes: number | null
  /** What it may use. `null` of a run that an earlier version began. */
  readonly limits: RunPlace['limits'] | null
}

/** The same with how busy it was between two looks. */
export interface PluginStats extends RunningPlugin {
  /** Thousandths of one processor. */
  readonly cpuPermille: number | null
}

export interface WatchOptions {
  /** Time between two looks, in milliseconds. */
  readonly everyMs?: number | undefined
  /** Ends the watching. */
  readonly signal?: AbortSignal | undefined
}

const EVERY_MS = 1_000

/** Looks at each run that goes on, and disturbs none. @throws StoreError `NOT_INSTALLED` */
export function ps(host: Host, text: string | null): RunningPlugin[] {
  return look(host, named(host, text))
}

/** Two looks, so that it can be said how busy each is. */
export async function stats(host: Host, text: string | null, options: WatchOptions = {}): Promise<PluginStats[]> {
  const name = named(host, text)
  const before = look(host, name)
  if (before.length > 0) await sleep(options.everyMs ?? EVERY_MS / 2, undefined, { signal: options.signal })
  return compared(before, look(host, name))
}

/** One list for each look, until the signal ends it. */
export async function* watchStats(
  host: Host,
  text: string | null,
  { everyMs = EVERY_MS, signal }: WatchOptions = {},
): AsyncGenerator<PluginStats[], void, void> {
  const name = named(host, text)
  let before = look(host, name)
  // The first answer soon: nobody wants to look at nothing for so long.
  for (let wait = Math.min(everyMs, EVERY_MS / 4); await passed(wait, signal); wait = everyMs) {
    const now = look(host, name)
    yield compared(before, now)
    before = now
  }
}

/** Averages and peaks, minute by minute; of a run that goes on too. @throws StoreError `RUN_NOT_FOUND` */
export function minutes({ store, layout }: Host, run: string): Minute[] {
  const record = store.runs.find(run)
  if (record === null) throw runNotFound(run)
  return record.endedAtMs === null ? minutesOf(layout.spool, run) : store.runs.minutes(run)
}

export const runNotFound = (run: string): StoreError =>
  new StoreError('RUN_NOT_FOUND', `cannot find run "${run}": there is none of that name`, { hint: 'plugins history' })

/** `false` when the signal came instead. */
export async function passed(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  if (signal?.aborted === true) return false
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(resolve, ms, true)
  const abort = () => resolve(false)
  signal?.addEventListener('abort', abort, { once: true })
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}

function named(host: Host, text: string | null): PluginName | null {
  if (text === null) return null
  const name = nameOf(text)
  assertKnown(host, name, 'look at')
  return name
}

const look = (host: Host, name: PluginName | null): RunningPlugin[] =>
  liveRuns(host, name).map((open) => runningOf(host, open))

function runningOf({ layout, now }: Host, open: OpenRun): RunningPlugin {
  const { run, place } = open
  const pid = launcherOf(open)?.pid ?? null
  return {
    run: run.id,
    name: run.name,
    version: run.version,
    profile: run.profile,
    hook: run.hook,
    instance: run.instance,
    weaker: run.weaker,
    pid,
    startedAtMs: run.startedAtMs,
    atMs: now().getTime(),
    ...(pid === null ? NO_FIGURES : figuresOf(pid, place?.leaves ?? [])),
    networkBytes: networkOf(minutesOf(layout.spool, run.id)),
    limits: place?.limits ?? null,
  }
}

const networkOf = (all: readonly Minute[]): number | null =>
  all.reduce<number | null>((sum, { networkBytes }) => (networkBytes === null ? sum : (sum ?? 0) + networkBytes), null)

/** How busy each was between two looks; of a run that the first had not seen: since it began. */
export function compared(before: readonly RunningPlugin[], now: readonly RunningPlugin[]): PluginStats[] {
  return now.map((one) => ({
    ...one,
    cpuPermille: busyness(
      before.find(({ run }) => run === one.run),
      one,
    ),
  }))
}

/** Of a run that began between the two looks: since it began. */
function busyness(before: RunningPlugin | undefined, now: RunningPlugin): number | null {
  const ms = now.atMs - (before?.atMs ?? now.startedAtMs)
  if (now.cpuMs === null || ms <= 0) return null
  // Of a process that ended unseen, a sum can be less than it was.
  return Math.max(0, Math.round(((now.cpuMs - (before?.cpuMs ?? 0)) * 1_000) / ms))
}
