import { randomBytes } from 'node:crypto'
import { accessSync, constants, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { PluginError, StoreError, UsageError } from '../core/errors.ts'
import { profileFor } from '../core/limits.ts'
import { type Outcome, refusal } from '../core/outcome.ts'
import type { RunPlace } from '../core/place.ts'
import { RefusedRun } from '../core/refused-run.ts'
import { adopt, findLauncher, handOver, leavesOf, type RunPlan, redact } from '../runtime/index.ts'
import { clear, type RunOptions, weakerOf } from './clearance.ts'
import type { Host } from './host.ts'
import { nameOf } from './plugin-name.ts'

/** The plan of a run, as data, with the operator's secrets hidden. Nothing is made, mounted or recorded. */
export async function planOf(host: Host, name: string, options: RunOptions): Promise<RunPlan> {
  const { request } = await clear(host, name, newRun(), options)
  return redact(await host.planner.survey(request))
}

/** Checks, plans and records a run that is about to start; whoever starts it ends the record. A refusal is recorded too. */
export async function prepare(
  host: Host,
  name: string,
  options: RunOptions,
  { run = newRun(), handsOver = false }: { readonly run?: string; readonly handsOver?: boolean } = {},
): Promise<RunPlan> {
  try {
    const { installation, request } = await clear(host, name, run, options)
    const planned = await host.planner.prepare(request)
    // A run that is handed over outlives this process, and its parent would not.
    const plan = handsOver ? planned : await host.parents.lend(planned)
    const { version } = installation
    if (plan.weaker.length > 0) host.store.note('weaker-run', installation.name, { version, weaker: plan.weaker, run })
    if (plan.reportDenials) host.store.note('denials-reported', installation.name, { version, run })
    const profile = profileFor(host.config, installation.name, request.profile)
    const record = { id: run, name: installation.name, version, profile, weaker: plan.weaker }
    host.store.runs.begin(record, process.pid, { handsOver, place: placeOf(plan), of: installation })
    return plan
  } catch (error) {
    host.parents.giveBack(run)
    recordRefusal(host, name, run, options, error)
    throw error
  }
}

export interface ExecuteOptions extends RunOptions {
  /** Where the outcome goes. */
  readonly reportFile?: string | undefined
}

/**
 * `plugins run`: this process becomes the launcher. Comes back only when the run is refused: then with the outcome
 * written to `reportFile` and the exit code of DESIGN §6.
 */
export async function execute(host: Host, name: string, options: ExecuteOptions): Promise<never> {
  const { reportFile } = options
  // Before anything runs: a report that cannot be written is no reason to say that a plugin which ran did not.
  if (reportFile !== undefined) assertWritable(reportFile)
  const run = newRun()
  try {
    const binary = findLauncher()
    const plan = await prepare(host, name, options, { run, handsOver: true })
    if (plan.cgroups.adopt) await adopt(host.caller.uid, process.pid)
    // Not closed: closing the last connection writes the whole log back and waits for the disk. What execve does is what
    // the end of a process does: the locks go, and the log waits for the next command.
    handOver(plan, { spool: host.layout.spool, binary, outcomeFile: reportFile })
  } catch (error) {
    const refused = refusedRun(error, reportFile)
    recordRefusal(host, name, run, options, error)
    throw refused
  }
}

/** A run that never started, with its outcome in the report. */
export function refusedRun(error: unknown, reportFile: string | undefined): RefusedRun {
  const outcome = refusalOf(error)
  if (reportFile !== undefined) replaceFile(reportFile, `${JSON.stringify(outcome)}\n`)
  return new RefusedRun(outcome, error)
}

/** For whoever watches the run from another process. */
export function placeOf(plan: RunPlan): RunPlace {
  const { memoryBytes, cpu, processesMax, filesMax } = plan.limits
  return {
    uid: plan.ids.uid,
    leaves: leavesOf(plan),
    data: plan.data,
    instance: plan.instance,
    limits: {
      memoryBytes: memoryBytes.value,
      cpu: cpu.value,
      processesMax: processesMax.value,
      filesMax: filesMax.value,
    },
  }
}

/** Time first, so that a folder of runs is in their order. */
export const newRun = (): string => `${Date.now().toString(36)}-${randomBytes(5).toString('hex')}`

const STORE_FAILURES: ReadonlySet<string> = new Set(['STORE_BUSY', 'STORE_UNREADABLE', 'STORE_TOO_NEW', 'DISK_FAILED'])

/** A name that is none, or of a plugin that was never here, has no history to stand in. */
function recordRefusal(host: Host, text: string, run: string, options: RunOptions, error: unknown): void {
  // Where the store itself is what failed, the refusal cannot be recorded in it, and is told all the same.
  if (error instanceof UsageError || (error instanceof StoreError && STORE_FAILURES.has(error.code))) return
  const name = nameOf(text)
  const version = host.store.find(name)?.version ?? '-'
  const profile = options.profile ?? profileFor(host.config, name)
  const weaker = weakerOf(host, name, options)
  host.store.runs.refuse({ id: run, name, version, profile, weaker }, refusalOf(error))
}

export function refusalOf(error: unknown): Outcome {
  return error instanceof PluginError
    ? refusal(error.code, error.message)
    : refusal('INTERNAL', `cannot run: ${error instanceof Error ? error.message : String(error)}`)
}

/** As the launcher writes it: whole or not at all, and in the place of a link, never through it. */
function replaceFile(path: string, text: string): void {
  const fresh = `${path}.${randomBytes(6).toString('hex')}`
  writeFileSync(fresh, text, { flag: 'wx' })
  try {
    renameSync(fresh, path)
  } catch (error) {
    rmSync(fresh, { force: true })
    throw error
  }
}

export function assertWritable(path: string): void {
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found !== undefined && !found.isFile()) throw new Error('it is not a regular file')
    accessSync(dirname(resolve(path)), constants.W_OK)
  } catch (error) {
    throw new UsageError('FILE_UNWRITABLE', `cannot write the report ${path}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
