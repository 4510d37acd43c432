import { rm } from 'node:fs/promises'
import type { StoreError } from '../core/errors.ts'
import { instanceNameOf } from '../core/instance-name.ts'
import { assertKnownOptions, assertListener, type OptionNames } from '../core/known-options.ts'
import type { Outcome } from '../core/outcome.ts'
import {
  type ForkedLauncher,
  findLauncher,
  forgetSpool,
  type HeldRun,
  type JournalLine,
  Launcher,
  type LauncherStart,
  makeSocketsFolder,
  makeSpoolFolder,
  noMoreFiles,
  type Run,
  type RunPlan,
  type RunStdio,
  watchedOf,
  writeSettings,
} from '../runtime/index.ts'
import { RUN_OPTIONS, type RunOptions } from './clearance.ts'
import type { Host } from './host.ts'
import { closedManager } from './live-runs.ts'
import { nameOf } from './plugin-name.ts'
import { boundLogs } from './recovery.ts'
import { prepare, refusalOf } from './run.ts'

export interface LaunchOptions extends RunOptions {
  readonly stdio?: RunStdio | undefined
  /**
   * Ends it within a second when it is disabled, removed or revoked, by whichever process. Default: `false` for `run`, which goes on until it
   * ends; `true` for `spawn`, a warm pool and `loadGoPlugin`.
   */
  readonly endWhenRefused?: boolean | undefined
  /** Told as it happens: decisions about the network, limits that are near. It is in the audit trail when the run ends. */
  readonly onJournal?: ((line: JournalLine) => void) | undefined
}

const LAUNCH_OPTIONS: OptionNames<LaunchOptions> = {
  ...RUN_OPTIONS,
  stdio: true,
  endWhenRefused: true,
  onJournal: true,
}
const STDIO: OptionNames<RunStdio> = { stdin: true, stdout: true, stderr: true }

/**
 * Starts a plugin for a host application; `isOpen` says whether the database still is. `held`: nothing of it runs before `letGo`, and
 * whoever calls that looks at the plugin again first.
 */
export async function launch(
  host: Host,
  name: string,
  options: LaunchOptions,
  isOpen: () => boolean,
  held = false,
): Promise<HeldRun> {
  assertKnownOptions(options, LAUNCH_OPTIONS, `cannot run ${name}`)
  assertKnownOptions(options.stdio ?? {}, STDIO, `cannot run ${name}`, 'stdio.')
  assertListener(options.onJournal, 'onJournal', `cannot run ${name}`)
  const { plan, launcher, started } = await ready(host, name, options)
  return begin(host, plan, launcher, { ...options, held, started }, isOpen)
}

/** What can begin: what was recorded, and a launcher that has been told nothing. */
export interface Ready {
  readonly plan: RunPlan
  readonly launcher: Launcher
  readonly started: ForkedLauncher | null
}

/** `prepare`, while a launcher comes for it. */
export async function ready(
  host: Host,
  name: string,
  options: RunOptions & Pick<LaunchOptions, 'stdio'>,
): Promise<Ready> {
  const launcher = new Launcher({ binary: findLauncher() })
  const coming = ask(host, launcher, name, options)
  try {
    const plan = await prepare(host, name, options)
    return { plan, launcher, started: await coming }
  } catch (error) {
    void coming.then((started) => started?.abandon())
    throw error
  }
}

async function ask(
  { launchers }: Host,
  launcher: Launcher,
  text: string,
  options: RunOptions & Pick<LaunchOptions, 'stdio'>,
): Promise<ForkedLauncher | null> {
  let start: LauncherStart
  try {
    const name = nameOf(text)
    start = launcher.startOf(name, instanceNameOf(name, options.name), options.stdio)
  } catch {
    // There is no such name: to say so, and to record it, is what `prepare` is for.
    return null
  }
  return launchers.ask(start)
}

/** How what was prepared is started. */
type Beginning = Pick<LaunchOptions, 'stdio' | 'onJournal'> & {
  readonly held?: boolean
  readonly started?: ForkedLauncher | null
}

