import { ERROR_CODES, type ErrorCode } from '../core/error-codes.ts'
import { IsolationError, PluginError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { assertNotInterrupted } from '../core/interrupted.ts'
import { type LimitRequest, profileFor } from '../core/limits.ts'
import type { HookEntry, HookRun, Manifest } from '../core/manifest.ts'
import type { Outcome } from '../core/outcome.ts'
import { printable } from '../core/printable.ts'
import type { OnProgress } from '../core/progress.ts'
import { findLauncher, Launcher, type RunPlan, type RunRequest } from '../runtime/index.ts'
import { grantsOf, weakerOf } from './clearance.ts'
import type { Host } from './host.ts'
import { begin } from './launch.ts'
import { OutputTail } from './output-tail.ts'
import { newRun, placeOf, refusalOf } from './run.ts'

export interface HookOptions {
  readonly hook: HookRun
  readonly installation: Installation
  /** The release's folder, whose tree the caller has found to be the signed one. */
  readonly release: string
  /** From that tree. */
  readonly manifest: Manifest
  /** The version whose place this one takes; `null`: there is none. */
  readonly from: string | null
  /** Ends it, and all that it has started. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
}

/** Somebody waits for it: what it is given unless the manifest says otherwise, in milliseconds. */
const TIMEOUT_MS = { hook: 60_000, health: 10_000 }

export const hookEntryOf = (manifest: Manifest, hook: HookRun): HookEntry | undefined =>
  hook === 'health' ? manifest.health : manifest.hooks[hook]

/**
 * Runs a program of the release's own beside its entry, in the sandbox of any run: the same user id, permissions and layers,
 * limits of its own over the manifest's, under the operator's ceilings. Nothing happens where the manifest names none.
 * `isOpen`: is the database still, when it ends?
 *
 * @throws PluginError `HOOK_FAILED` or `HEALTH_FAILED` unless it exits with 0; IsolationError when this host cannot run it
 */
export async function runHook(host: Host, options: HookOptions, isOpen: () => boolean = () => true): Promise<void> {
  const { hook, installation, manifest, signal } = options
  const entry = hookEntryOf(manifest, hook)
  if (entry === undefined) return
  const { name, version } = installation
  const title = `the ${titleOf(hook)} of ${name} ${version}`
  assertNotInterrupted(signal, title)
  options.onProgress?.({ kind: 'step', name, text: `running ${title}` })
  const launcher = new Launcher({ binary: findLauncher() })
  const plan = await prepareHook(host, options, manifestOfHook(manifest, hook, entry))
  const run = begin(host, plan, launcher, { stdio: { stdin: 'ignore' } }, isOpen)
  const tail = new OutputTail([run.stderr, run.stdout])
  // Rejects when the launcher itself failed; `outcome` says that too.
  const end = () => void run.close().catch(() => {})
  signal?.addEventListener('abort', end, { once: true })
  // Given up in the very moment in which it was started.
  if (signal?.aborted === true) end()
  try {
    const outcome = await run.outcome
    assertNotInterrupted(signal, title)
    if (outcome.outcome === 'refused') throw refused(outcome)
    if (outcome.outcome !== 'exited' || outcome.code !== 0)
      throw failure(options, plan.run, outcome, await tail.lines())
  } finally {
    signal?.removeEventListener('abort', end)
  }
}

/** The manifest as if the hook were its entry. What `/data` is does not depend on who looks at it. */
export function manifestOfHook(
  manifest: Manifest,
  hook: HookRun,
  { runtime, path, args, limits }: HookEntry,
): Manifest {
  const own = Object.entries(limits).filter(([limit, value]) => value !== undefined && limit !== 'dataBytes')
  const timeoutMs = TIMEOUT_MS[hook === 'health' ? 'health' : 'hook']
  // The entry's own times are those of a run, or of a server.
  const { timeoutMs: _, idleMs: __, ...ofEntry } = manifest.limits
  return {
    ...manifest,
    entry: { runtime, path, args, preload: [] },
    protocol: 'stdio',
    limits: { ...ofEntry, timeoutMs, ...(Object.fromEntries(own) as LimitRequest) },
  }
}

/** As `prepare` does for a run; a refusal is recorded too. */
async function prepareHook(host: Host, options: HookOptions, manifest: Manifest): Promise<RunPlan> {
  const { hook, installation, release, from } = options
  const { name, version, consent, uid } = installation
  const run = newRun()
  const weaker = weakerOf(host, name, {})
  const record = { id: run, name, version, profile: profileFor(host.config, name), weaker }
  const request: RunRequest = {
    run,
    manifest,
    release,
    uid,
    agreed: consent.network,
    grants: grantsOf(consent.env, process.env),
    weaker,
    hook: { name: hook, from },
  }
  try {
    const plan = await host.planner.prepare(request)
    if (plan.weaker.length > 0) host.store.note('weaker-run', name, { version, weaker: plan.weaker, run, hook })
    host.store.runs.begin({ ...record, weaker: plan.weaker }, process.pid, {
      place: placeOf(plan),
      hook: { name: hook, installation: installation.id },
    })
    return plan
  } catch (error) {
    host.store.runs.refuse(record, refusalOf(error), hook)
    throw error
  }
}

const titleOf = (hook: HookRun): string => (hook === 'health' ? 'health check' : `hook ${hook}`)

/** The sandbox could not be built: that is no failure of the hook's. */
function refused({ error, reason }: Extract<Outcome, { outcome: 'refused' }>): PluginError {
  const code: ErrorCode = Object.hasOwn(ERROR_CODES, error) ? (error as ErrorCode) : 'LAUNCH_FAILED'
  return new IsolationError(code, reason)
}

function failure(
  { hook, installation: { name, version } }: HookOptions,
  run: string,
  outcome: Outcome,
  output: readonly string[],
): PluginError {
  const said = output.length === 0 ? 'it said nothing' : `it said: ${output.slice(-5).join(' | ')}`
  return new PluginError(
    hook === 'health' ? 'HEALTH_FAILED' : 'HOOK_FAILED',
    `cannot go on with ${name} ${version}: its ${titleOf(hook)} ${endOf(outcome)}, so nothing was changed; ${said}`,
    {
      hint: `plugins history --run ${run}; plugins logs ${name} --run ${run}`,
      details: { hook, run, outcome, output },
    },
  )
}

function endOf(outcome: Outcome): string {
  switch (outcome.outcome) {
    case 'exited':
      return `exited with ${outcome.code}`
    case 'signalled':
      return `was ended by ${outcome.signal}`
    case 'limited':
      return `met its limit: ${printable(outcome.reason)}`
    case 'refused':
      return 'never ran'
  }
}
