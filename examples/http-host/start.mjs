// node examples/http-host/start.mjs [--home DIR] [--port N] [--plugins N]: sets up what is missing, then serves until Ctrl-C.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { PluginError } from '@bulkhead/plugins'
import { BOUNDS } from './bounds.mjs'
import { startServer } from './server.mjs'
import { setUp } from './setup.mjs'

const USAGE = 'usage: node examples/http-host/start.mjs [--home DIR] [--port N] [--plugins N]'
const PORT = 8787

/** @param {string} text */
const say = (text) => void process.stderr.write(`host: ${text}\n`)

const { home: given, port, pluginsMax } = options()
const folder = mkdtempSync(join(tmpdir(), 'bulkhead-example-'))
const home = resolve(given ?? join(folder, 'home'))
// Nothing of it stays, however this ends.
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

/** @type {import('./server.mjs').RunningServer | null} */
let server = null
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
  process.on(signal, () => void leave(signal))

try {
  mkdirSync(home, { recursive: true, mode: 0o700 })
  say(`the home is ${home}${given === undefined ? ', which goes away afterwards' : ''}`)
  const author = mkdtempSync(join(folder, 'author-'))
  await setUp(home, author, say)
  // The secret key goes as soon as all is signed: nobody can sign for this home any more.
  rmSync(given === undefined ? author : folder, { recursive: true, force: true })
  server = await startServer({ home, port, pluginsMax, log: say })
  invite(server.url)
} catch (error) {
  if (!(error instanceof PluginError)) throw error
  say(`${error.message}${error.hint === undefined ? '' : `\nhint: ${error.hint}`}`)
  process.exit(error.exitCode)
}

/** A second signal does not wait. @param {'SIGINT' | 'SIGTERM' | 'SIGHUP'} signal */
async function leave(signal) {
  const isAsked = server !== null
  const closing = server
  server = null
  if (!isAsked) process.exit(128 + constants.signals[signal])
  say('closing')
  await closing?.close()
  process.exit(0)
}

/** @param {string} url */
function invite(url) {
  const post = (/** @type {string} */ path, /** @type {object} */ body) =>
    `curl -N ${url}${path} --json '${JSON.stringify(body)}'`
  process.stdout.write(
    [
      `listening on ${url}`,
      '',
      post('/call/acme/weather/forecast', { city: 'Oslo' }),
      post('/stream/acme/weather/hourly', { city: 'Tokyo' }),
      ...['crash', 'hang', 'hoard', 'garbage', 'fork_bomb'].map((what) => post(`/call/acme/trouble/${what}`, {})),
      '',
      `${url}/ shows what comes of it. Ctrl-C ends it.`,
      '',
    ].join('\n'),
  )
}

function options() {
  /** @type {{ type: 'string' }} */
  const text = { type: 'string' }
  try {
    const { home, port, plugins } = parseArgs({ options: { home: text, port: text, plugins: text } }).values
    return {
      home,
      port: whole('port', port ?? String(PORT), 0, 65_535),
      pluginsMax: whole('plugins', plugins ?? String(BOUNDS.plugins), 1, 256),
    }
  } catch (error) {
    process.stderr.write(`host: ${/** @type {Error} */ (error).message}\n${USAGE}\n`)
    process.exit(2)
  }
}

/** @param {string} name @param {string} text @param {number} least @param {number} most */
function whole(name, text, least, most) {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new TypeError(`cannot take --${name} ${text}: expected ${least} to ${most}`)
}
