import { setTimeout as sleep } from 'node:timers/promises'
import { PluginError, StoreError, UsageError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import { parseDuration } from '../core/quantity.ts'
import { findLauncher, type Stopped, stopLauncher } from '../runtime/index.ts'
import type { OpenRun } from '../store/index.ts'
import type { Host } from './host.ts'
import { assertKnown, launcherOf, liveRuns } from './live.ts'
import { nameOf } from './plugin-name.ts'
import { takeUpRuns } from './recovery.ts'
import { runNotFound } from './watching.ts'

export interface StopOptions {
  /** This run alone. */
  readonly run?: string | undefined
  /** Time between SIGTERM and SIGKILL, such as `5s` (the default) or `0`. */
  readonly grace?: string | undefined
}

/** One run that was stopped. */
export interface StoppedRun {
  readonly run: string
  readonly name: PluginName
  readonly version: string
  readonly how: Stopped
  /** How long it took. */
  readonly ms: number
}

const GRACE_MS = 5_000
/** A run is recorded before its launcher is started. */
const STARTING_MS = 1_000
const RECORDED_MS = 500

/**
 * Ends the runs of a plugin, or of all (`null`): SIGTERM, the grace, then the whole tree. They end side by side.
 *
 * @throws StoreError `NOT_RUNNING`, `RUN_NOT_FOUND`, `NOT_INSTALLED`; PluginError `STOP_FAILED` when all others are stopped
 */
export async function stop(host: Host, text: string | null, options: StopOptions = {}): Promise<StoppedRun[]> {
  const graceMs = graceOf(options.grace)
  const name = text === null ? null : nameOf(text)
  if (name !== null) assertKnown(host, name, 'stop')
  const runs = chosen(host, name, options.run)
  const binary = findLauncher()
  const ends = await Promise.allSettled(runs.map((open) => stopOne(host, binary, open, graceMs)))
  // What was handed over has left its report in the spool: `history` tells right away how it ended.
  takeUpRuns(host)
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  return Promise.all(ends.flatMap((end) => (end.status === 'fulfilled' ? [told(host, end.value)] : [])))
}

/** As the record has it: a plugin may have ended by itself in the very moment in which its grace was over. */
async function told({ store }: Host, stopped: StoppedRun): Promise<StoppedRun> {
  if (stopped.how === 'gone') return stopped
  // A host application records the end of its runs itself, a moment later; one that hangs does not.
  for (let waited = 0; waited < RECORDED_MS; waited += 25) {
    const outcome = store.runs.find(stopped.run)?.outcome
    if (outcome) return { ...stopped, how: outcome.signal === 'SIGKILL' ? 'killed' : 'ended' }
    await sleep(25)
  }
  return stopped
}

function chosen(host: Host, name: PluginName | null, run: string | undefined): OpenRun[] {
  const live = liveRuns(host, name)
  const runs = run === undefined ? live : live.filter((open) => open.run.id === run)
  if (runs.length > 0) return runs
  const known = run === undefined ? null : host.store.runs.find(run)
  if (run !== undefined && (known === null || (name !== null && known.name !== name))) throw runNotFound(run)
  const what = run === undefined ? (name ?? 'anything') : `run ${run}`
  const why = run === undefined ? (name === null ? 'no plugin runs' : 'it does not run') : 'it has ended'
  throw new StoreError('NOT_RUNNING', `cannot stop ${what}: ${why}`, {
    hint: run === undefined ? 'plugins ps' : `plugins history --run ${run}`,
  })
}

async function stopOne(host: Host, binary: string, open: OpenRun, graceMs: number): Promise<StoppedRun> {
  const { id: run, name, version } = open.run
  const launcher = launcherOf(await started(host, open))
  if (launcher === null) return { run, name, version, how: 'gone', ms: 0 }
  try {
    return { run, name, version, ...(await stopLauncher(binary, launcher, graceMs)) }
  } catch (error) {
    if (!(error instanceof PluginError)) throw error
    throw new PluginError(error.code, `cannot stop ${name} ${version}: ${error.message.replace(/^cannot stop /, '')}`, {
      cause: error,
      details: { run, pid: launcher.pid },
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    })
  }
}

/** The same run when its launcher is there, or when it has ended without one. */
async function started(host: Host, open: OpenRun): Promise<OpenRun> {
  let now = open
  for (let waited = 0; now.supervisor === null && waited < STARTING_MS; waited += 50) {
    await sleep(50)
    const again = liveRuns(host, open.run.name).find(({ run }) => run.id === open.run.id)
    if (again === undefined) return now
    now = again
  }
  return now
}

function graceOf(text: string | undefined): number {
  if (text === undefined) return GRACE_MS
  const ms = text === '0' ? 0 : parseDuration(text)
  if (ms !== undefined && ms <= 3_600_000) return ms
  throw new UsageError('USAGE', `cannot use the grace "${text}": expected 0, or a number and ms, s, m or h up to 1h`)
}
