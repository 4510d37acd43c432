import { RPC_CODES } from './json-rpc.ts'

/** An error that is meant for the other side of a channel: code, message and data are sent to it as they are. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: number
  readonly data: unknown

  constructor(message: string, { code = RPC_CODES.failed, data }: { code?: number; data?: unknown } = {}) {
    super(message)
    this.code = code
    this.data = data
  }
}
