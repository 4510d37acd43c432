// Which status each error of a plugin is for whoever called it by HTTP.
import { PluginError } from '@bulkhead/plugins'
import { HttpError } from './http-error.mjs'

/**
 * @typedef {import('@bulkhead/plugins').ErrorCode} ErrorCode
 * @typedef {{ status: number, code: string, message: string, headers: Readonly<Record<string, string>> }} Refusal
 */

/** @type {Partial<Record<ErrorCode, number>>} */
const STATUS = {
  NOT_INSTALLED: 404,
  WRONG_PROTOCOL: 404, // it is no plugin that can be called
  KEY_REVOKED: 410,
  RELEASE_REVOKED: 410,
  CALL_TIMEOUT: 504,
  START_TIMEOUT: 504,
  RATE_LIMITED: 429,
  PLUGIN_BUSY: 429,
  CIRCUIT_OPEN: 503,
  PLUGIN_CLOSED: 503, // it is being replaced, or this host is going down
  CALL_CANCELLED: 503,
  STORE_BUSY: 503,
  PLUGIN_ENDED: 502,
  PLUGIN_LIMITED: 502,
  MESSAGE_INVALID: 502,
  MESSAGE_TOO_LARGE: 502, // the plugin's: what this host sends is smaller than a message may be
}

/** By family, where the code has no row: refused for safety, and a host that cannot sandbox. @type {Record<number, number>} */
const BY_EXIT_CODE = { 3: 403, 5: 503 }

/** JSON-RPC 2.0, section 5.1. What else a plugin says on purpose is about what it was given. */
const METHOD_NOT_FOUND = -32601
/** An exception that the plugin did not foresee, and JSON-RPC's internal error. */
const FAILED = [-32000, -32603]

/** Of anything that was thrown. What only this host's operator should read is not in it. @param {unknown} error @returns {Refusal} */
export function refusalOf(error) {
  if (error instanceof HttpError) return error
  if (!(error instanceof PluginError)) return internal()
  const status = statusOf(error)
  if (status === null) return internal()
  const { code, message, details } = error
  const headers = [429, 503].includes(status) ? { 'Retry-After': retryAfter(details.retryAfterMs) } : {}
  return { status, code, message, headers }
}

/** @param {PluginError} error @returns {number | null} */
function statusOf({ code, details, exitCode }) {
  if (code === 'CALL_FAILED') {
    const rpcCode = Number(details.rpcCode)
    if (rpcCode === METHOD_NOT_FOUND) return 404
    return FAILED.includes(rpcCode) ? 502 : 422
  }
  // In quarantine, where a revoked plugin is; or disabled, and may come back.
  if (code === 'WRONG_STATE') return details.quarantine === undefined ? 503 : 410
  return STATUS[code] ?? BY_EXIT_CODE[exitCode] ?? null
}

/** Paths and names of this machine are in such messages: they are for its log. @returns {Refusal} */
const internal = () => ({
  status: 500,
  code: 'INTERNAL',
  message: 'cannot answer: see the log of this host',
  headers: {},
})

/** RFC 9110, section 10.2.3: whole seconds. @param {unknown} ms */
const retryAfter = (ms) => String(Math.max(1, Math.ceil((typeof ms === 'number' ? ms : 1_000) / 1_000)))
