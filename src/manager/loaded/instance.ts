import { CallError, PluginError, TimeoutError } from '../../core/errors.ts'
import { RPC_METHODS } from '../../core/json-rpc.ts'
import { type ChannelBounds, type HostFunction, JsonRpcPeer, type Run } from '../../runtime/index.ts'
import { type RunEnd, ServedRun, type ServedRunOptions } from './served-run.ts'

export interface InstanceOptions extends ServedRunOptions {
  readonly bounds: ChannelBounds
  readonly functions: Readonly<Record<string, HostFunction>>
  readonly startTimeoutMs: number
  /** It breaks the protocol, or a bound of it. */
  readonly onViolation: (run: string, error: PluginError) => void
}

/** One sandbox of a loaded plugin, and the channel to it. */
export class Instance {
  readonly run: Run
  readonly peer: JsonRpcPeer
  /** The program's process, on this host. */
  readonly pid: number
  readonly startedAtMs: number
  readonly ended: Promise<RunEnd>
  readonly #plugin: string
  readonly #served: ServedRun

  /**
   * Starts one, and waits until it answers, or until `over`: a plugin that never does must not go on for as long as it may take.
   *
   * @throws PluginError; then nothing of it is left
   */
  static async start(options: InstanceOptions, over: AbortSignal): Promise<Instance> {
    const instance = new Instance(options, await ServedRun.start(options, over))
    const end = () => void instance.kill(over.reason as PluginError)
    if (over.aborted) end()
    over.addEventListener('abort', end, { once: true })
    try {
      await instance.#answers(options.startTimeoutMs)
      return instance
    } catch (error) {
      await instance.kill(error as PluginError)
      throw error
    } finally {
      over.removeEventListener('abort', end)
    }
  }

  private constructor({ plugin, bounds, functions, onViolation }: InstanceOptions, served: ServedRun) {
    const { run, stdin, stdout } = served
    this.#plugin = plugin
    this.#served = served
    this.run = run
    this.pid = served.pid
    this.startedAtMs = served.startedAtMs
    this.ended = served.ended
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
      onOutputEnd: async (isCutOff) => {
        const silence = await served.silence(isCutOff)
        if (silence !== null) violated(silence)
      },
      onFlood: () => {
        const message = `cannot keep up with ${plugin}: it calls more than ${bounds.inboundPerSecond} times a second`
        onViolation(run.run, new CallError('RATE_LIMITED', message))
      },
    })
    served.whenOver((why) => this.peer.close(why))
  }

  /** Ends its input, then the program, then whatever is left of the tree. Safe to call twice. */
  close(why: PluginError): Promise<RunEnd> {
    return this.#served.close(why)
  }

  /** The whole tree, now. */
  kill(why: PluginError): Promise<RunEnd> {
    return this.#served.kill(why)
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
        hint: `a jsonrpc plugin answers every request, if with an error; plugins logs ${this.#plugin} has what it wrote to stderr`,
      })
    }
  }
}
