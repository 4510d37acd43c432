// The page, as it is read once when this host starts: no path of a request ever names a file.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { send } from './responses.mjs'

/** @param {string} name */
const read = (name) => readFileSync(join(import.meta.dirname, 'page', name))

const FILES = new Map([
  ['/', { type: 'text/html; charset=utf-8', body: read('index.html') }],
  ['/page.css', { type: 'text/css; charset=utf-8', body: read('page.css') }],
  ['/page.mjs', { type: 'text/javascript; charset=utf-8', body: read('page.mjs') }],
  ['/cards.mjs', { type: 'text/javascript; charset=utf-8', body: read('cards.mjs') }],
  ['/icon.svg', { type: 'image/svg+xml', body: read('icon.svg') }],
])

/** Files of this host and no others; no inline script, no inline style, no frame, and no string becomes HTML. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

/** @param {import('node:http').ServerResponse} response @param {string} path */
export function sendPage(response, path) {
  const file = FILES.get(path)
  if (file === undefined) throw new Error(`there is no file for ${path}`)
  send(response, 200, file.type, file.body, { 'Content-Security-Policy': POLICY })
}
