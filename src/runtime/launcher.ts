import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { IsolationError, PluginError, UsageError } from '../core/errors.ts'
import { type Outcome, refusal } from '../core/outcome.ts'
import { engineOf } from './engine.ts'
import { heldWords } from './held-words.ts'
import type { JournalLine } from './journal.ts'
import {
  CONTROL_FD,
  hasStreams,
  keepAlive,
  type LauncherStart,
  REPORT_FD,
  type RunStream,
  SPEC_FD,
  startLauncher,
} from './launcher-process.ts'
import { leavesOf, sweepLeaf } from './leaves.ts'
import type { RunPlan } from './plan.ts'
import { type ReportLine, ReportReader } from './report.ts'
import type { SpareLauncher } from './spare-launcher.ts'
import { encodeSpec } from './spec.ts'
import { LEAVES_FILE, watchFiles } from './spool-folder.ts'
import { adopt } from './systemd/user-manager.ts'

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
  /** Of one that is held: that it waits for `letGo`. `false`: it does not any more, or never did. */
  readonly waits: Promise<boolean>
  /** How it ended. Rejects only when the launcher itself failed. */
  readonly outcome: Promise<Outcome>
  /** Passes a signal on to the program. `false`: the run has ended. */
  kill(signal: NodeJS.Signals): boolean
  /** Begins `timeout` and `idle` anew: for whoever held the run ready before there was anything for it to do. */
  restartClocks(): void
  /**
   * Lets a held run go, with arguments that come after those of its plan. `timeout` and `idle` begin now.
   *
   * @throws UsageError when it was not held, or was let go already, or they are more than a held run can be told
   */
  letGo(args: readonly string[]): void
  /** Ends the whole tree now and waits until it is gone. Safe to call twice. */
  close(): Promise<Outcome>
}

/** A run that a process need not wait for. */
export interface Unwaited {
  /** From now on it does not keep this process alive, and ends with it. */
  unref(): void
}

/** Starts runs for the library: the host application stays, and reads the plugin's streams. */
export class Launcher {
  readonly #binary: string
  readonly #spare: SpareLauncher | null

  /** `spare`: where one may wait that was started ahead. */
  constructor({ binary, spare = null }: { readonly binary: string; readonly spare?: SpareLauncher | null }) {
    this.#binary = binary
    this.#spare = spare
  }

