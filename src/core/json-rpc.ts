import { printable } from './printable.ts'

/** JSON-RPC 2.0, section 4: a number or a text; ours are numbers. */
export type RpcId = number | string

/** JSON-RPC 2.0, section 5.1. */
export interface RpcFault {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/** The codes of JSON-RPC 2.0, section 5.1, and of its range for implementations. */
export const RPC_CODES = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** Of ours: what was asked for failed, or was refused. */
  failed: -32000,
  /** Of ours: more is going on than may. */
  busy: -32001,
  /** As the Language Server Protocol has it. */
  cancelled: -32800,
} as const

/** What goes beside JSON-RPC itself; methods that begin with `$/` are never a plugin's own. docs/jsonrpc.md. */
export const RPC_METHODS = {
  /** Request. Any answer, "method not found" among them, says that the other side reads and writes. */
  health: '$/health',
  /** Notification `{ id }`: the answer to this request is not waited for any more. */
  cancel: '$/cancel',
  /** Request `{ method, params, window }`: answer in items, and no more than `window` of them unasked. */
  stream: '$/stream',
  /** Notification `{ id, item }`: one item of the stream that request `id` opened. */
  item: '$/item',
  /** Notification `{ id, count }`: so many more items may come. */
  more: '$/more',
} as const

/** For the author of a plugin that writes something else: most often a line that was meant for people. */
export const CHANNEL_HINT = 'a plugin writes nothing but messages to stdout; what people should read goes to stderr'

export type RpcMessage =
  | { readonly kind: 'request'; readonly id: RpcId; readonly method: string; readonly params: unknown }
  | { readonly kind: 'notification'; readonly method: string; readonly params: unknown }
  | { readonly kind: 'result'; readonly id: RpcId; readonly result: unknown }
  | { readonly kind: 'fault'; readonly id: RpcId | null; readonly fault: RpcFault }
  | { readonly kind: 'invalid'; readonly reason: string }

const invalid = (reason: string): RpcMessage => ({ kind: 'invalid', reason })

/** One line as a message. Never throws. */
export const readRpcMessage = (line: string): RpcMessage => readRpcLine(line).message

/** One line as a message, beside the value that stands there, for whoever passes it on. Never throws. */
export function readRpcLine(line: string): { readonly message: RpcMessage; readonly value: unknown } {
  const refused = (reason: string) => ({ message: invalid(reason), value: undefined })
  if (line.length > 2 * DEPTH_MAX && isDeep(line)) return refused(`it is nested deeper than ${DEPTH_MAX}`)
  try {
    const value: unknown = JSON.parse(line)
    return { message: rpcMessageOf(value), value }
  } catch {
    return refused(`it is not JSON: "${printable(line, 80)}"`)
  }
}

/** A value as a message. Batches, which JSON-RPC allows, are not taken: nobody here sends any. Never throws. */
export function rpcMessageOf(value: unknown): RpcMessage {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return invalid('it is not an object')
  const { jsonrpc, id, method, params, result, error } = value as Record<string, unknown>
  if (jsonrpc !== '2.0') return invalid('its "jsonrpc" is not "2.0"')
  if (id !== undefined && id !== null && !isId(id))
    return invalid('its "id" is neither a whole number nor a short text')
  if (method !== undefined) {
    if (typeof method !== 'string') return invalid('its "method" is not a text')
    if (params !== undefined && (typeof params !== 'object' || params === null))
      return invalid('its "params" is neither an object nor an array')
    if (id === null) return invalid('its "id" is null')
    // Two readers could take it for two things.
    for (const key of ['result', 'error'])
      if (Object.hasOwn(value, key)) return invalid(`it has both "method" and "${key}"`)
    return id === undefined ? { kind: 'notification', method, params } : { kind: 'request', id, method, params }
  }
  if (id === undefined) return invalid('it has neither "method" nor "id"')
  if (error === undefined) {
    if (id === null || !Object.hasOwn(value, 'result')) return invalid('it has neither "result" nor "error"')
    return { kind: 'result', id, result }
  }
  if (Object.hasOwn(value, 'result')) return invalid('it has both "result" and "error"')
  const fault = faultOf(error)
  return fault === null ? invalid('its "error" is not one') : { kind: 'fault', id, fault }
}

/** V8 reads JSON of any depth; whoever walks through it afterwards has a stack that ends. */
const DEPTH_MAX = 512

function isDeep(text: string): boolean {
  let depth = 0
  let isText = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isText) {
      if (code === BACKSLASH) at++
      else if (code === QUOTE) isText = false
    } else if (code === QUOTE) isText = true
    else if (code === BRACKET || code === BRACE) {
      if (++depth > DEPTH_MAX) return true
    } else if (code === BRACKET + 2 || code === BRACE + 2) depth--
  }
  return false
}

/** `"`, `\\`, `[` and `{`; what closes the last two stands two further in ASCII. */
const [QUOTE, BACKSLASH, BRACKET, BRACE] = [34, 92, 91, 123]

const ID_MAX = 256

const isId = (id: unknown): id is RpcId =>
  Number.isSafeInteger(id) || (typeof id === 'string' && id.length > 0 && id.length <= ID_MAX)

function faultOf(error: unknown): RpcFault | null {
  if (typeof error !== 'object' || error === null) return null
  const { code, message, data } = error as Record<string, unknown>
  if (!Number.isSafeInteger(code) || typeof message !== 'string') return null
  return { code: code as number, message, ...(data === undefined ? {} : { data }) }
}

/**
 * What may stand in `params`: an object or an array. As wide as `object`, since a value of an `interface` is no `Record`; what has
 * another JSON than these is refused when it is sent.
 */
export type RpcParams = object

/** @throws TypeError of JSON.stringify (a circle, a BigInt), or of `params` that are neither an object nor an array */
export const requestText = (id: RpcId, method: string, params: RpcParams | undefined): string =>
  `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":${JSON.stringify(method)}${paramsText(params)}}\n`

/** @throws TypeError as `requestText` */
export const notificationText = (method: string, params: RpcParams | undefined): string =>
  `{"jsonrpc":"2.0","method":${JSON.stringify(method)}${paramsText(params)}}\n`

/** What has no JSON of its own, `undefined` above all, is `null`. @throws TypeError of JSON.stringify */
export const resultText = (id: RpcId, result: unknown): string =>
  `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${JSON.stringify(result) ?? 'null'}}\n`

/** @throws TypeError of JSON.stringify */
export const faultText = (id: RpcId, fault: RpcFault): string =>
  `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"error":${JSON.stringify(fault)}}\n`

/** JSON-RPC 2.0, section 4.2: the other side would take nothing else, and could not say of which call it is. */
function paramsText(params: RpcParams | undefined): string {
  if (params === undefined) return ''
  const text = JSON.stringify(params)
  if (text?.startsWith('{') || text?.startsWith('[')) return `,"params":${text}`
  throw new TypeError('"params" is neither an object nor an array')
}
