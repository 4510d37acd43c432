import { faultText, RPC_CODES, type RpcFault, type RpcId, resultText } from '../../core/json-rpc.ts'
import { RpcError } from '../../core/rpc-error.ts'

/** What is known about a call that a plugin makes. */
export interface FunctionContext {
  /** The plugin has taken its call back, or has ended. */
  readonly signal: AbortSignal
  /** Which of its runs calls. */
  readonly run: string
}

/** A function of the host that a plugin may call. What it throws stays here, unless it is an `RpcError`. */
export type HostFunction = (params: unknown, context: FunctionContext) => unknown

/** Calls of one plugin at work at a time. */
const AT_ONCE_MAX = 64

/** The functions of the host that one plugin was granted, by name; there are no others for it. */
export class Functions {
  readonly #granted: ReadonlyMap<string, HostFunction>
  readonly #run: string
  readonly #maxBytes: number
  readonly #atWork = new Map<RpcId, AbortController>()
  #bytes = 0

  /** `maxBytes`: of all calls at work, as they came; one alone may be of any length. */
  constructor(granted: Readonly<Record<string, HostFunction>>, run: string, maxBytes: number) {
    this.#granted = new Map(Object.entries(granted))
    this.#run = run
    this.#maxBytes = maxBytes
  }

  /** The answer as it is sent. Never rejects. */
  async answer(id: RpcId, method: string, params: unknown, bytes: number): Promise<string> {
    const granted = this.#granted.get(method)
    if (granted === undefined)
      return faultText(id, { code: RPC_CODES.methodNotFound, message: 'no such function is granted to this plugin' })
    if (this.#atWork.has(id)) return faultText(id, { code: RPC_CODES.invalidRequest, message: 'this id is in use' })
    if (this.#isBusy(bytes))
      return faultText(id, { code: RPC_CODES.busy, message: 'as many calls as may be are at work already' })
    try {
      return resultText(id, await this.#work(id, granted, params, bytes))
    } catch (error) {
      return faultOf(id, error)
    }
  }

  /** A notification: nobody learns what comes of it, and what is not granted is not done. */
  async notice(method: string, params: unknown, bytes: number): Promise<void> {
    const granted = this.#granted.get(method)
    if (granted === undefined || this.#isBusy(bytes)) return
    try {
      await this.#work(Symbol(method) as unknown as RpcId, granted, params, bytes)
    } catch {
      // There is nobody to tell: JSON-RPC 2.0, section 4.1.
    }
  }

  #isBusy(bytes: number): boolean {
    const { size } = this.#atWork
    return size >= AT_ONCE_MAX || (size > 0 && this.#bytes + bytes > this.#maxBytes)
  }

  async #work(mark: RpcId, granted: HostFunction, params: unknown, bytes: number): Promise<unknown> {
    const control = new AbortController()
    this.#atWork.set(mark, control)
    this.#bytes += bytes
    try {
      return await granted(params, { signal: control.signal, run: this.#run })
    } finally {
      this.#atWork.delete(mark)
      this.#bytes -= bytes
    }
  }

  cancel(id: unknown): void {
    this.#atWork.get(id as RpcId)?.abort()
  }

  endAll(): void {
    for (const control of this.#atWork.values()) control.abort()
  }
}

function faultOf(id: RpcId, error: unknown): string {
  try {
    return faultText(id, faultFor(error))
  } catch {
    // What it says has no JSON, which is a failure of the function too.
    return faultText(id, faultFor(null))
  }
}

/** What failed inside the host is the host's own affair: its messages may tell of paths and of secrets. */
function faultFor(error: unknown): RpcFault {
  if (!(error instanceof RpcError)) return { code: RPC_CODES.internal, message: 'the function failed' }
  const { code, message, data } = error
  return { code, message, ...(data === undefined ? {} : { data }) }
}
