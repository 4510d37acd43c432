import { writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { IsolationError, PluginError, UsageError } from '../../core/errors.ts'
import { type Outcome, refusal } from '../../core/outcome.ts'
import { engineOf } from '../engine.ts'
import { heldWords } from '../held-words.ts'
import type { JournalLine } from '../journal.ts'
import { leavesOf, sweepLeaf } from '../leaves.ts'
import type { RunPlan } from '../plan.ts'
import { type ReportLine, ReportReader } from '../report.ts'
import { encodeSpec } from '../spec.ts'
import { LEAVES_FILE, watchFiles } from '../spool-folder.ts'
import { adopt } from '../systemd/user-manager.ts'
import { startChild } from './child-launcher.ts'
import type { ForkedLauncher } from './forked-launcher.ts'
import { isUnread, pressToEnd } from './launcher-death.ts'
import type { LauncherProcess, LauncherStart, RunStream } from './launcher-process.ts'

export interface RunStdio {
  readonly stdin?: RunStream
  readonly stdout?: RunStream
  readonly stderr?: RunStream
}

/** How a run is watched while it goes on. */
export interface RunWatch {
  /** `spool/<run>/`, for what the launcher writes about the run. */
  readonly folder?: string | undefined
  /** Told each line of the journal as it happens. What it throws is the host's own affair, not the run's. */
  readonly onJournal?: ((line: JournalLine) => void) | undefined
  /** It is made ready, and nothing of the plugin runs before `letGo`. */
  readonly held?: boolean
}

/** What is known when the program has been started. */
export type Started = Extract<ReportLine, { event: 'started' }>

/** A running plugin of a host application. */
export interface Run {
  readonly run: string
  /** What its host calls it; `null`: nothing. */
  readonly instance: string | null
  /** The launcher's process; the plugin's own, on the host, is in `started`. */
  readonly pid: number
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** The shorter of its `timeout` and `idle`, in milliseconds; 0: it has neither. */
  readonly clockMs: number
  /** A folder of which the plugin sees the sockets; `null` for all that `loadGoPlugin` did not start. */
  readonly sockets: string | null
  /** `null` when the sandbox could not be built: `outcome` says why. Never rejects. */
  readonly started: Promise<Started | null>
  /** How it ended. Rejects only when the launcher itself failed. */
  readonly outcome: Promise<Outcome>
  /** Passes a signal on to the program. `false`: the run has ended. */
  kill(signal: NodeJS.Signals): boolean
  /** Begins `timeout` and `idle` anew: for whoever held the run ready before there was anything for it to do. */
  restartClocks(): void
  /** Ends the whole tree now and waits until it is gone. Safe to call twice. */
  close(): Promise<Outcome>
}

/** A run as those see it who may have it held ready: whoever lets it go has looked at its plugin again. */
export interface HeldRun extends Run {
  /** That it waits for `letGo`. `false`: it does not any more, or never did. */
  readonly waits: Promise<boolean>
  /**
   * Lets it go, with arguments that come after those of its plan. `timeout` and `idle` begin now.
   *
   * @throws UsageError when it was not held, or was let go already, or they are more than a held run can be told
   */
  letGo(args: readonly string[]): void
  /** Kills its launcher, and with it the tree: for one that stands still, and would read what it was told when it is woken. */
  abandon(): void
  /** Of one that was let go and has not started: its launcher is gone and had not read it, so nothing of the plugin has run. */
  isUnheard(): boolean
}

/** A run that a process need not wait for. */
export interface Unwaited {
  /** From now on it does not keep this process alive, and ends with it. */
  unref(): void
}

/** Starts runs for the library: the host application stays, and reads the plugin's streams. */
export class Launcher {
  readonly #binary: string

  constructor(options: { readonly binary: string }) {
    this.#binary = options.binary
  }

  /** What the launcher of a run is started with, of which nothing is known yet but what it is called. */
  startOf(name: string, instance: string | null, stdio: RunStdio = {}): LauncherStart {
    const { stdin = 'pipe', stdout = 'pipe', stderr = 'pipe' } = stdio
    return { binary: this.#binary, title: titleOf(name, instance), stdio: [stdin, stdout, stderr] }
  }

  /** `started`: one that was started with just that already; when it has ended meanwhile, another one is. */
  start(
    plan: RunPlan,
    stdio: RunStdio = {},
    watch: RunWatch = {},
    started: ForkedLauncher | null = null,
  ): HeldRun & Unwaited {
    const spec = this.#specOf(plan, watch)
    if (started?.isWaiting === false) started.abandon()
    const ahead = started?.isWaiting === true ? started : null
    const launcher = ahead ?? startChild(this.startOf(plan.name, plan.instance, stdio))
    if (launcher !== null) return new LaunchedRun(plan, launcher, spec, watch)
    throw noMoreFiles(plan.name)
  }

  #specOf(plan: RunPlan, { folder, held = false }: RunWatch): Buffer {
    const ending = { control: true, held, ...(folder === undefined ? {} : watchFiles(folder)) }
    const words = encodeSpec(plan, ending)
    if (plan.engine.name === 'native') return words
    if (held)
      throw new UsageError(
        'USAGE',
        `cannot hold ${plan.name} ready with ${plan.engine.name}: only the native sandbox can wait`,
      )
    if (folder === undefined) throw new UsageError('USAGE', `cannot run with ${plan.engine.name}: it needs a folder`)
    writeFileSync(join(folder, LEAVES_FILE), leavesOf(plan).join('\n'), { mode: 0o600, flag: 'wx' })
    return encodeSpec(plan, { ...ending, engine: engineOf(plan).prepare(plan, folder, this.#binary) })
  }
}

export const noMoreFiles = (name: string, cause?: unknown): IsolationError =>
  new IsolationError('LAUNCH_FAILED', `cannot run ${name}: this process can open no more files`, {
    hint: 'ulimit -n, or LimitNOFILE= of its service',
    cause,
  })

/**
 * What `ps` shows of the launcher and of the sandbox's first process, which is made out of it. The title of a process holds
 * 15 bytes; this holds all. The program's own command line stays what it is: programs look at it.
 */
const titleOf = (name: string, instance: string | null): string =>
  instance === null ? 'bulkhead-launch' : `bulkhead-launch: ${name} ${instance}`

/** Beside the numbers of signals. */
const BEGIN_CLOCKS = 64

/** Of times of which 0 is none. */
const shortest = (one: number, other: number): number => (one === 0 || other === 0 ? one + other : Math.min(one, other))

/** What is told while it goes on. */
interface Coming {
  readonly started: (line: Started | null) => void
  readonly waits: (does: boolean) => void
}

class LaunchedRun implements HeldRun, Unwaited {
  readonly #launcher: LauncherProcess
  readonly run: string
  readonly instance: string | null
  readonly pid: number
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  readonly clockMs: number
  readonly sockets: string | null
  readonly started: Promise<Started | null>
  readonly waits: Promise<boolean>
  readonly outcome: Promise<Outcome>
  #ended = false
  #isPressed = false
  #isUnheard = false
  #hold: 'none' | 'held' | 'let go'

  constructor(plan: RunPlan, launcher: LauncherProcess, spec: Buffer, { onJournal, held = false }: RunWatch) {
    this.#hold = held ? 'held' : 'none'
    this.run = plan.run
    this.instance = plan.instance
    this.clockMs = shortest(plan.limits.timeoutMs.value, plan.limits.idleMs.value)
    this.#launcher = launcher
    this.pid = launcher.pid ?? -1
    this.stdin = launcher.stdin
    this.stdout = launcher.stdout
    this.stderr = launcher.stderr
    this.sockets = plan.sockets
    const started = Promise.withResolvers<Started | null>()
    const waits = Promise.withResolvers<boolean>()
    const outcome = Promise.withResolvers<Outcome>()
    this.started = started.promise
    this.waits = waits.promise
    this.outcome = outcome.promise
    // A caller that only awaits `started` must not be ended by an unhandled rejection; whoever awaits it still sees it.
    outcome.promise.catch(() => {})

    const { specification, control, report, pid } = launcher
    for (const stream of [specification, control, report]) stream.on('error', () => {})
    control.on('error', (error) => {
      this.#isUnheard = isUnread(error)
    })
    const come = { started: started.resolve, waits: waits.resolve }
    const refuse = this.#follow(plan, come, outcome, onJournal)
    // Until it has read its specification the launcher does nothing, so it can be moved where it has to be first.
    if (!plan.cgroups.adopt || pid === undefined) specification.end(spec)
    else adopt(process.geteuid?.() ?? 0, pid).then(() => specification.end(spec), refuse)
  }

  kill(signal: NodeJS.Signals): boolean {
    const number = constants.signals[signal]
    if (this.#ended || number === undefined || this.#launcher.control.destroyed) return false
    this.#launcher.control.write(Uint8Array.of(number))
    return true
  }

  restartClocks(): void {
    if (!this.#ended && !this.#launcher.control.destroyed) this.#launcher.control.write(Uint8Array.of(BEGIN_CLOCKS))
  }

  letGo(args: readonly string[]): void {
    const words = heldWords(args)
    // The launcher would take either for a fault of its caller, and end the run.
    if (this.#hold !== 'held')
      throw new UsageError(
        'USAGE',
        `cannot let ${this.run} go: it was ${this.#hold === 'none' ? 'not held' : 'let go already'}`,
      )
    this.#hold = 'let go'
    if (!this.#ended && !this.#launcher.control.destroyed) this.#launcher.control.write(words)
  }

  abandon(): void {
    this.#launcher.kill()
  }

  isUnheard(): boolean {
    return this.#isUnheard
  }

  close(): Promise<Outcome> {
    // The launcher takes the end of the control pipe for the end of its host, and ends the tree.
    this.#launcher.control.destroy()
    if (!this.#ended && !this.#isPressed) pressToEnd(this.#launcher)
    this.#isPressed = true
    // Now somebody waits for it, and perhaps for nothing else.
    this.#launcher.keepAlive('ref')
    return this.outcome
  }

  unref(): void {
    this.#launcher.keepAlive('unref')
  }

  #follow(
    plan: RunPlan,
    come: Coming,
    outcome: PromiseWithResolvers<Outcome>,
    onJournal: RunWatch['onJournal'],
  ): (why: Error) => void {
    let ended: Outcome | null = null
    let fault: unknown = null
    const { report, failed, gone } = this.#launcher
    const reader = new ReportReader((line) => {
      if (ended !== null) return
      if (line.event === 'held') return come.waits(true)
      if (line.event === 'started') {
        come.started(line)
        // Let go before it had come to wait, it never does.
        return come.waits(false)
      }
      // In a turn of its own: an exception of the host's must not look like a fault of the report.
      if (line.event !== 'ended') return onJournal && setImmediate(onJournal, line)
      ended = line.outcome
      this.#end(come)
      // After what was told before it, whose turns have not come yet.
      setImmediate(outcome.resolve, ended)
    })
    report.on('data', (chunk: Buffer) => {
      if (fault !== null) return
      try {
        reader.push(chunk)
      } catch (error) {
        fault = error
        this.#launcher.control.destroy()
      }
    })
    const lost = (why: string, cause: unknown): void => {
      if (ended !== null) return
      this.#end(come)
      for (const leaf of leavesOf(plan)) sweepLeaf(leaf)
      const message = `cannot tell how ${plan.name} ended: ${why}`
      outcome.reject(new IsolationError('LAUNCH_FAILED', message, cause ? { cause } : {}))
    }
    failed.then((error) => lost(`the launcher could not be started (${error.message})`, error))
    // Its end may be told before the report's last bytes, and its output may be read by nobody.
    report.on('close', async () => {
      const how = await gone
      lost(fault ? `its report ${(fault as Error).message}` : `the launcher left no report (${how})`, fault)
    })
    return (why) => {
      if (ended !== null) return
      ended = refusal(why instanceof PluginError ? why.code : 'LAUNCH_FAILED', why.message)
      this.#end(come)
      this.#launcher.kill()
      outcome.resolve(ended)
    }
  }

  #end({ started, waits }: Coming): void {
    this.#ended = true
    started(null)
    waits(false)
    this.#launcher.control.destroy()
  }
}
