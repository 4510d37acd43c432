import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { type Patience, retryAfter, Setback } from './patience.ts'

const REDIRECTS = new Set([301, 302, 303, 307, 308])
const REDIRECTS_MAX = 3

export interface Asking {
  readonly method?: 'GET' | 'HEAD'
  readonly headers?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** Agents of our own: the global ones can be told by the environment to send everything to a proxy. */
const agents = {
  'http:': new HttpAgent({ keepAlive: true }),
  'https:': new HttpsAgent({ keepAlive: true }),
} as const

/** One web server, and what it is sent to prove who asks. */
export class WebServer {
  readonly #home: URL
  readonly #token: () => Promise<string | null>
  readonly #patience: Patience

  constructor(home: URL, token: () => Promise<string | null>, patience: Patience) {
    this.#home = home
    this.#token = token
    this.#patience = patience
  }

  /**
   * The answer behind at most three redirections, its body not read yet. The token goes to the server's own origin, and no
   * more once a redirection has led away from it.
   * @throws Setback
   */
  async ask(start: URL, { method = 'GET', headers = {}, signal }: Asking): Promise<IncomingMessage> {
    const token = await this.#token()
    const common = { ...headers, accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'bulkhead' }
    let url = start
    let isAtHome = true
    for (let hops = 0; ; hops++) {
      isAtHome &&= url.origin === this.#home.origin
      const own = isAtHome && token !== null ? { authorization: `Bearer ${token}` } : {}
      const answer = await exchange(url, { method, headers: { ...common, ...own }, signal, patience: this.#patience })
      if (!REDIRECTS.has(answer.statusCode ?? 0)) return answer
      answer.destroy()
      if (hops === REDIRECTS_MAX) throw new Setback(`leads on more than ${REDIRECTS_MAX} times`, false)
      url = this.#target(url, answer.headers.location)
    }
  }

  #target(from: URL, location: string | undefined): URL {
    const no = (what: string) => new Setback(`leads on to ${what}`, false)
    if (location === undefined || !URL.canParse(location, from.href)) throw no('no address')
    const to = new URL(location, from.href)
    // Never what the address itself says: it could hold what we sent.
    if (to.protocol !== 'https:' && to.protocol !== 'http:') throw no('what is no https:// address')
    if (to.protocol === 'http:' && from.protocol === 'https:') throw no('http://, which anybody could read and change')
    if (to.protocol === 'http:' && to.origin !== this.#home.origin) throw no('another server over http://')
    if (to.username !== '' || to.password !== '') throw no('an address with a password in it')
    return to
  }
}

interface Exchange extends Required<Asking> {
  readonly patience: Patience
}

/** One question, and the head of its answer. */
function exchange(url: URL, { method, headers, signal, patience }: Exchange): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const isTls = url.protocol === 'https:'
  const common = { method, headers, signal, agent: agents[isTls ? 'https:' : 'http:'], insecureHTTPParser: false }
  // Said in full: an environment variable of Node takes it back otherwise.
  const asked = isTls ? httpsRequest(url, { ...common, rejectUnauthorized: true }) : httpRequest(url, common)
  let answer: IncomingMessage | null = null
  let connecting: NodeJS.Timeout | undefined
  const end = (why: string) => (answer ?? asked).destroy(new Setback(why, true))
  asked.on('socket', (socket) => {
    if (!socket.connecting) return
    const late = () => end(`could not be connected to within ${patience.connectMs} ms`)
    connecting = setTimeout(late, patience.connectMs)
    socket.once(isTls ? 'secureConnect' : 'connect', () => clearTimeout(connecting))
  })
  // Of the socket: it goes on to hold while the body is read.
  asked.setTimeout(patience.idleMs, () => end(`sent nothing for ${patience.idleMs} ms`))
  asked.on('response', (response) => {
    answer = response
    resolve(response)
  })
  asked.on('error', (error) => reject(setbackOf(error)))
  asked.on('close', () => clearTimeout(connecting))
  asked.end()
  return promise
}

/** What may pass by itself. */
const PASSING: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'cut the connection',
  EPIPE: 'cut the connection',
  ERR_STREAM_PREMATURE_CLOSE: 'cut the connection',
  EAI_AGAIN: 'was not found: the name service does not answer',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  ETIMEDOUT: 'did not answer in time',
}
const LASTING: Readonly<Record<string, string>> = {
  ENOTFOUND: 'was not found: no such host',
  CERT_HAS_EXPIRED: 'has a TLS certificate that has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'has a TLS certificate of its own making',
  SELF_SIGNED_CERT_IN_CHAIN: 'has a TLS certificate of its own making',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'has a TLS certificate of nobody known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'has a TLS certificate of nobody known here',
  ERR_TLS_CERT_ALTNAME_INVALID: 'has a TLS certificate for another name',
  HPE_HEADER_OVERFLOW: 'sent more headers than anybody needs',
}

/**
 * What went wrong with a connection, in words of ours and without a cause: Node's errors quote addresses and answers, and a
 * server may have put what it was sent into them.
 */
export function setbackOf(error: unknown): Setback {
  if (error instanceof Setback) return error
  const { code } = error as NodeJS.ErrnoException
  if (typeof code !== 'string') throw error // a mistake of ours, not of a server
  const passing = PASSING[code]
  if (passing !== undefined) return new Setback(passing, true)
  const word = /^[A-Z][A-Z0-9_]{2,40}$/.test(code) ? ` (${code})` : ''
  return new Setback(LASTING[code] ?? `gave an answer that is no HTTP, or none${word}`, false)
}

/** @throws Setback for everything but a plain answer with a body */
export function assertAnswer(answer: IncomingMessage, expected: readonly number[]): void {
  const { statusCode = 0, headers } = answer
  if (!expected.includes(statusCode)) {
    const mayPass = statusCode === 408 || statusCode === 429 || statusCode >= 500
    const retryAfterMs = mayPass ? retryAfter(headers['retry-after'], Date.now()) : null
    throw new Setback(`answered ${statusCode}`, mayPass, retryAfterMs)
  }
  const encoding = headers['content-encoding']
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return
  // Named when it is one there is: a server may say anything there, what it was sent among it.
  const named = /^(?:x-)?(?:gzip|compress|deflate|br|zstd)$/i.test(encoding) ? ` ${encoding.toLowerCase()}` : ''
  throw new Setback(`answered in a content encoding${named}, which nobody asked for`, false)
}
