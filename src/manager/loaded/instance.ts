import { setTimeout as sleep } from 'node:timers/promises'
import { CallError, PluginError, TimeoutError } from '../../core/errors.ts'
import { RPC_METHODS } from '../../core/json-rpc.ts'
import { KILLED, type Outcome } from '../../core/outcome.ts'
import { type ChannelBounds, type HostFunction, JsonRpcPeer, type Run } from '../../runtime/index.ts'
import { OutputTail } from '../output-tail.ts'
import { endedError } from './ended.ts'
import { readAtPace } from './pace.ts'

export interface InstanceOptions {
  readonly plugin: string
  readonly launch: () => Promise<Run>
  readonly bounds: ChannelBounds
  readonly functions: Readonly<Record<string, HostFunction>>
  readonly startTimeoutMs: number
  /** It breaks the protocol, or a bound of it. */
  readonly onViolation: (run: string, error: PluginError) => void
  readonly onStderr: (run: string, chunk: Buffer) => void
}

/** How an instance came to its end. */
export interface InstanceEnd {
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

/** One sandbox of a loaded plugin, and the channel to it. */
export class Instance {
  readonly run: Run
  readonly peer: JsonRpcPeer
  /** The program's process, on this host. */
  readonly pid: number
  readonly startedAtMs: number
  readonly ended: Promise<InstanceEnd>
  readonly #plugin: string
  #why: PluginError | null = null
  #isAsked = false

  /**
   * Starts one, and waits until it answers, or until `over`: a plugin that never does must not go on for as long as it may take.
   *
   * @throws PluginError; then nothing of it is left
   */
  static async start(options: InstanceOptions, over: AbortSignal): Promise<Instance> {
    const run = await options.launch()
    // Rejects when the launcher itself failed; `outcome` says that too.
    const end = () => void run.close().catch(() => {})
    if (over.aborted) end()
    over.addEventListener('abort', end, { once: true })
    try {
      return await Instance.#answering(options, run)
    } finally {
      over.removeEventListener('abort', end)
    }
  }

  static async #answering(options: InstanceOptions, run: Run): Promise<Instance> {
    const tail = new OutputTail([run.stderr])
    if (run.stderr !== null) readAtPace(run.stderr, (chunk) => options.onStderr(run.run, chunk))
    const started = await run.started
    if (started === null) throw endedError(options.plugin, run.run, await run.outcome, await tail.lines())
    const instance = new Instance(options, run, started, tail)
    try {
      await instance.#answers(options.startTimeoutMs)
      return instance
    } catch (error) {
      await instance.kill(error as PluginError)
      throw error
    }
  }

  private constructor(
    options: InstanceOptions,
    run: Run,
    started: { readonly pid: number; readonly startedAtMs: number },
    tail: OutputTail,
  ) {
    const { plugin, bounds, functions, onViolation } = options
    const { stdin, stdout } = run
    if (stdin === null || stdout === null) throw new TypeError('the run of an instance has no pipes')
    this.#plugin = plugin
    this.run = run
    this.pid = started.pid
    this.startedAtMs = started.startedAtMs
    const violated = (error: PluginError): void => {
      onViolation(run.run, error)
      void this.kill(error)
    }
    this.peer = new JsonRpcPeer({
      plugin,
      run: run.run,
      stdin,
      stdout,
      bounds,
      functions,
      onFault: violated,
      onOutputEnd: (isCutOff) => void this.#silent(isCutOff, violated),
      onFlood: () => {
        const message = `cannot keep up with ${plugin}: it calls more than ${bounds.inboundPerSecond} times a second`
        onViolation(run.run, new CallError('RATE_LIMITED', message))
      },
    })
    this.ended = run.outcome
      .catch(() => KILLED)
      .then(async (outcome) => {
        const error = this.#why ?? endedError(plugin, run.run, outcome, await tail.lines())
        this.peer.close(error)
        return { error, outcome, isAsked: this.#isAsked }
      })
  }

  /** Ends its input, then the program, then whatever is left of the tree. Safe to call twice. */
  async close(why: PluginError): Promise<InstanceEnd> {
    this.#isAsked = true
    this.#why ??= why
    this.peer.close(why)
    if (await this.#endsWithin(GRACE_MS)) return this.ended
    this.run.kill('SIGTERM')
    if (await this.#endsWithin(GRACE_MS)) return this.ended
    return this.kill(why)
  }

  /** The whole tree, now. */
  async kill(why: PluginError): Promise<InstanceEnd> {
    this.#why ??= why
    this.peer.close(why)
    // Rejects when the launcher itself failed; `ended` says that too.
    await this.run.close().catch(() => {})
    return this.ended
  }

  async #answers(timeoutMs: number): Promise<void> {
    try {
      await this.peer.call(RPC_METHODS.health, undefined, { timeoutMs })
    } catch (error) {
      if (!(error instanceof PluginError)) throw error
      if (error.code === 'CALL_FAILED') return
      if (error.code !== 'CALL_TIMEOUT') throw error
      const message = `cannot use ${this.#plugin}: it was started and gave no answer in ${timeoutMs} ms`
      throw new TimeoutError('START_TIMEOUT', message, {
        hint: 'a jsonrpc plugin answers every request, if with an error',
      })
    }
  }

  async #silent(isCutOff: boolean, violated: (error: PluginError) => void): Promise<void> {
    if (await this.#endsWithin(LAST_WORD_MS)) return
    const what = isCutOff ? 'its output ended within a message' : 'it closed its output and goes on'
    violated(new CallError('MESSAGE_INVALID', `cannot go on with ${this.#plugin}: ${what}`))
  }

  async #endsWithin(ms: number): Promise<boolean> {
    const late = new AbortController()
    try {
      return await Promise.race([
        this.ended.then(() => true),
        sleep(ms, false, { signal: late.signal }).catch(() => false),
      ])
    } finally {
      late.abort()
    }
  }
}
