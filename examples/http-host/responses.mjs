// How anything is said. Each response says of itself that it is no page, and that nobody keeps it.
import { once } from 'node:events'
import { BOUNDS } from './bounds.mjs'

/** @typedef {import('node:http').ServerResponse} Response */

export const SAFE_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
}

/** @param {Response} response @param {number} status @param {unknown} value @param {Readonly<Record<string, string>>} [headers] */
export function sendJson(response, status, value, headers = {}) {
  send(response, status, 'application/json; charset=utf-8', Buffer.from(JSON.stringify(value)), headers)
}

/**
 * @param {Response} response @param {number} status @param {string} type @param {Buffer} body
 * @param {Readonly<Record<string, string>>} [headers]
 */
export function send(response, status, type, body, headers = {}) {
  response.writeHead(status, { ...SAFE_HEADERS, 'Content-Type': type, 'Content-Length': body.length, ...headers })
  response.end(body)
  cutIfUntaken(response)
}

/** Who does not take a response must not have it kept for ever. @param {Response} response */
export function cutIfUntaken(response) {
  const timer = setTimeout(() => response.destroy(), BOUNDS.untakenMs)
  response.once('close', () => clearTimeout(timer))
}

/**
 * One line of a stream; resolves when the next may be written. A client that reads slowly makes the plugin slow, not this
 * process large; one that reads nothing is cut off.
 *
 * @param {Response} response @param {unknown} value @param {AbortSignal} signal
 */
export async function sendLine(response, value, signal) {
  if (response.write(`${JSON.stringify(value)}\n`)) return
  const timer = setTimeout(() => response.destroy(), BOUNDS.untakenMs)
  try {
    await once(response, 'drain', { signal })
  } finally {
    clearTimeout(timer)
  }
}
