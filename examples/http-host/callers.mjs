// Who may ask. This host knows no users: it trusts what runs on this machine, and a browser is not to lend that trust to
// the pages of strangers.
import { HttpError } from './http-error.mjs'

/** @typedef {import('node:http').IncomingMessage} Request */

/** The names by which a client may know a host on loopback. @param {number} port */
export const loopbackNames = (port) => [`127.0.0.1:${port}`, `localhost:${port}`]

/**
 * DNS rebinding: a page of evil.example whose name has come to mean 127.0.0.1 is of our origin, to its browser. But the
 * request says which name it came by. Cross-site requests: the browser says where they come from.
 *
 * @param {Request} request @param {readonly string[]} names
 */
export function assertKnownCaller({ headers, headersDistinct, method, url }, names) {
  const [host, ...more] = headersDistinct.host ?? []
  // RFC 9110, section 7.4: a request for another authority than this one is misdirected.
  if (host === undefined || more.length > 0 || !names.includes(host.toLowerCase()))
    throw new HttpError(421, 'HOST_UNKNOWN', `cannot answer for this Host: expected ${names.join(' or ')}`)
  const { origin } = headers
  if (origin !== undefined && !names.some((name) => origin === `http://${name}`))
    throw new HttpError(403, 'ORIGIN_REFUSED', 'cannot answer pages of other origins')
  // What carries no Origin, such as an image or a script, carries this. "same-site" is another port of this machine.
  const site = headers['sec-fetch-site']
  if (site === undefined || site === 'same-origin' || site === 'none') return
  // A link to the page is no harm: it cannot be framed, and shows itself to its user alone.
  if (method === 'GET' && url === '/' && headers['sec-fetch-mode'] === 'navigate') return
  throw new HttpError(403, 'ORIGIN_REFUSED', 'cannot answer pages of other origins')
}