/** Starts what has been recorded as begun, and records how it ends. */
export function begin(
  host: Host,
  plan: RunPlan,
  launcher: Launcher,
  options: Beginning,
  isOpen: () => boolean,
): HeldRun {
  if (!isOpen()) {
    options.started?.abandon()
    throw abandoned(host, plan)
  }
  const run = start(host, plan, launcher, options)
  const outcome = recorded(host, plan, run, isOpen)
  return {
    ...run,
    outcome,
    kill: run.kill.bind(run),
    restartClocks: run.restartClocks.bind(run),
    letGo: run.letGo.bind(run),
    abandon: run.abandon.bind(run),
    isUnheard: run.isUnheard.bind(run),
    close: async () => {
      await run.close()
      return outcome
    },
  }
}

/** Its manager was closed while it was prepared, and waited no longer: nobody would end it. */
function abandoned({ store, parents }: Host, { run, name }: RunPlan): StoreError {
  parents.giveBack(run)
  const error = closedManager(name)
  // Without a database the next command finds the row.
  if (store.isOpen) store.runs.end(run, refusalOf(error))
  return error
}

function start(host: Host, plan: RunPlan, launcher: Launcher, beginning: Beginning): HeldRun {
  const { store, layout } = host
  const { stdio, onJournal, held = false, started = null } = beginning
  let begun: HeldRun | null = null
  try {
    const folder = makeSpoolFolder(layout.spool, plan.run)
    writeSettings(plan)
    if (plan.sockets !== null) makeSocketsFolder(plan.sockets)
    const run = launcher.start(plan, stdio, { folder, onJournal, held }, started)
    begun = run
    // While the launcher is at work already: it is what `stop` and `ps` look for.
    if (run.pid > 0) store.runs.supervise(plan.run, run.pid)
    if (plan.settings !== null) forgetSettings(run, plan.settings.file)
    return run
  } catch (thrown) {
    const error = (thrown as NodeJS.ErrnoException).code === 'EMFILE' ? noMoreFiles(plan.name, thrown) : thrown
    // Nobody will have it, so nobody would end it.
    void begun?.close().catch(() => {})
    started?.abandon()
    host.parents.giveBack(plan.run)
    store.runs.end(plan.run, refusalOf(error))
    // There may be secrets among its settings. What cannot be removed now is swept by the next command.
    try {
      forgetSpool(layout.spool, plan.run)
    } catch {}
    throw error
  }
}

/** The plugin has it mounted: with its name gone from the disk nobody else finds it, and it goes with the run. */
function forgetSettings(run: HeldRun, file: string): void {
  // Should it stay, it is swept with the rest of the run's folder.
  Promise.race([run.started, run.waits])
    .then(() => rm(file, { force: true }))
    .catch(() => {})
}

/** The outcome, once it is in the database: who awaits it can read `history` right away. */
function recorded(host: Host, { name }: RunPlan, run: Run, isOpen: () => boolean): Promise<Outcome> {
  const { store, layout, parents } = host
  const keep = (end: () => void): void => {
    // Closed while the launcher was still taking the tree down: the next command finds row and folder, and ends both.
    if (!isOpen()) return
    end()
    forgetSpool(layout.spool, run.run)
    boundLogs(host, nameOf(name), run.run)
  }
  const outcome = run.outcome.then(
    (ended) => {
      parents.giveBack(run.run, ended.error === 'PRELOAD_FAILED')
      keep(() => store.runs.end(run.run, ended, undefined, watchedOf(layout.spool, run.run)))
      return ended
    },
    (error) => {
      parents.giveBack(run.run)
      keep(() => store.runs.lose(run.run, watchedOf(layout.spool, run.run)))
      throw error
    },
  )
  // A caller that never asks must not be ended by an unhandled rejection; whoever awaits it still sees it.
  outcome.catch(() => {})
  return outcome
}
