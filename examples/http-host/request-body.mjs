// The parameters of a call, from the body of a request.
import { BOUNDS } from './bounds.mjs'
import { HttpError } from './http-error.mjs'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * JSON, an object or an array, bounded. A browser asks before it sends `application/json` to another site, and is not
 * answered; text/plain and forms it would send unasked, so they are not read as JSON however they look.
 *
 * @param {import('node:http').IncomingMessage} request
 * @returns {Promise<Record<string, unknown> | unknown[]>}
 */
export async function readParams(request) {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';')
  if (type.trim().toLowerCase() !== 'application/json')
    throw new HttpError(415, 'TYPE_UNKNOWN', 'cannot read this body: expected Content-Type: application/json')
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new HttpError(415, 'TYPE_UNKNOWN', 'cannot read a body that is encoded')
  const value = parsed(await bytesOf(request))
  if (typeof value !== 'object' || value === null)
    throw new HttpError(400, 'BODY_INVALID', 'cannot take this body: expected an object or an array')
  // What is nested too deeply can be read, and not written again for the plugin.
  if (!isShallow(value, BOUNDS.bodyDepth))
    throw new HttpError(400, 'BODY_INVALID', `cannot take this body: it is nested more than ${BOUNDS.bodyDepth} deep`)
  return value
}

/** @param {unknown} value @param {number} left @returns {boolean} */
function isShallow(value, left) {
  if (typeof value !== 'object' || value === null) return true
  return left > 0 && Object.values(value).every((inner) => isShallow(inner, left - 1))
}

/** @param {import('node:http').IncomingMessage} request */
async function bytesOf(request) {
  // Said beforehand, or found out on the way.
  if (Number(request.headers['content-length'] ?? 0) > BOUNDS.bodyBytes) throw tooLarge()
  /** @type {Buffer[]} */
  const chunks = []
  let bytes = 0
  // A request that is cut off rejects here, and nobody is there to be answered.
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > BOUNDS.bodyBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** @param {Buffer} bytes @returns {any} */
function parsed(bytes) {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch (error) {
    throw new HttpError(400, 'BODY_INVALID', `cannot read this body as JSON: ${/** @type {Error} */ (error).message}`)
  }
}

const tooLarge = () =>
  new HttpError(413, 'BODY_TOO_LARGE', `cannot read this body: it has more than ${BOUNDS.bodyBytes} bytes`)
