// From a path to what is asked for. Nothing is decoded, and nothing is resolved: a path is known as it is, or it is not.
import { HttpError } from './http-error.mjs'

/**
 * @typedef {{ kind: 'call' | 'stream', name: string, method: string }} ToPlugin
 * @typedef {{ kind: 'health' } | { kind: 'stats' } | { kind: 'watch' } | { kind: 'page', path: string } | ToPlugin} Route
 */

/** As a manifest has it. */
const SEGMENT = '[a-z0-9](?:[a-z0-9-]{0,37}[a-z0-9])?'
/** Methods with `$/` are the channel's own: no client reaches them. */
const TO_PLUGIN = new RegExp(`^/(call|stream)/(${SEGMENT}/${SEGMENT})/([A-Za-z_][A-Za-z0-9_.-]{0,63})$`)

/** @type {ReadonlyMap<string, Route>} */
const FIXED = new Map(
  /** @type {[string, Route][]} */ ([
    ['/health', { kind: 'health' }],
    ['/stats', { kind: 'stats' }],
    ['/events', { kind: 'watch' }],
    ['/', { kind: 'page', path: '/' }],
    ['/page.css', { kind: 'page', path: '/page.css' }],
    ['/page.mjs', { kind: 'page', path: '/page.mjs' }],
    ['/cards.mjs', { kind: 'page', path: '/cards.mjs' }],
    ['/icon.svg', { kind: 'page', path: '/icon.svg' }],
  ]),
)

/** @param {string} verb @param {string} url @returns {Route} */
export function routeOf(verb, url) {
  const fixed = FIXED.get(url)
  if (fixed !== undefined) return allowed(verb, fixed.kind === 'watch' ? ['GET'] : ['GET', 'HEAD'], fixed)
  const [, kind, name, method] = TO_PLUGIN.exec(url) ?? []
  if (name === undefined || method === undefined)
    throw new HttpError(404, 'PATH_UNKNOWN', 'cannot find this path: expected /call/NAMESPACE/NAME/METHOD')
  return allowed(verb, ['POST'], { kind: kind === 'call' ? 'call' : 'stream', name, method })
}

/** @param {string} verb @param {string[]} verbs @param {Route} route @returns {Route} */
function allowed(verb, verbs, route) {
  if (verbs.includes(verb)) return route
  const Allow = verbs.join(', ')
  throw new HttpError(405, 'VERB_REFUSED', `cannot do this by ${verb}: expected ${Allow}`, { Allow })
}
