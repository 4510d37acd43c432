import type { Readable, Writable } from 'node:stream'
import type { Outcome } from '../core/outcome.ts'
import type { Run } from '../runtime/index.ts'
import { refusalOfRun } from '../runtime/refused-runs.ts'
import type { LaunchOptions } from './launch.ts'
import { endedError } from './loaded/ended.ts'
import { OutputTail } from './output-tail.ts'

/** Streams of a run whose `stdio` was not said: all of them are its host's. */
export interface PipedStreams {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
}

/** A running plugin, as a process is: what it reads and writes is its host's. */
export class SpawnedPlugin implements AsyncDisposable {
  /** Its name in `plugins ps`, `history` and `logs`. */
  readonly run: string
  /** What `spawn` was told to call it; `null`: nothing. */
  readonly instance: string | null
  /** The program's process, on this host. */
  readonly pid: number
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** The shorter of its `timeout` and `idle`, in milliseconds; 0: it has neither. */
  readonly clockMs: number
  readonly #run: Run

  constructor(run: Run, pid: number) {
    this.#run = run
    this.run = run.run
    this.instance = run.instance
    this.pid = pid
    this.clockMs = run.clockMs
    this.stdin = run.stdin
    this.stdout = run.stdout
    this.stderr = run.stderr
  }

  /** How it ended, when it has. Rejects only when the launcher itself failed. */
  wait(): Promise<Outcome> {
    return this.#run.outcome
  }

  /** Passes a signal on to the program. `false`: it has ended. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    return this.#run.kill(signal)
  }

  /** Begins `timeout` and `idle` anew. */
  restartClocks(): void {
    this.#run.restartClocks()
  }

  /** Ends the whole tree now, and waits until it is gone. */
  close(): Promise<Outcome> {
    return this.#run.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Starts a plugin and waits until its program runs. @throws PluginError with the reason why it does not */
export async function spawn(
  name: string,
  options: LaunchOptions,
  launch: (options: LaunchOptions) => Promise<Run>,
): Promise<SpawnedPlugin> {
  const run = await launch({ endWhenRefused: true, ...options })
  const started = await run.started
  if (started !== null) return new SpawnedPlugin(run, started.pid)
  const said = new OutputTail([run.stderr])
  const ended = endedError(name, run.run, await run.outcome, await said.lines())
  throw refusalOfRun(run) ?? ended
}