  start(plan: RunPlan, stdio: RunStdio = {}, watch: RunWatch = {}): Run & Unwaited {
    const spec = this.#specOf(plan, watch)
    const { stdin = 'pipe', stdout = 'pipe', stderr = 'pipe' } = stdio
    const how: LauncherStart = { binary: this.#binary, title: commandLineOf(plan), stdio: [stdin, stdout, stderr] }
    const child = this.#spare?.take(how) ?? startLauncher(how)
    // A process at its limit of open files gets none of these streams, and the reason in a turn of its own.
    if (!hasStreams(child)) {
      child.on('error', () => {})
      throw new IsolationError('LAUNCH_FAILED', `cannot run ${plan.name}: this process can open no more files`, {
        hint: 'ulimit -n, or LimitNOFILE= of its service',
      })
    }
    this.#spare?.follow(how)
    return new LaunchedRun(plan, child, spec, watch)
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

/**
 * What `ps` shows of the launcher and of the sandbox's first process, which is made out of it. The title of a process holds
 * 15 bytes; this holds all. The program's own command line stays what it is: programs look at it.
 */
const commandLineOf = ({ name, instance }: RunPlan): string =>
  instance === null ? 'bulkhead-launch' : `bulkhead-launch: ${name} ${instance}`

/** Beside the numbers of signals. */
const BEGIN_CLOCKS = 64
/** How long the output of a run that has ended waits for a reader. */
const UNREAD_MS = 1_000

/** Of times of which 0 is none. */
const shortest = (one: number, other: number): number => (one === 0 || other === 0 ? one + other : Math.min(one, other))

/** What is told while it goes on. */
interface Coming {
  readonly started: (line: Started | null) => void
  readonly waits: (does: boolean) => void
}

/**
 * Node throws away what nobody has begun to read when a child exits. A program may be gone before its host has come round to
 * its output, which is the host's all the same, for `UNREAD_MS`. Then it goes: each would keep a descriptor.
 */
function keepUnread(child: ChildProcess): void {
  const streams: unknown[] = child.stdio
  const outputs = [child.stdout, child.stderr].filter((stream) => stream !== null)
  for (const fd of [1, 2]) streams[fd] = null
  const isUnread = (stream: Readable) => stream.readableFlowing === null && stream.listenerCount('readable') === 0
  const drop = () => {
    for (const stream of outputs.filter(isUnread)) stream.resume()
  }
  child.once('exit', () => setTimeout(drop, UNREAD_MS).unref())
}

class LaunchedRun implements Run, Unwaited {
  readonly #child: ChildProcess
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
  readonly #control: Writable
  readonly #streams: readonly unknown[]
  #ended = false
  #hold: 'none' | 'held' | 'let go'

  constructor(plan: RunPlan, child: ChildProcess, spec: Buffer, { onJournal, held = false }: RunWatch) {
    this.#hold = held ? 'held' : 'none'
    this.run = plan.run
    this.instance = plan.instance
    this.clockMs = shortest(plan.limits.timeoutMs.value, plan.limits.idleMs.value)
    this.#child = child
    this.pid = child.pid ?? -1
    this.stdin = child.stdin
    this.stdout = child.stdout
    this.stderr = child.stderr
    this.#streams = [...child.stdio]
    this.sockets = plan.sockets
    // Node's types end at the fifth stream.
    const streams: readonly unknown[] = child.stdio
    this.#control = streams[CONTROL_FD] as Writable
    const started = Promise.withResolvers<Started | null>()
    const waits = Promise.withResolvers<boolean>()
    const outcome = Promise.withResolvers<Outcome>()
    this.started = started.promise
    this.waits = waits.promise
    this.outcome = outcome.promise
    // A caller that only awaits `started` must not be ended by an unhandled rejection; whoever awaits it still sees it.
    outcome.promise.catch(() => {})

    const specification = child.stdio[SPEC_FD] as Writable
    for (const stream of [specification, this.#control]) stream.on('error', () => {})
    const come = { started: started.resolve, waits: waits.resolve }
    keepUnread(child)
    const refuse = this.#follow(plan, child, come, outcome, onJournal)
    // Until it has read its specification the launcher does nothing, so it can be moved where it has to be first.
    if (!plan.cgroups.adopt || child.pid === undefined) specification.end(spec)
    else adopt(process.geteuid?.() ?? 0, child.pid).then(() => specification.end(spec), refuse)
  }

  kill(signal: NodeJS.Signals): boolean {
    const number = constants.signals[signal]
    if (this.#ended || number === undefined || this.#control.destroyed) return false
    this.#control.write(Uint8Array.of(number))
    return true
  }

  restartClocks(): void {
    if (!this.#ended && !this.#control.destroyed) this.#control.write(Uint8Array.of(BEGIN_CLOCKS))
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
    if (!this.#ended && !this.#control.destroyed) this.#control.write(words)
  }

  close(): Promise<Outcome> {
    // The launcher takes the end of the control pipe for the end of its host, and ends the tree.
    this.#control.destroy()
    // Now somebody waits for it, and perhaps for nothing else.
    keepAlive(this.#child, this.#streams, 'ref')
    return this.outcome
  }

  unref(): void {
    keepAlive(this.#child, this.#streams, 'unref')
  }

  #follow(
    plan: RunPlan,
    child: ChildProcess,
    come: Coming,
    outcome: PromiseWithResolvers<Outcome>,
    onJournal: RunWatch['onJournal'],
  ): (why: Error) => void {
    let ended: Outcome | null = null
    let fault: unknown = null
    const report = child.stdio[REPORT_FD] as Readable
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
    report.on('error', () => {})
    report.on('data', (chunk: Buffer) => {
      if (fault !== null) return
      try {
        reader.push(chunk)
      } catch (error) {
        fault = error
        this.#control.destroy()
      }
    })
    const lost = (why: string, cause: unknown): void => {
      if (ended !== null) return
      this.#end(come)
      for (const leaf of leavesOf(plan)) sweepLeaf(leaf)
      const message = `cannot tell how ${plan.name} ended: ${why}`
      outcome.reject(new IsolationError('LAUNCH_FAILED', message, cause ? { cause } : {}))
    }
    child.on('error', (error) => lost(`the launcher could not be started (${error.message})`, error))
    // 'exit' may come before the report's last bytes, and 'close' waits for streams that the caller may not read.
    const gone = Promise.withResolvers<string>()
    child.on('exit', (code, signal) => gone.resolve(signal ?? `exit ${code}`))
    report.on('close', async () => {
      const how = await gone.promise
      lost(fault ? `its report ${(fault as Error).message}` : `the launcher left no report (${how})`, fault)
    })
    return (why) => {
      if (ended !== null) return
      ended = refusal(why instanceof PluginError ? why.code : 'LAUNCH_FAILED', why.message)
      this.#end(come)
      child.kill('SIGKILL')
      outcome.resolve(ended)
    }
  }

  #end({ started, waits }: Coming): void {
    this.#ended = true
    started(null)
    waits(false)
    this.#control.destroy()
  }
}
