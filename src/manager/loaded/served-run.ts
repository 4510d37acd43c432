import type { Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { CallError, type PluginError } from '../../core/errors.ts'
import { KILLED, type Outcome } from '../../core/outcome.ts'
import { type Run, readAtPace } from '../../runtime/index.ts'
import { OutputTail } from '../output-tail.ts'
import { endedError } from './ended.ts'

export interface ServedRunOptions {
  readonly plugin: string
  readonly launch: () => Promise<Run>
  /** What it writes to stderr, as it came. It is read in any case. */
  readonly onStderr: (run: string, chunk: Buffer) => void
}

/** How a run came to its end. */
export interface RunEnd {
  /** What those who waited were told. */
  readonly error: PluginError
  readonly outcome: Outcome
  /** Its host wanted it. */
  readonly isAsked: boolean
}

/** Between asking and SIGTERM, and between SIGTERM and the end of the tree. */
const GRACE_MS = 1_500
/** A run that has said its last word ends soon, or has closed its output and goes on. */
const LAST_WORD_MS = 1_000

/** A run that its host speaks to by its streams: it is ended with a reason, in steps or at once, and never twice. */
export class ServedRun {
  readonly run: Run
  readonly stdin: Writable
  readonly stdout: Readable
  /** The program's process, on this host. */
  readonly pid: number
  readonly startedAtMs: number
  /** When nothing of it is left. */
  readonly ended: Promise<RunEnd>
  readonly #plugin: string
  readonly #over = new AbortController()
  #isAsked = false

  /** `over`: nobody waits for it any more. @throws PluginError when it did not start; then nothing of it is left */
  static async start({ plugin, launch, onStderr }: ServedRunOptions, over?: AbortSignal): Promise<ServedRun> {
    const run = await launch()
    // Rejects when the launcher itself failed; `outcome` says that too.
    const end = () => void run.close().catch(() => {})
    if (over?.aborted === true) end()
    over?.addEventListener('abort', end, { once: true })
    const tail = new OutputTail([run.stderr])
    if (run.stderr !== null) readAtPace(run.stderr, (chunk) => void onStderr(run.run, chunk))
    const started = await run.started
    over?.removeEventListener('abort', end)
    if (started === null) throw endedError(plugin, run.run, await run.outcome, await tail.lines())
    return new ServedRun(plugin, run, started, tail)
  }

  private constructor(
    plugin: string,
    run: Run,
    { pid, startedAtMs }: { readonly pid: number; readonly startedAtMs: number },
    tail: OutputTail,
  ) {
    const { stdin, stdout } = run
    if (stdin === null || stdout === null) throw new TypeError('a run that is spoken to has no pipes')
    this.#plugin = plugin
    this.run = run
    this.stdin = stdin
    this.stdout = stdout
    this.pid = pid
    this.startedAtMs = startedAtMs
    this.ended = run.outcome
      .catch(() => KILLED)
      .then(async (outcome) => {
        // Who asks for it from here on has not brought it about.
        const isAsked = this.#isAsked
        const said = await tail.lines()
        // What it said before it ended is heard before its end is told.
        if (!stdout.closed) await within(LAST_WORD_MS, finished(stdout))
        const error = this.#overBy(endedError(plugin, run.run, outcome, said))
        return { error, outcome, isAsked }
      })
  }

  /** Aborted when nothing more is said to it, with a PluginError as the reason: it is being ended, or has ended. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  /** Told once, at once if it is over already: ends its input, and whatever waits for it. */
  whenOver(tell: (why: PluginError) => void): void {
    const { over } = this
    if (over.aborted) tell(over.reason as PluginError)
    else over.addEventListener('abort', () => tell(over.reason as PluginError), { once: true })
  }

  /** Ends its input, then the program, then whatever is left of the tree. Safe to call twice. */
  async close(why: PluginError): Promise<RunEnd> {
    // What is being ended for another reason is not ended for this one.
    if (!this.#over.signal.aborted) this.#isAsked = true
    this.#overBy(why)
    this.stdin.end()
    if (await within(GRACE_MS, this.ended)) return this.ended
    this.run.kill('SIGTERM')
    if (await within(GRACE_MS, this.ended)) return this.ended
    return this.kill(why)
  }

  /** The whole tree, now. */
  async kill(why: PluginError): Promise<RunEnd> {
    this.#overBy(why)
    // Rejects when the launcher itself failed; `ended` says that too.
    await this.run.close().catch(() => {})
    return this.ended
  }

  /** It has closed its output: `null` if it ends soon, or why it cannot go on. `isCutOff`: within a message. */
  async silence(isCutOff: boolean): Promise<PluginError | null> {
    if (await within(LAST_WORD_MS, this.run.outcome)) return null
    const what = isCutOff ? 'its output ended within a message' : 'it closed its input or its output and goes on'
    return new CallError('MESSAGE_INVALID', `cannot go on with ${this.#plugin}: ${what}`)
  }

  /** The first reason is the one that counts. */
  #overBy(why: PluginError): PluginError {
    if (!this.#over.signal.aborted) this.#over.abort(why)
    return this.#over.signal.reason as PluginError
  }
}

/** Did it come, or fail, in time? */
async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  const late = new AbortController()
  const came = work.then(
    () => true,
    () => true,
  )
  try {
    return await Promise.race([came, sleep(ms, false, { signal: late.signal }).catch(() => false)])
  } finally {
    late.abort()
  }
}
